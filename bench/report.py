"""Tables of a run: on the terminal and in README.md.

Works on the results as run.py writes them to JSON, measures nothing.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from case import RELATIONS, Bar

_COLUMNS = ("peer", "CPU µs/request", "requests/s", "p99 ms", "PSS MiB", "server busy",
            "load busy", "× reference", "÷ nginx")


def _compare(bar: Bar, peers: dict[str, dict[str, float]]) -> tuple[float, bool]:
    """The figure of a bar, and whether it is good."""
    peer = peers[bar.peer]["cpu_us"]
    other = peers[bar.other]["cpu_us"] if bar.other in peers else 0
    match bar.relation:
        case "cheaper":
            return other / peer, other / peer >= bar.factor
        case "at most":
            return peer / other, peer / other <= bar.factor
        case "more":
            return peer - other, peer - other <= bar.factor
        case "within":
            return peer, peer <= bar.factor
        case "adds":
            own = peers["own"]["cpu_us"]
            ratio = (peer - own) / max(other - own, 1e-9)
            return ratio, ratio <= bar.factor


def check_bar(bar: Bar, peers: dict[str, dict[str, float]]) -> dict[str, Any]:
    """Compare two peers; the verdict is PASS, MISS or SKIPPED (one was not run)."""
    text = RELATIONS[bar.relation].format(peer=bar.peer, other=bar.other, factor=bar.factor)
    needed = {bar.peer} | ({bar.other} if bar.relation != "within" else set())
    needed |= {"own"} if bar.relation == "adds" else set()
    if not needed <= set(peers):
        return {"text": text, "aim": bar.aim, "ratio": None, "verdict": "SKIPPED"}
    ratio, good = _compare(bar, peers)
    return {"text": text, "aim": bar.aim, "ratio": ratio, "verdict": "PASS" if good else "MISS"}


def case_rows(case: dict[str, Any]) -> list[tuple[str, ...]]:
    """The rows of one case's table, below _COLUMNS."""
    peers = case["peers"]
    reference = peers.get(case["reference"], {}).get("cpu_us")
    nginx = peers.get("nginx", {}).get("cpu_us")
    rows: list[tuple[str, ...]] = []
    for name, p in peers.items():
        if "rps" not in p:
            rows.append((name, f"{p['cpu_us']:.2f}", "-", *[""] * 6))
            continue
        rows.append((
            name, f"{p['cpu_us']:.2f}", f"{p['rps']:,.0f}", f"{p['p99_us'] / 1000:.2f}",
            f"{p['pss_kib'] / 1024:.1f}", f"{p['server_busy']:.0%}", f"{p['load_busy']:.0%}",
            f"{reference / p['cpu_us']:.2f}" if reference else "",
            f"{p['cpu_us'] / nginx:.2f}" if nginx else "",
        ))
    rows += [(name, "not run: " + why, *[""] * 7) for name, why in case["skipped"].items()]
    return rows


def bar_line(bar: dict[str, Any]) -> str:
    ratio = "" if bar["ratio"] is None else f": {bar['ratio']:.2f}"
    aim = f" (aim {bar['aim']:g})" if bar["aim"] else ""
    return f"{bar['verdict']} {bar['text']}{ratio}{aim}"


def print_case(case: dict[str, Any]) -> None:
    """Print the table and the bars of one case."""
    rows = [_COLUMNS, *(row for row in case_rows(case) if row[2])]
    widths = [max(len(row[i]) for row in rows) for i in range(len(_COLUMNS))]
    for row in rows:
        cells = [row[0].ljust(widths[0]), *(c.rjust(w) for c, w in zip(row[1:], widths[1:], strict=True))]
        print("  " + "  ".join(cells))
    for bar in case["bars"]:
        print("  " + bar_line(bar), flush=True)


def print_bars(results: dict[str, Any]) -> int:
    """Print all bars once more, with their count; 0 when none is missed."""
    bars = [(name, bar) for name, case in results["cases"].items() for bar in case["bars"]]
    print("\nBars")
    for name, bar in bars:
        print(f"  {name:18} {bar_line(bar)}")
    count = {v: sum(bar["verdict"] == v for _, bar in bars) for v in ("PASS", "MISS", "SKIPPED")}
    print(f"bench: {count['PASS']} passed, {count['MISS']} failed, {count['SKIPPED']} skipped")
    return 1 if count["MISS"] else 0


def _markdown(results: dict[str, Any]) -> str:
    machine = results["machine"]
    lines = [
        f"{results['date']}, `{results['command']}`: medians of {results['rounds']} alternating rounds, "
        f"{results['connections']} connections. {machine['cpu']}, {machine['cores']} cores, "
        f"Linux {machine['kernel']}; Python {machine['python']}.", "",
    ]
    for name, case in results["cases"].items():
        lines += [f"### {case['title']} (`{name}`)", "",
                  "| " + " | ".join(_COLUMNS) + " |", "|---" + "|--:" * (len(_COLUMNS) - 1) + "|"]
        lines += ["| " + " | ".join(row) + " |" for row in case_rows(case)]
        lines += ["", *(f"- {bar_line(bar)}" for bar in case["bars"]), ""]
    return "\n".join(lines)


def put_between(readme: Path, what: str, tables: str) -> None:
    """Between the two marks of that name in the README."""
    begin, end = f"<!-- {what}: begin -->", f"<!-- {what}: end -->"
    before, _, rest = readme.read_text().partition(begin)
    _, _, after = rest.partition(end)
    readme.write_text(f"{before}{begin}\n{tables}\n{end}{after}")


def update_readme(results: Path, readme: Path) -> None:
    """Put the tables of a results file there."""
    put_between(readme, "results", _markdown(json.loads(results.read_text())))
