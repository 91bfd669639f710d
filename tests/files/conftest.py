"""These tests compare applications in memory as those of native middleware do, and speak the
bytes of the parity tests."""

from __future__ import annotations

import sys
from pathlib import Path

for directory in (".", "../middleware", "../parity", "../compile"):
    sys.path.insert(0, str((Path(__file__).parent / directory).resolve()))
