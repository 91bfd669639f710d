# Unit tests of engine/; what they are linked with stands in bindings.mk.
