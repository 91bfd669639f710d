"""What fastrd starts: ``python -m fastrapi.child``, which is ``worker`` where this Python
can run it."""

from __future__ import annotations

import sys

from fastrapi import wire


def main() -> int:
    """The child's exit code. A package that this Python cannot load, or that is not the
    master's, is one line of the master's."""
    try:
        wire.check_version(sys.argv[2].partition("=")[2])
        from fastrapi import worker
    except ImportError as exc:
        wire.Channel().send(f"FAILED {wire.EXIT_PYTHON} {exc}")
        return wire.EXIT_PYTHON
    return worker.main(sys.argv)


if __name__ == "__main__":
    sys.exit(main())
