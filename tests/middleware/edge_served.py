"""An application of the kind that KIND names, and the same inside Starlette's classes, as the
flags in EDGE would have it."""

from __future__ import annotations

import json
import os

import edge_apps
from test_edge import around

app = edge_apps.KINDS[os.environ["KIND"]]()
wrapped = around(app, json.loads(os.environ["EDGE"]))
