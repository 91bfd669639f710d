"""pytest plugin: Starlette's TestClient speaks HTTP/1.1 bytes to an engine.

    PYTHONPATH=tests/suite pytest -p engine_transport --engine=fastrapi ...

Every http(s) request of a TestClient on asyncio is written as bytes, fed to a
`MemoryConnection` inside the portal's own loop, and the answer is read back
from bytes. What the test sees of it is what the original transport shows: lazy
content, the application's own unhandled exception, the state of the lifespan.
WebSocket and trio clients fall through to the original.

--engine=fastrapi   the C engine, on fastrapi's event loop
--engine=uvicorn    uvicorn's httptools protocol in memory: the baseline
--engine=starlette  the original transport, untouched
--engine-report=F   verdicts and counters of the whole run as JSON
"""

from __future__ import annotations

import contextlib
import functools
import json
import os
import subprocess
from collections import Counter
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import pytest
import sniffio
import starlette.testclient as starlette_testclient
from fastapi import FastAPI
from wire import ResponseReader, WireError, request_bytes

httpx = starlette_testclient.httpx
_Transport = starlette_testclient._TestClientTransport
_original_handle_request = _Transport.handle_request

_DEFAULT_PORTS = {"http": 80, "https": 443}
# Fields that belong to the connection, not to the application's answer.
_CONNECTION_FIELDS = {b"date", b"server", b"connection", b"transfer-encoding"}
_DOCUMENTATION = ("/openapi.json", "/docs", "/redoc")


class Engine:
    """The engine under test and what it did in this process."""

    def __init__(self, name: str) -> None:
        self.loop_factory: Callable[[], Any] | None = None
        if name == "fastrapi":
            from fastrapi import EventLoop
            from fastrapi.testclient import MemoryConnection

            self.loop_factory = EventLoop
        else:
            from uvicorn_memory import MemoryConnection
        self.connect = MemoryConnection
        self.counters: Counter[str] = Counter()
        self.reasons: Counter[str] = Counter()

    def count(self, request: Any, status: int, app: Any, connection: Any) -> None:
        """Record how one request ran, for the table of run.py."""
        self.counters["requests"] += 1
        for how in ("compiled", "replayed", "asgi"):
            self.counters[how] += getattr(connection, how)
        if not (200 <= status < 300 and isinstance(app, FastAPI)):
            return
        self.counters["success"] += 1
        self.counters["success_compiled"] += connection.compiled
        self.counters["success_replayed"] += connection.replayed
        if not connection.compiled:
            if request.url.path.startswith(_DOCUMENTATION):
                self.counters["success_documentation"] += 1
            self.reasons.update(connection.reasons or {"no reason given": 1})


class _Exchange:
    """One request on one connection; its methods run in the portal's loop."""

    def __init__(self, engine: Engine, transport: Any, request: Any) -> None:
        self._engine = engine
        self._transport = transport
        self._request = request
        self._status = 0
        self.connection: Any = None
        self.reader: ResponseReader

    async def start(self) -> tuple[int, list[tuple[bytes, bytes]]]:
        """Send the request and return status and fields of the answer."""
        request, url = self._request, self._request.url
        fields = list(request.headers.raw)
        if "host" not in request.headers:
            fields.insert(0, (b"host", url.netloc))
        data = request_bytes(request.method, url.raw_path, fields, request.read())
        self.connection = self._engine.connect(
            self._transport.app,
            client=self._transport.client,
            server=(url.raw_host.decode("ascii"), url.port or _DEFAULT_PORTS[url.scheme]),
            scheme=url.scheme,
            root_path=self._transport.root_path,
            state=self._transport.app_state.copy(),
        )
        self.reader = ResponseReader(self.connection, request.method)
        self.connection.feed(data)
        self._status, fields = await self.reader.read_head()
        return self._status, fields

    async def finish(self) -> list[BaseException]:
        """Close the connection, wait until the application's code is done.

        Returns the exceptions that the application did not handle and forgets
        them: a traceback keeps the request of a test alive.
        """
        connection, self.connection = self.connection, None
        if connection is None:
            return []
        connection.eof()
        while data := await connection.read():
            if self._status and self.reader.complete:
                raise WireError(f"bytes after the answer: {data[:40]!r}")
        self._engine.count(self._request, self._status, self._transport.app, connection)
        return list(connection.exceptions)


class _Content(httpx.SyncByteStream):
    """Content of an answer, taken from the wire as the test consumes it."""

    def __init__(self, transport: Any, portal: Any, exchange: _Exchange) -> None:
        self._transport = transport
        self._portal = portal
        self._exchange = exchange
        self._stack = contextlib.ExitStack()

    def hold(self, stack: contextlib.ExitStack) -> None:
        """Take over portal and exchange until the content is closed."""
        self._stack = stack
        self._transport._open_requests.add(self.close)

    def finish(self, error_type: type[BaseException] | None, *_: Any) -> None:
        """Exit callback: end the exchange, raise what the application raised."""
        self._transport._open_requests.discard(self.close)
        unhandled = self._portal.call(self._exchange.finish)
        of_wire = error_type is None or issubclass(error_type, WireError)
        if unhandled and of_wire and self._transport.raise_server_exceptions:
            raise unhandled[0]

    def __iter__(self) -> Generator[bytes, None, None]:
        try:
            while piece := self._portal.call(self._exchange.reader.read_content):
                yield piece
        except WireError:
            self.close()
            raise
        self.close()

    def close(self) -> None:
        self._stack.close()


