"""The descriptors that a child has from the master."""

from __future__ import annotations

import fcntl
import os

from fastrapi import wire


class Inherited:
    """Those at fixed numbers, with ``listeners`` of the last kind.

    None goes on to programs that the application starts: one that outlives the server
    would keep its port. ``process`` sees to forks.
    """

    def __init__(self, listeners: int) -> None:
        self.numbers = range(wire.CHANNEL_FD, wire.LISTENER_FD + listeners)
        self._files = self._open_files()
        for fd in self.numbers:
            fcntl.fcntl(fd, fcntl.F_SETFD, fcntl.FD_CLOEXEC)

    def _open_files(self) -> list[tuple[int, int] | None]:
        """What tells each from another that took its number; None: it is closed."""
        found: list[tuple[int, int] | None] = []
        for fd in self.numbers:
            try:
                status = os.fstat(fd)
            except OSError:
                found.append(None)
            else:
                found.append((status.st_dev, status.st_ino))
        return found

    def are_gone(self) -> bool:
        """The application has closed one, as daemons do that close all they have not
        opened themselves."""
        return self._open_files() != self._files
