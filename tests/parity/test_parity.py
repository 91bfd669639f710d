"""Every answer equals uvicorn's byte for byte (Date and Server aside), in both modes."""

from __future__ import annotations

import pytest
import shop_requests
from wire import Peer, Request, compare

SHOWN = 5


def assert_equal(peers: tuple[Peer, Peer], requests: list[Request]) -> None:
    """Fail with the first few reports."""
    reports = compare(*peers, requests)
    if reports:
        first = "\n".join(reports[:SHOWN])
        pytest.fail(f"{len(reports)} of {len(requests)} answers differ\n{first}", pytrace=False)


@pytest.mark.parametrize("group", list(shop_requests.GROUPS))
def test_shop_answers_as_under_uvicorn(shop: tuple[Peer, Peer], group: str) -> None:
    assert_equal(shop, shop_requests.GROUPS[group])


def test_shop_is_asked_enough() -> None:
    assert sum(map(len, shop_requests.GROUPS.values())) >= 300
