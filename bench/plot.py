"""Draws the CPU time per request of every case and peer.

    python bench/plot.py RESULTS.json PICTURE.svg [WHAT]

Called by `run.py --update-readme` and `websocket.py --update-readme`; needs matplotlib (requirements.txt).
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import matplotlib

matplotlib.use("svg")
from matplotlib import pyplot  # noqa: E402

COLOURS = {"fastrd": "#0b7a75", "fastrd-auto": "#19c0b8", "uvicorn": "#c44536",
           "granian": "#e0a458", "nginx": "#7d8597", "floor": "#c9ced6",
           "fastrd-unwatched": "#5fb3ae", "fastrd-log": "#2a6f97", "fastrd-log-json": "#468faf",
           "own": "#c9ced6", "fastpysgi": "#8a5a83", "socketify": "#8a5a83",
           "picows": "#7d8597", "libwebsockets": "#c9ced6"}


def draw(results: dict, picture: Path, what: str = "request") -> None:
    """One row of bars per case, logarithmic, cheapest peers are the shortest."""
    cases = [case for case in results["cases"].values() if case.get("unit", "µs") == "µs"]
    rows = sum(len(case["peers"]) + 1 for case in cases)
    figure, axes = pyplot.subplots(figsize=(8, 0.24 * rows + 0.8))
    at, ticks, labels = 0, [], []
    for case in cases:
        axes.text(0.02, at, case["title"], weight="bold", va="center", fontsize=9,
                  transform=axes.get_yaxis_transform())
        at += 1
        for name, peer in case["peers"].items():
            axes.barh(at, peer["cpu_us"], color=COLOURS[re.split("[: ]", name)[0]], height=0.8)
            axes.text(peer["cpu_us"] * 1.05, at, f"{peer['cpu_us']:.2f}", va="center", fontsize=8)
            ticks.append(at)
            labels.append(name)
            at += 1
    axes.set_xscale("log")
    axes.set_yticks(ticks, labels, fontsize=8)
    axes.invert_yaxis()
    axes.margins(x=0.1, y=0.01)
    axes.set_xlabel(f"CPU µs per {what}, whole server, one core (logarithmic; less is better)")
    axes.spines[["top", "right"]].set_visible(False)
    figure.tight_layout()
    figure.savefig(picture, metadata={"Date": None})


if __name__ == "__main__":
    draw(json.loads(Path(sys.argv[1]).read_text()), Path(sys.argv[2]), *sys.argv[3:])
