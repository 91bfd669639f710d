"""The files that are served: made by run.py, found by the applications."""

import os
from pathlib import Path

STATIC = Path(__file__).resolve().parents[2] / "build" / "bench" / "static"
# Thu, 01 Jan 2026 00:00:00 GMT
MODIFIED = 1767225600
PAGE = "".join(f"{i:4} the quick brown fox jumps over the lazy dog\n" for i in range(206))[:10240]


def make() -> None:
    """Write page.txt with 10 kB and a time of change that stays."""
    STATIC.mkdir(parents=True, exist_ok=True)
    page = STATIC / "page.txt"
    page.write_text(PAGE)
    os.utime(page, (MODIFIED, MODIFIED))
