"""A directory of files of every kind, and what is asked of it."""

from __future__ import annotations

import hashlib
import os
import random
from pathlib import Path

CHUNK = 64 * 1024
AT_ONCE = 32 * 1024
NAMES = ("a.txt", "style.css", "page.html", "app.js", "app.min.3f9a.js", "data.json", "pic.png", "noext",
         ".hidden", ".hidden.txt", "..txt", "x.", "archive.tar.gz", "archive.tgz", "image.svgz", "UPPER.TXT",
         "with space.txt", "übergröße.txt", "odd.unknownsuffix", "a:b.txt", "q?x.txt", "semi;colon.txt",
         "back\\slash.txt", "data:text,plain", "x.longer-suffix-than-is-kept-by-the-table.css")  # fmt: skip
SIZES = (0, 1, 10, 999, AT_ONCE - 1, AT_ONCE, AT_ONCE + 1, CHUNK - 1, CHUNK, CHUNK + 1, 200_000)
YEAR_2026 = 1_767_225_600


def content(size: int, seed: int) -> bytes:
    return random.Random(seed).randbytes(min(size, 4096)) * (size // 4096 + 1)


def write(path: Path, size: int, seed: int, ns: int | None = None) -> None:
    path.write_bytes(content(size, seed)[:size])
    if ns is None:
        ns = YEAR_2026 * 10**9 + random.Random(seed).randrange(-(10**18), 10**17)
    os.utime(path, ns=(ns, ns))


def make(root: Path) -> Path:
    """The directory `root`/static, with links into and out of it, and `root`/second."""
    static, second, outside = root / "static", root / "second", root / "outside"
    for directory in (static, second, outside, static / "sub", static / "site", static / "empty",
                      second / "site2", static / "index.html.d", second / "sub"):  # fmt: skip
        directory.mkdir(parents=True)
    for number, name in enumerate(NAMES):
        write(static / name, 20 + number, number)
    for size in SIZES:
        write(static / f"size{size}.bin", size, size)
        write(static / f"size{size}.txt", size, size)
    write(static / "sub/deep.txt", 30, 1)
    write(static / "site/index.html", 40, 2)
    write(second / "only.txt", 50, 3)
    write(second / "a.txt", 51, 4)
    write(second / "site2/index.html", 52, 5)
    write(second / "404.html", 53, 6)
    write(second / "sub/deep.txt", 54, 7)
    write(second / "sub/other.txt", 55, 8)
    write(outside / "secret.txt", 60, 9)
    write(root / "static-secret.txt", 61, 10)
    links = {
        "in.css": "a.txt", "in-dir": "sub", "up.txt": "sub/../a.txt", "absolute.txt": str(static / "a.txt"),
        "out.txt": "../outside/secret.txt", "out-dir": str(outside), "dangling.txt": "nowhere.txt",
        "loop.txt": "loop.txt", "near.txt": "../static-secret.txt", "to-second": str(second),
    }  # fmt: skip
    for name, target in links.items():
        (static / name).symlink_to(target)
    os.mkfifo(static / "fifo.txt")
    (root / "linked").symlink_to("static")
    return static


PATHS = (
    *(f"/{name}" for name in ("a.txt", "style.css", "page.html", "app.js", "app.min.3f9a.js", "data.json",
                              "pic.png", "noext", ".hidden", ".hidden.txt", "..txt", "x.", "archive.tar.gz",
                              "archive.tgz", "image.svgz", "UPPER.TXT", "with%20space.txt",
                              "%C3%BCbergr%C3%B6%C3%9Fe.txt", "odd.unknownsuffix", "a:b.txt", "q%3Fx.txt",
                              "semi;colon.txt", "back%5Cslash.txt", "data:text,plain",
                              "x.longer-suffix-than-is-kept-by-the-table.css")),
    *(f"/size{size}.bin" for size in SIZES),
    "", "/", "//", "/.", "/..", "/./a.txt", "//a.txt", "/a.txt/", "/a.txt/x", "/sub/../a.txt", "/sub/deep.txt",
    "/sub//deep.txt", "/sub/./deep.txt", "/sub", "/sub/", "/sub/.", "/site", "/site/", "/site/index.html",
    "/site?x=1", "/site/?x=1", "/empty", "/empty/", "/index.html.d/", "/site2", "/site2/", "/only.txt",
    "/sub/other.txt", "/missing.txt", "/missing/", "/missing/a.txt", "/../a.txt", "/../static/a.txt",
    "/../outside/secret.txt", "/sub/../../static/a.txt", "/%2e%2e/outside/secret.txt",
    "/..%2foutside/secret.txt", "/%2fetc/passwd", "//etc/passwd", "/%5cetc", "/%5c%5chost%5cshare", "/a%00.txt",
    "/%00", "/../%00", "/a%0a.txt", "/" + "n" * 255, "/" + "n" * 256, "/missing/" + "n" * 256,
    "/" + "d/" * 400 + "x", "/" + "d/" * 600 + "x", "/" + "n" * 1001, "/in.css", "/in-dir/deep.txt", "/in-dir",
    "/in-dir/", "/up.txt", "/absolute.txt", "/out.txt", "/out-dir/secret.txt", "/out-dir", "/dangling.txt",
    "/loop.txt", "/near.txt", "/to-second/only.txt", "/to-second/site2", "/fifo.txt", "/404.html", "/%ff.txt",
    "/caf%E9.txt", "/a.txt%20", "/A.TXT", "/a.txt?download=1", "/%61.txt",
)  # fmt: skip


def etag(path: Path) -> str:
    """As Starlette computes it."""
    st = path.stat()
    return f'"{hashlib.md5(f"{st.st_mtime}-{st.st_size}".encode()).hexdigest()}"'