async def _on_asyncio() -> bool:
    return sniffio.current_async_library() == "asyncio"


def _handle_request(engine: Engine, self: Any, request: Any) -> Any:
    """Replacement of _TestClientTransport.handle_request."""
    if request.url.scheme not in _DEFAULT_PORTS:
        return _original_handle_request(self, request)
    with contextlib.ExitStack() as stack:
        portal = stack.enter_context(self.portal_factory())
        if not portal.call(_on_asyncio):
            return _original_handle_request(self, request)
        exchange = _Exchange(engine, self, request)
        content = _Content(self, portal, exchange)
        stack.push(content.finish)
        status, fields = portal.call(exchange.start)
        content.hold(stack.pop_all())
    return httpx.Response(
        status,
        headers=[(k, v) for k, v in fields if k.lower() not in _CONNECTION_FIELDS],
        stream=content,
        request=request,
    )


def _install(engine: Engine) -> None:
    """Route every TestClient of this process through the engine."""

    @functools.wraps(_original_handle_request)
    def handle_request(self: Any, request: Any) -> Any:
        return _handle_request(engine, self, request)

    _Transport.handle_request = handle_request  # type: ignore[method-assign]
    if engine.loop_factory is None:
        return
    original_init = starlette_testclient.TestClient.__init__

    @functools.wraps(original_init)
    def init(self: Any, *args: Any, **kwargs: Any) -> None:
        original_init(self, *args, **kwargs)
        if self.async_backend["backend"] == "asyncio":
            options = self.async_backend["backend_options"]
            self.async_backend["backend_options"] = {"loop_factory": engine.loop_factory, **options}

    starlette_testclient.TestClient.__init__ = init  # type: ignore[method-assign]


class _Report:
    """Collects verdicts and, from every process, the engine's counters."""

    def __init__(self, config: pytest.Config, engine: Engine | None) -> None:
        self._config = config
        self._engine = engine
        self._verdicts: dict[str, str] = {}
        self._messages: dict[str, str] = {}
        self._counters: Counter[str] = Counter()
        self._reasons: Counter[str] = Counter()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        verdict: str = report.outcome
        if hasattr(report, "wasxfail"):
            verdict = "xfailed" if report.skipped else "xpassed"
        elif report.failed and report.when != "call":
            verdict = "error"
        rank = ("passed", "skipped", "xfailed", "xpassed", "error", "failed")
        before = self._verdicts.get(report.nodeid, "passed")
        self._verdicts[report.nodeid] = max(before, verdict, key=rank.index)
        if report.failed:
            crash = getattr(report.longrepr, "reprcrash", None)
            text = crash.message if crash else str(report.longrepr)
            self._messages.setdefault(report.nodeid, text.split("\n", 1)[0][:200])

    def _add(self, counters: dict[str, int], reasons: dict[str, int]) -> None:
        self._counters.update(counters)
        self._reasons.update(reasons)

    def pytest_sessionfinish(self) -> None:
        if self._engine is not None:
            self._add(self._engine.counters, self._engine.reasons)
        counted = {"counters": dict(self._counters), "reasons": dict(self._reasons)}
        if hasattr(self._config, "workeroutput"):
            self._config.workeroutput["engine"] = counted
        elif path := self._config.getoption("engine_report"):
            report = {"verdicts": self._verdicts, "messages": self._messages, **counted}
            Path(path).write_text(json.dumps(report, indent=1, sort_keys=True))


class _Gather:
    """On the controller of pytest-xdist: add up what the workers counted."""

    def __init__(self, report: _Report) -> None:
        self._report = report

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any, error: Any) -> None:
        if counted := getattr(node, "workeroutput", {}).get("engine"):
            self._report._add(counted["counters"], counted["reasons"])


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("engine")
    group.addoption("--engine", choices=("fastrapi", "uvicorn", "starlette"), default="fastrapi")
    group.addoption("--engine-report", metavar="FILE")


def _be_patient() -> None:
    """The suite gives its own subprocesses seconds that a sanitised tree may not have."""
    run = subprocess.run

    @functools.wraps(run)
    def patient(*args: Any, timeout: float | None = None, **kwargs: Any) -> Any:
        return run(*args, timeout=timeout and 10 * timeout, **kwargs)

    subprocess.run = patient  # type: ignore[assignment]


def pytest_configure(config: pytest.Config) -> None:
    if "ASAN_OPTIONS" in os.environ:
        _be_patient()
    name = config.getoption("engine")
    engine = None if name == "starlette" else Engine(name)
    if engine is not None:
        _install(engine)
    report = _Report(config, engine)
    config.pluginmanager.register(report)
    config.pluginmanager.register(_Gather(report))
