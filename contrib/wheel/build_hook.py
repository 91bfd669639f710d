"""Compiles what a wheel needs: called by hatchling for `pip install .` (pyproject.toml).

configure and make run in a temporary directory, for the Python that builds the wheel. The wheel gets
the extension, the programs, the manual pages, and the files for type checkers; with FASTRD_CONFIGURE=
--enable-static-libraries the licences of the libraries, too. An sdist gets what autoreconf makes, so
that nobody who builds from it needs autotools.
"""

from __future__ import annotations

import os
import re
import runpy
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

NEEDED = """
fastrd needs a C compiler, make, pkg-config, Python's headers and five libraries:
  Debian, Ubuntu: apt install gcc make pkg-config python3-dev libevent-dev libhttp-parser-dev zlib1g-dev
                      libdeflate-dev nettle-dev
  Fedora:         dnf install gcc make pkgconf python3-devel libevent-devel http-parser-devel zlib-devel
                      libdeflate-devel nettle-devel
  Alpine:         apk add gcc musl-dev make pkgconf python3-dev libevent-dev http-parser-dev zlib-dev
                      libdeflate-dev nettle-dev"""
AUTOTOOLS = "\nA checkout, other than an sdist, needs autoconf, automake and libtool as well."
# Debian's packages of what --enable-static-libraries links with, and the texts that theirs refer to.
LIBRARIES = ("libevent-dev", "libhttp-parser-dev", "zlib1g-dev", "libdeflate-dev", "nettle-dev")
COMMON = ("LGPL-3", "GPL-3", "GPL-2")


class WheelBuildHook(BuildHookInterface):
    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Build, and add the results. Ends with a text, which pip prints, when a step fails; its own
        words stand above."""
        if version == "editable":
            raise SystemExit("an editable install is not possible: fastrd is compiled. Use ./try")
        root = Path(self.root)
        is_sdist = (root / "PKG-INFO").exists()
        if not is_sdist and _outdated(root):
            (root / "m4").mkdir(exist_ok=True)
            _run(["autoreconf", "-f", "-i"], root, NEEDED + AUTOTOOLS)
        add = build_data["force_include"]
        if self.target_name == "sdist":
            add |= {str(root / "tests/unit" / file.name): f"tests/unit/{file.name}" for file in _fragments(root)}
            return
        self._directory = tempfile.TemporaryDirectory(prefix="fastrd-wheel-")
        built = Path(self._directory.name)
        programs = re.findall(r"^bin_PROGRAMS = (.*)$", (root / "Makefile.am").read_text(), re.MULTILINE)[0].split()
        # In an sdist nothing has to be made anew, whatever times its files have got.
        own = ["--disable-maintainer-mode"] if is_sdist else []
        _run([str(root / "configure"), "-q", f"PYTHON={sys.executable}", *own, *_configure(root)], built, NEEDED)
        _run(["make", "-s", "V=0", f"-j{os.cpu_count() or 1}", *programs, "_engine.la"], built, NEEDED)
        (extension,) = (built / ".libs").glob("_engine.*.so")
        build_data["pure_python"] = False
        build_data["infer_tag"] = True
        build_data["shared_scripts"] = {str(built / name): name for name in programs}
        build_data["shared_data"] = {
            str(page): f"share/man/man{page.suffix[1:]}/{page.name}" for page in (root / "docs").glob("*.[1-8]")
        }
        add[str(extension)] = f"fastrapi/{extension.name}"
        facades = built / "facades"
        for file in runpy.run_path(str(root / "contrib/facades"))["write"](facades):
            add[str(facades / file)] = f"fastrapi/{file}"
        if "--enable-static-libraries" in _configure(root):
            info = f"{self.metadata.core.name}-{self.metadata.version}.dist-info"
            add |= {str(text): f"{info}/licenses/libraries/{name}" for name, text in _licences().items()}

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        if self.target_name == "wheel":
            self._directory.cleanup()


def _fragments(root: Path) -> list[Path]:
    """What Makefile.am includes."""
    return sorted((root / "tests/unit").glob("*.mk"))


def _outdated(root: Path) -> bool:
    """Is what autoreconf makes missing, or older than what it is made of?"""
    makers = {"configure": [root / "configure.ac"], "Makefile.in": [root / "Makefile.am", *_fragments(root)]}
    return any(
        not (root / made).exists() or (root / made).stat().st_mtime < max(p.stat().st_mtime for p in sources)
        for made, sources in makers.items()
    )


def _configure(root: Path) -> list[str]:
    """Its further arguments. Without CFLAGS of the caller's there are no symbols for a debugger; a
    text in the program that names a source file does not name the directory of this build."""
    flags = f"CFLAGS={os.environ.get('CFLAGS', '-O2')} -ffile-prefix-map={root}=."
    return [flags, *os.environ.get("FASTRD_CONFIGURE", "").split()]


def _licences() -> dict[str, Path]:
    """Name -> text, of the libraries that are linked in."""
    own = {name: Path("/usr/share/doc", name, "copyright") for name in LIBRARIES}
    return own | {name: Path("/usr/share/common-licenses", name) for name in COMMON}


def _run(command: list[str], directory: Path, needed: str) -> None:
    """Run it with its output on ours."""
    try:
        status = subprocess.run(command, cwd=directory).returncode
    except FileNotFoundError:
        status = 127
    if status != 0:
        raise SystemExit(f"{Path(command[0]).name} failed ({status}); its message stands above.{needed}")
