"""``python -m fastrapi.warm``: imports FastAPI, and waits to be a child of fastrd (``master/warm``).

While somebody works at an application, a reload then needs to import no more than the application. What
has changed on disk since, of all that was imported and of where Python looks for modules, counts: then this
process begins anew as the child.
"""

from __future__ import annotations

import fcntl
import importlib
import os
import signal
import site
import sys
from contextlib import suppress

from fastrapi import child, wire
from fastrapi.process import ignore


def _stamps() -> dict[str, tuple[int, int]]:
    """What tells of each file that was imported, and of the directories of packages, whether it has
    changed."""
    files = (getattr(module, "__file__", None) for module in list(sys.modules.values()))
    found = {}
    for path in {*site.getsitepackages(), site.getusersitepackages(), *filter(None, files)}:
        with suppress(OSError):
            status = os.stat(path)
            found[path] = (status.st_mtime_ns, status.st_ino)
    return found


def _arrange(descriptors: list[int]) -> None:
    """Bring them to where a child has them. Each is moved away first, so that none is overwritten."""
    above = wire.CHANNEL_FD + len(descriptors)
    moved = [fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, above) for fd in descriptors]
    for fd in descriptors:
        os.close(fd)
    for number, fd in enumerate(moved, wire.CHANNEL_FD):
        os.dup2(fd, number)
        os.close(fd)


def _be(birth: wire.Birth) -> None:
    """Take over what the child has from the master."""
    os.fchdir(birth.directory)
    os.close(birth.directory)
    _arrange(birth.descriptors)
    for name, text in birth.secrets.items():
        os.environ.pop(name, None)
        if text:
            os.environ[name] = text


def main() -> int:
    """The exit code: that of the child."""
    ignore(signal.SIGHUP)
    ignore(signal.SIGINT)
    channel = wire.Channel()
    with suppress(Exception):  # a child without this says what is wrong
        importlib.import_module("fastrapi.worker")
        importlib.import_module("fastapi")
    stamps = _stamps()
    birth = channel.receive_birth()
    channel.socket.close()
    if birth is None:
        return wire.EXIT_OK
    _be(birth)
    if _stamps() != stamps:
        os.execv(sys.orig_argv[0], [*sys.orig_argv[:-1], "fastrapi.child", *birth.words])
    importlib.invalidate_caches()
    sys.argv = [child.__file__, *birth.words]
    return child.main()


if __name__ == "__main__":
    sys.exit(main())
