"""The name under which the distribution is installed; the package is ``fastrapi``."""
