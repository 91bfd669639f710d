"""Every answer equals uvicorn's byte for byte (Date, Server and how gzip packs aside), in both modes."""

from __future__ import annotations

import grid_requests
import pytest
import shop_requests
from wire import Peer, Request, compare

SHOWN = 5


def assert_equal(peers: tuple[Peer, Peer], requests: list[Request]) -> None:
    """Fail with the first few reports, or when there is nothing to compare."""
    assert requests
    reports = compare(*peers, requests)
    if reports:
        first = "\n".join(reports[:SHOWN])
        pytest.fail(f"{len(reports)} of {len(requests)} answers differ\n{first}", pytrace=False)


def equal_part(requests: list[Request]) -> list[Request]:
    """Without those that fastrd refuses on purpose."""
    return [request for request in requests if not shop_requests.deliberate(request)]


@pytest.mark.parametrize("group", list(shop_requests.GROUPS))
def test_shop_answers_as_under_uvicorn(shop: tuple[Peer, Peer], group: str) -> None:
    assert_equal(shop, equal_part(shop_requests.GROUPS[group]))


@pytest.mark.parametrize("group", list(grid_requests.GROUPS))
def test_grid_answers_as_under_uvicorn(grid: tuple[Peer, Peer], group: str) -> None:
    assert_equal(grid, equal_part(grid_requests.GROUPS[group]))


def test_what_the_head_policy_refuses_differs_from_uvicorn(shop: tuple[Peer, Peer]) -> None:
    """Each is a 400 here and was answered by the application there: no silent drift."""
    reference, tested = shop
    everything = [r for group in shop_requests.GROUPS.values() for r in group]
    refused = list(filter(shop_requests.deliberate, everything))
    assert refused
    for request in refused:
        assert tested.ask(request).status == b"HTTP/1.1 400 Bad Request", request
        assert reference.ask(request).status != b"HTTP/1.1 400 Bad Request", request


def test_space_after_a_field_value_is_not_part_of_it(shop: tuple[Peer, Peer]) -> None:
    """RFC 9110 section 5.5; uvicorn leaves it in the value, so the thief gets in there."""
    reference, tested = shop
    request = Request("GET", "/products/1", (("User-Agent", "thief "),))
    assert reference.ask(request).status.startswith(b"HTTP/1.1 200")
    assert tested.ask(request).status.startswith(b"HTTP/1.1 403")


def test_enough_is_asked() -> None:
    """At least 300 requests to the shop and 1500 to the grid remain to be equal."""
    shop_part = equal_part([r for group in shop_requests.GROUPS.values() for r in group])
    grid_part = equal_part([r for group in grid_requests.GROUPS.values() for r in group])
    assert len(shop_part) >= 300 and len(grid_part) >= 1500
    assert len(grid_requests.app.routes) >= 120
