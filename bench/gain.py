"""What an application gains: the table of the top README and its pictures, from the figures of README.md here.

    build/bench/venv/bin/python bench/gain.py           after `run.py --update-readme`

It measures nothing. The pictures (gain.svg has all rows, gain-short.svg some) need matplotlib (requirements.txt).
Their axis is linear and begins at zero; they have a background of their own, to be read on a dark page, too.
"""

from __future__ import annotations

import re
from pathlib import Path

from report import put_between

BENCH = Path(__file__).resolve().parent
PEERS = ("fastrd", "uvicorn")
# A case of the bench, and what a request of it has.
ROWS = (
    ("hello", "nothing around an `async def`"),
    ("four-layers", "CORS, GZip, TrustedHost, Session"),
    ("http-middleware", 'one `@app.middleware("http")`'),
    ("asgi-middleware", "one ASGI middleware"),
    ("session-read", "a session cookie that is read"),
    ("yield", "an `async` dependency with `yield`"),
    ("def-yield", "a `def` endpoint, a `def` dependency with `yield`"),
    ("background", "a background function"),
    ("exception", "an HTTPException"),
    ("model", "a model in, a model out"),
    ("upload", "an upload of 20 kB"),
    ("static", "a file of 10 kB from StaticFiles"),
    ("models", "a list of 100 models"),
    ("gzip", "5 kB of JSON, compressed behind a BaseHTTPMiddleware"),
    ("redis", "one increment in Redis"),
    ("asyncpg", "one row of PostgreSQL by asyncpg"),
    ("raw", "raw ASGI, no framework"),
)
# Those of the short picture: the least and the greatest gain are among them.
SHORT = ("hello", "http-middleware", "model", "static", "models", "asyncpg")


def figures(case: str) -> tuple[float, ...]:
    """CPU µs of a request of the case, for each of PEERS, as README.md has them."""
    text = (BENCH / "README.md").read_text().partition(f"(`{case}`)\n")[2].partition("\n### ")[0]
    return tuple(float(re.search(rf"^\| {peer} \| ([\d.]+) ", text, re.M)[1]) for peer in PEERS)


def rounded(value: float, whole_from: float) -> str:
    return f"{value:.0f}" if value >= whole_from else f"{value:.1f}"


def table() -> str:
    lines = ["| a request with | fastrd | uvicorn | cheaper |", "| --- | --: | --: | --: |"]
    for case, text in ROWS:
        ours, theirs = figures(case)
        lines.append(f"| {text} | {rounded(ours, 30)} | {rounded(theirs, 30)} | {rounded(theirs / ours, 10)} times |")
    return "\n".join(lines)


def draw(picture: Path, rows: list[tuple[str, str]]) -> None:
    """Two bars for each row."""
    import matplotlib

    matplotlib.use("svg")
    from matplotlib import pyplot

    matplotlib.rcParams.update({
        "svg.fonttype": "none", "svg.hashsalt": "fastrd", "font.family": "sans-serif", "font.size": 10,
        "text.color": "#1c2733", "axes.labelcolor": "#1c2733", "xtick.color": "#1c2733", "ytick.color": "#1c2733",
    })  # fmt: skip
    figure, axes = pyplot.subplots(figsize=(8.6, 0.9 + 0.44 * len(rows)), facecolor="#ffffff")
    for peer, name in enumerate(PEERS):
        values = [figures(case)[peer] for case, _ in rows]
        places = [row + 0.38 * peer for row in range(len(rows))]
        axes.barh(places, values, height=0.36, label=name, color=("#0b7a75", "#c9a227")[peer])
        for place, value in zip(places, values, strict=True):
            axes.text(value + 5, place, rounded(value, 30), va="center", fontsize=9)
    axes.set_yticks([row + 0.19 for row in range(len(rows))], [text.replace("`", "") for _, text in rows])
    axes.invert_yaxis()
    axes.set_xlim(0, 650)
    axes.margins(y=0.01)
    axes.set_xlabel("CPU time of one request, µs (less is better)")
    axes.legend(loc="lower right", frameon=False)
    axes.spines[["top", "right"]].set_visible(False)
    figure.tight_layout()
    figure.savefig(picture, metadata={"Date": None})


if __name__ == "__main__":
    put_between(BENCH.parent / "README.md", "gain", table())
    draw(BENCH / "gain.svg", list(ROWS))
    draw(BENCH / "gain-short.svg", [row for row in ROWS if row[0] in SHORT])
