"""Pairs of servers, each on its own fresh database, one pair per mode."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

import servers
from wire import Peer

Pair = tuple[Peer, Peer]


@contextmanager
def pair(app: str, app_dir: Path, mode: str, state: Path) -> Iterator[Pair]:
    """A connection to uvicorn and one to fastrd in `mode` (compiled, asgi)."""
    with ExitStack() as stack:
        peers = []
        for name, command in (("reference", servers.uvicorn), ("fastrd", servers.fastrd)):
            port = servers.free_port()
            env = {"SHOP_DATABASE": str(state / f"{name}.sqlite"), "FASTRD_FORCE": mode}
            log = state / f"{name}.log"
            stack.enter_context(servers.serving(command(app, app_dir, port), port, log, env))
            peer = Peer(port)
            stack.callback(peer.close)
            peers.append(peer)
        yield peers[0], peers[1]


@pytest.fixture(scope="session", params=["compiled", "asgi"])
def mode(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="session")
def shop(mode: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    state = tmp_path_factory.mktemp(f"shop-{mode}")
    with pair("shop:app", servers.ROOT / "examples", mode, state) as peers:
        yield peers


@pytest.fixture(scope="session")
def grid(mode: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    state = tmp_path_factory.mktemp(f"grid-{mode}")
    with pair("grid:app", Path(__file__).parent, mode, state) as peers:
        yield peers
