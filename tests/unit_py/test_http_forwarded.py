"""Where a request comes from is what uvicorn's ProxyHeadersMiddleware makes of the same
fields. ``tests/unit/http_oracle`` answers for http/forwarded.c and http/trust.c."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from test_http_text import Oracle
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

CASES = int(os.environ.get("FASTRD_HTTP_CASES", "25000"))
PEER = "127.0.0.1"
TRUST = [
    "127.0.0.1", "*", "", " ", "127.0.0.1, 10.0.0.0/8", "127.0.0.1,::1", "10.0.0.1", "*,127.0.0.1",
    "127.0.0.0/8", "127.0.0.1/8", "127.0.0.0/255.0.0.0", "127.0.0.0/0.255.255.255", "0.0.0.0/0",
    "::/0", "127.0.0.1,2001:db8::/32", "127.0.0.1/32,2001:db8::1", "127.0.0.1, proxy,unix:",
    "127.0.0.1,fe80::1%eth0", "127.0.0.1,fe80::%eth0/64", "127.0.0.1,::ffff:10.0.0.1",
    "127.0.0.1,10.0.0.0/08", "127.0.0.1,10.0.0.0/33", "127.0.0.1,10.0.0.0/", "127.0.0.1,/8",
    "127.0.0.1,10.0.0.0/8/8", "127.0.0.1,10.0.0.0/255.0.255.0", "127.0.0.1,10.0.0.0/0.0.0.0",
    "127.0.0.1,10.0.0.0/+8", "0127.0.0.1", "127.0.0.1,10.1.0.0/9", "127.0.0.1,0.0.0.0/1",
    "127.0.0.1,2001:db8::/129", "127.0.0.1,2001:db8::/ffff::", "localhost", "[::1],127.0.0.1",
]  # fmt: skip
HOSTS = [
    "10.0.0.1", "10.200.3.4", "11.0.0.1", "127.0.0.1", "1.2.3.4", "::1", "0:0:0:0:0:0:0:1", "2001:db8::1",
    "2001:DB8:0::1", "2001:db8::", "2001:db9::", "fe80::1", "fe80::1%eth0", "fe80::1%eth1", "fe80::2%eth0",
    "fe80::1%", "fe80::1%a%b", "fe80::1%a/b", "::ffff:10.0.0.1", "::ffff:a00:1", "proxy", "unix:", "",
    "localhost", "unknown", "_hidden", "010.0.0.1", "10.0.0.01", "10.0.0", "10.0.0.256", "10.0.0.1.1",
    "1::2::3", "1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:8::", "::1:2:3:4:5:6:7:8", "12345::",
    "::1.2.3.4", "1.2.3.4::", ":::", "\xe9", "10.0.0.0/8", "*", "10.0.0.1]", "0.0.0.0", "::",
]  # fmt: skip
PORTS = ["", ":80", ":0", ":", ":x", ":-1", ":+8", ": 80 ", ":8_0", ":8__0", ":_8", ":8_", ":65536",
         ":99999999999", ":1.0", ":80:80", ":\xb2", "x", ":0x10", ":-", ":+", ":\xa080"]  # fmt: skip
BLANKS = ["", "", "", " ", "\t ", "\xa0", "\x85"]
SCHEMES = ["http", "https", "ws", "wss", "HTTPS", "ftp", "", "https,http", "http s", "\xa0https\x85"]


@pytest.fixture(scope="module")
def oracle() -> Iterator[Oracle]:
    build = Path(os.environ.get("FASTRD_BUILD", Path(__file__).parents[2] / "build"))
    running = Oracle(build / "obj/tests/unit/http_oracle")
    yield running
    running.close()


def member(chance: random.Random) -> str:
    host, port = chance.choice(HOSTS), chance.choice(PORTS)
    shape = chance.choice(["{}", "{}{}", "[{}]{}", "[{}", "{}]{}"])
    return chance.choice(BLANKS) + shape.format(host, port) + chance.choice(BLANKS)


def fields(chance: random.Random) -> list[tuple[str, str]]:
    found = [
        (name, ",".join(member(chance) for _ in range(chance.randint(1, 4))))
        for name in chance.choice([[], ["x-forwarded-for"], ["x-forwarded-for"] * 2])
    ]
    found += [("x-forwarded-proto", chance.choice(SCHEMES)) for _ in range(chance.randint(0, 2))]
    found += [(name, "1.2.3.4") for name in ("x-forwarded-host", "x-forwarded-fox", "x_forwarded_for")]
    chance.shuffle(found)
    return found


def uvicorns(trust: str, given: list[tuple[str, str]]) -> tuple[str, int, str]:
    """(host, port, scheme) that an application behind the middleware gets."""
    # The parser takes blanks away from both ends of a value.
    headers = [(name.encode(), value.strip(" \t").encode("latin1")) for name, value in given]
    scope: Any = {"type": "http", "client": (PEER, 50000), "scheme": "http", "headers": headers}

    async def app(scope: Any, receive: Any, send: Any) -> None:
        pass

    call: Any = ProxyHeadersMiddleware(app, trust)(scope, None, None)  # type: ignore[arg-type]
    with pytest.raises(StopIteration):
        call.send(None)
    return (*scope["client"], scope["scheme"])


def asked(oracle: Oracle, trust: str, all_given: list[list[tuple[str, str]]]) -> list[Any]:
    questions = [
        b"%s\0%s\0GET / HTTP/1.1\r\nHost: x\r\n" % (trust.encode(), PEER.encode())
        + b"".join(f"{n}: {v}\r\n".encode("latin1") for n, v in given)
        + b"\r\n"
        for given in all_given
    ]
    found = []
    for line in oracle.ask_all("forwarded", questions):
        client, _, scheme = line.decode().partition(" ")
        host, _, port = client.partition("=")
        found.append((bytes.fromhex(host).decode("latin1"), int(port), scheme))
    return found


@pytest.mark.parametrize("trust", TRUST)
def test_every_form_of_a_member(oracle: Oracle, trust: str) -> None:
    given = [[("x-forwarded-for", host + port)] for host in HOSTS for port in PORTS]
    given += [[("x-forwarded-for", f"[{host}]{port}")] for host in HOSTS for port in PORTS]
    given += [[("x-forwarded-for", f"9.9.9.9,{host}")] for host in HOSTS]
    for one, found in zip(given, asked(oracle, trust, given), strict=True):
        assert found == uvicorns(trust, one), (trust, one)


def test_lists_and_several_fields(oracle: Oracle) -> None:
    chance = random.Random(2)
    for trust in TRUST:
        given = [fields(chance) for _ in range(CASES // 100)]
        for one, found in zip(given, asked(oracle, trust, given), strict=True):
            assert found == uvicorns(trust, one), (trust, one)
