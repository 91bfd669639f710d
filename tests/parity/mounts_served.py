"""The applications of tests/compile that mount others, to be served."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "compile"))

import mounted_layers_app
import mounts_app
import starlette_app

APPS = {"mounts": mounts_app, "starlettes": starlette_app, "layers": mounted_layers_app}
mounts, starlettes, layers = (module.make() for module in APPS.values())  # type: ignore[attr-defined]
