"""Requests through the real processes."""

from __future__ import annotations

import itertools
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from server import BINARY, Fastrd, read_all


def test_banner_lists_address_workers_versions_and_routes(app_dir):
    with Fastrd("app:app", app_dir, "--workers", "2") as server:
        log = server.log()
        assert "workers  2 (master" in log
        assert "python   3." in log
        assert "fastapi  0." in log
        assert "\n  routes   13 compiled, 0 through ASGI; 4 of FastAPI's documentation not counted\n" in log


def test_banner_does_not_call_compiled_what_runs_behind_middleware(app_dir):
    path = app_dir / "app.py"
    middleware = "class Own:\n    def __init__(self, app): self.app = app\n    def __call__(self, *a): return self.app(*a)\n"
    path.write_text(path.read_text() + middleware + "app.add_middleware(Own)\n")
    with Fastrd("app:app", app_dir) as server:
        assert "\n  routes   0 compiled, 13 in part (behind Own), 0 through ASGI; " in server.log()
        server.signal(signal.SIGHUP)
        server.wait_log("generation 2 serves: 0 compiled, 13 in part (behind Own), 0 through ASGI; ")


def test_banner_names_native_middleware(app_dir):
    path = app_dir / "app.py"
    path.write_text(path.read_text() + "from fastapi.middleware.gzip import GZipMiddleware\napp.add_middleware(GZipMiddleware)\n")
    with Fastrd("app:app", app_dir) as server:
        assert "\n  routes   13 compiled (behind native GZipMiddleware), 0 through ASGI; " in server.log()


@pytest.mark.parametrize(
    ("called", "flags", "app", "name"),
    [
        ("absolute", ["--app-dir", "my src"], "shop:app", "shop:app"),
        ("PATH", ["--app-dir", "my src"], "", "main:app"),
        ("relative", ["--factory", "--app-dir", "my src"], "shop:make", "shop:make()"),
        ("absolute", [], "my src/main.py", "main:app"),
        ("relative", [], "my src/main.py", "main:app"),
        ("PATH", [], "my src/main.py", "main:app"),
        ("PATH", ["--app-dir", "my src"], "it's.py", "it's:app"),
    ],
)
def test_the_banners_command_works_as_printed(tmp_path, called, flags, app, name):
    """In the shell in which fastrd was called."""
    (tmp_path / "my src").mkdir()
    code = "from fastapi import FastAPI\napp = FastAPI(openapi_url=None)\ndef make(): return app\n@app.get('/a')\nasync def a(): pass\n"
    for file in ("shop", "main", "it's"):
        (tmp_path / f"my src/{file}.py").write_text(code)
    (tmp_path / "fastrd").symlink_to(BINARY)
    env = {"PATH": f"{Path(BINARY).parent}:{os.environ['PATH']}"}
    server = Fastrd(app or "--workers=1", tmp_path, *flags, env=env)
    server.command[0] = {"absolute": BINARY, "relative": "./fastrd", "PATH": "fastrd"}[called]
    with server:
        assert f"serves {name}\n" in server.log()
        server.wait_log("\n  details  ")
        (command,) = [line[11:] for line in server.log().splitlines() if line.startswith("  details  ")]
        assert command.startswith(server.command[0] + " routes")
    done = subprocess.run(command, shell=True, cwd=tmp_path, env=os.environ | env, capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "GET  /a  compiled\n1 compiled, 0 through ASGI\n", "")


def test_compiled_routes_answer(served):
    assert served.get("/") == (200, b'{"hello":"world"}')
    assert served.get("/items/3?q=%20a+b") == (200, b'{"item_id":3,"q":" a b"}')
    status, content = served.get("/items/x")
    assert status == 422
    assert b"int_parsing" in content
    assert served.get("/nope") == (404, b'{"detail":"Not Found"}')
    assert served.get("/openapi.json")[0] == 200
    assert served.get("/task") == (200, b"true")


def test_json_body_is_validated_and_filtered(served):
    body = b'{"name":"a","price":1.5,"more":1}'
    answer = served.raw(
        b"POST /items HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
        b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)
    )
    assert answer.endswith(b'\r\n\r\n{"name":"a","price":1.5}')


def test_an_error_is_500_and_logged_once_with_its_traceback(served):
    assert served.get("/error") == (500, b"Internal Server Error")
    served.wait_log("ValueError: on purpose")
    assert served.log().count("ValueError: on purpose") == 1


def test_pipelined_requests_are_answered_in_order(served):
    with served.connect() as conn:
        paths = [b"/items/%d" % n for n in range(100)]
        requests = [b"GET %s HTTP/1.1\r\nHost: x\r\n\r\n" % path for path in paths]
        conn.sendall(b"".join(requests) + b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        answers = read_all(conn)
    found = [answers.index(b'{"item_id":%d,' % n) for n in range(100)]
    assert found == sorted(found)


def test_malformed_requests_never_reach_the_application(served):
    for request, status in (
        (b"GET / HTTP/1.1\r\n\r\n", b"400"),
        (b"GET / HTTP/3.0\r\nHost: x\r\n\r\n", b"505"),
        (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: +1\r\n\r\na", b"400"),
        (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n"
         b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", b"400"),
        (b"GET /" + b"a" * 70000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", b"414"),
    ):  # fmt: skip
        answer = served.raw(request)
        assert answer.split()[1] == status, (request, answer)
        assert b"connection: close" in answer


def test_forty_blocking_handlers_run_at_once(served):
    got = []
    threads = [
        threading.Thread(target=lambda: got.append(served.get("/meet"))) for _ in range(40)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert got == [(200, b"true")] * 40


LIMITED = """
import threading, time
from contextlib import asynccontextmanager
import anyio
from fastapi import FastAPI

@asynccontextmanager
async def lifespan(app):
    anyio.to_thread.current_default_thread_limiter().total_tokens = TOKENS
    yield

app = FastAPI(lifespan=lifespan)
lock = threading.Lock()
full = threading.Event()
running = most = 0

@app.get("/block")
def block():
    global running, most
    with lock:
        running += 1
        most = max(most, running)
        full.set() if running == TOKENS else None
    full.wait(10)
    time.sleep(0.05)  # for one more than there should be
    with lock:
        running -= 1

@app.get("/most")
async def get_most():
    return most
"""


@pytest.mark.parametrize("tokens, clients, most", [(3, 9, b"3"), (60, 60, b"60")])
def test_plain_functions_run_as_many_at_once_as_the_default_limiter_says(
    tmp_path, tokens, clients, most
):
    (tmp_path / "limited.py").write_text(LIMITED.replace("TOKENS", str(tokens)))
    with Fastrd("limited:app", tmp_path) as server:
        threads = [threading.Thread(target=server.get, args=("/block",)) for _ in range(clients)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert server.get("/most") == (200, most)


def test_plain_functions_may_run_loops_and_call_back_into_ours(served):
    assert served.get("/inside") == (200, b"[2,4]")
    assert served.get("/loop") == (200, b'"EventLoop"')
    assert served.get("/threadsafe") == (200, b"6")


def test_a_plain_dependency_may_return_a_tuple_to_an_async_endpoint(served):
    assert served.get("/pair") == (200, b"[1,2]")


def test_asgi_mode_answers_the_same(app_dir):
    with Fastrd("app:app", app_dir, env={"FASTRD_FORCE": "asgi"}) as server:
        assert server.get("/items/3") == (200, b'{"item_id":3,"q":null}')
        assert server.get("/block?s=0") == (200, b"true")
        assert "0 compiled" in server.log()


def test_an_unknown_fastapi_is_served_through_asgi_with_one_warning(app_dir):
    path = app_dir / "app.py"
    path.write_text('import fastapi\nfastapi.__version__ = "0.114.0"\n' + path.read_text())
    with Fastrd("app:app", app_dir, "--workers", "2") as server:
        assert server.get("/items/3") == (200, b'{"item_id":3,"q":null}')
        log = server.log()
    assert log.count("served through ASGI as a whole: FastAPI 0.114.0 is older than 0.115.0") == 1
    assert log.count("0.115.0") == 1 and "0 compiled" in log


def test_a_raw_asgi_application_is_served(tmp_path):
    (tmp_path / "raw.py").write_text(
        "async def app(scope, receive, send):\n"
        "    if scope['type'] != 'http': raise NotImplementedError\n"
        "    message = await receive()\n"
        "    await send({'type': 'http.response.start', 'status': 200, 'headers': []})\n"
        "    await send({'type': 'http.response.body', 'body': message['body'], 'more_body': True})\n"
        "    await send({'type': 'http.response.body', 'body': b'!'})\n"
    )
    with Fastrd("raw:app", tmp_path) as server:
        assert "plain ASGI" in server.log()
        answer = server.raw(
            b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nConnection: close\r\n\r\nhi"
        )
        assert answer.endswith(b"2\r\nhi\r\n1\r\n!\r\n0\r\n\r\n")


def test_serve_from_the_main_script(tmp_path):
    (tmp_path / "main.py").write_text(
        "from fastrapi import FastrAPI\n"
        "app = FastrAPI()\n"
        "@app.get('/')\n"
        "async def root(): return 'served'\n"
        "if __name__ == '__main__': app.serve('127.0.0.1', 0, factory=False)\n"
    )
    process = subprocess.Popen(
        [sys.executable, "main.py"], cwd=tmp_path, stderr=subprocess.PIPE, text=True
    )
    assert process.stderr is not None
    lines = list(itertools.islice(process.stderr, 2))
    while "asyncio" in lines[0]:  # which may have something to say in development mode
        lines = [*lines[1:], process.stderr.readline()]
    assert lines[0].endswith("serves main:app\n")
    port = int(lines[1].removeprefix("  address  http://127.0.0.1:"))
    with socket.create_connection(("127.0.0.1", port), 10) as conn:
        conn.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        assert read_all(conn).endswith(b'"served"')
    process.send_signal(signal.SIGTERM)
    assert process.wait(25) == 0


SLOW = """
import asyncio
from fastrapi import FastrAPI
app = FastrAPI()

@app.get("/")
async def slow():
    print("slow", flush=True)
    await asyncio.sleep(0.6)
    return "slow"

if __name__ == "__main__":
    print("status", app.serve(port=0), flush=True)
"""


@pytest.mark.parametrize("send", [os.kill, os.killpg])
def test_an_int_to_the_script_counts_once_whoever_else_gets_it(tmp_path, send):
    """A terminal sends Ctrl-C to every process of the script's group."""
    (tmp_path / "main.py").write_text(SLOW)
    with subprocess.Popen(
        [sys.executable, "main.py"], cwd=tmp_path, start_new_session=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    ) as process:  # fmt: skip
        lines = []

        def read_until(text: str) -> str:
            for line in iter(process.stdout.readline, ""):
                lines.append(line)
                if text in line:
                    return line
            raise AssertionError(lines)

        port = int(read_until("  address  ").rsplit(":", 1)[1])
        read_until("  details  ")
        send(process.pid, signal.SIGHUP)
        read_until("generation 2 serves")
        with socket.create_connection(("127.0.0.1", port), 10) as conn:
            conn.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            read_until("slow")
            send(process.pid, signal.SIGINT)
            assert read_all(conn).endswith(b'"slow"')
        lines.extend(process.stdout)
    log = "".join(lines)
    assert [log.count(text) for text in ("Interrupt", "killing", "status 0")] == [1, 0, 1]
    # What has changed between one HUP and the next is never left out, whoever sends them.
    assert log.count("reloading") in ([1] if send is os.kill else [1, 2])


def scripted(directory, arguments: str, *command: str) -> subprocess.Popen[str]:
    """main.py in the package shop, which serves itself with these arguments."""
    (directory / "shop").mkdir(exist_ok=True)
    (directory / "shop/__init__.py").touch()
    (directory / "shop/names.py").touch()
    (directory / "shop/main.py").write_text(
        "from fastrapi import FastrAPI\nfrom shop import names\napp = FastrAPI()\n"
        f"if __name__ == '__main__': app.serve({arguments})\n"
    )
    return subprocess.Popen(
        [sys.executable, *(command or ("-m", "shop.main"))], cwd=directory,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip


@pytest.mark.parametrize(
    "arguments",
    ["port=0, host=None", "port=0, reload=False, access_log=False, factory=False, proxy_headers=False",
     "port=0, use_colors=False, server_header=True, root_path='-x'"],
)  # fmt: skip
def test_what_is_none_or_false_is_as_if_absent(tmp_path, arguments):
    with scripted(tmp_path, arguments) as process:
        lines = list(itertools.takewhile(lambda line: "  python  " not in line, process.stdout))
        process.terminate()
        process.stdout.read()
    assert process.returncode == 0, lines
    assert any("serves shop.main:app" in line for line in lines)


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        ("9431", 2, "fastrd: serve(9431): the first argument is the host; write serve(port=9431)\n"),
        ("b'x'", 2, "fastrd: serve(b'x'): the first argument is the host; write serve(\"127.0.0.1\")\n"),
        ("'9431'", 2, "fastrd: --host 9431: did you mean --port 9431?\n"),
        ("'::1:x'", 2, "fastrd: --host ::1:x: want a numeric address such as 127.0.0.1, 0.0.0.0 or ::\n"),
        ("'0.0.0.0:80'", 2, "fastrd: --host 0.0.0.0:80: want the port with --port 80\n"),
        ("http2=True", 2, "fastrd: --http2: HTTP/2 is not available yet; put a proxy in front\n"),
        ("workers=True", 2, "fastrd: serve(workers=True): give workers a value, or leave it out for the default\n"),
        ("uds=False", 2, "fastrd: serve(uds=False): give uds a value, or leave it out for the default\n"),
        ("prot=3", 2, "fastrd: unknown flag --prot; did you mean --port?\n"),
        (
            "log_config={}", 2,
            "fastrd: serve(log_config=...): give the path of a file; logging.config.dictConfig() takes the rest\n",
        ),
    ],
)
def test_arguments_that_are_wrong_are_a_sentence(tmp_path, arguments, status, said):
    process = scripted(tmp_path, arguments)
    assert process.communicate(timeout=20)[0].endswith(said)
    assert process.returncode == status


def test_the_applications_modules_hide_none_of_the_servers(app_dir):
    for name in ("asyncio", "logging", "platform", "signal", "fastrapi"):
        (app_dir / f"{name}.py").write_text("raise RuntimeError('not the one that was meant')\n")
    with Fastrd("app:app", app_dir) as server:
        assert server.get("/") == (200, b'{"hello":"world"}')


OWN_TASKS = """
import asyncio

class Mine(asyncio.Task):
    pass

asyncio.Task = asyncio.tasks.Task = Mine

from fastapi import FastAPI

app = FastAPI()

@app.get("/{seconds}")
async def get(seconds: float):
    if seconds:
        await asyncio.sleep(seconds)
    return isinstance(asyncio.current_task(), Mine)
"""


def test_what_an_application_replaces_in_asyncio_is_used(app_dir):
    (app_dir / "app.py").write_text(OWN_TASKS)
    with Fastrd("app:app", app_dir) as server:
        assert server.get("/0") == (200, b"true")
        assert server.get("/0.01") == (200, b"true")


OWN_LOGGING = """
import logging
from fastapi import FastAPI

logging.basicConfig(level=logging.DEBUG, format="%(levelname)s of %(name)s: %(message)s")
app = FastAPI()

@app.get("/")
async def log():
    logging.getLogger("shop").debug("it is mine")
    raise ValueError("on purpose")
"""


def test_the_root_logger_is_the_applications(tmp_path):
    (tmp_path / "app.py").write_text(OWN_LOGGING)
    with Fastrd("app:app", tmp_path) as server:
        assert server.get("/")[0] == 500
        server.wait_log("ValueError: on purpose")
        assert "DEBUG of shop: it is mine" in server.log()
        assert server.log().count("ValueError: on purpose") == 1


LOOP_AT_IMPORT = """
import asyncio
from fastapi import FastAPI

answer = asyncio.run(asyncio.sleep(0, 42))
app = FastAPI()

@app.get("/")
async def get() -> int:
    return answer
"""


def test_a_module_may_run_a_loop_of_its_own_while_it_is_imported(tmp_path):
    (tmp_path / "app.py").write_text(LOOP_AT_IMPORT)
    with Fastrd("app:app", tmp_path) as server:
        assert server.get("/") == (200, b"42")


NAMELESS = """
import sys
from fastrapi import FastrAPI

def main():
    app = FastrAPI()

    @app.get("/{n}")
    def get(n: int):
        return {"n": n}

    print("status", app.serve(port=int(sys.argv[1]), OPTIONS), flush=True)

if __name__ == "__main__":
    main()
"""


def run_nameless(tmp_path, port, options=""):
    (tmp_path / "nameless.py").write_text(NAMELESS.replace("OPTIONS", options))
    return subprocess.Popen(
        [sys.executable, "nameless.py", str(port)],
        cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def ours(line: str) -> bool:
    """Not asyncio, whose debug mode (Python's development mode) tells of slow callbacks."""
    return " warning [fastrd] Executing <" not in line


def begun(process) -> int:
    """The port, once it says that it serves."""
    lines = filter(ours, process.stderr)
    assert "in this process, with one worker" in next(lines)
    return int(next(lines).rpartition(":")[2])


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_an_application_without_a_name_is_served_in_its_process(tmp_path, number):
    process = run_nameless(tmp_path, 0)
    port = begun(process)
    with socket.create_connection(("127.0.0.1", port), 10) as conn:
        conn.sendall(b"GET /7 HTTP/1.1\r\nHost: x\r\n\r\n")
        assert conn.recv(4096).endswith(b'{"n":7}')
        process.send_signal(number)
        out, err = process.communicate(timeout=20)
        assert (out, list(filter(ours, err.splitlines()))) == ("status 0\n", [])
    assert process.returncode == 0


@pytest.mark.parametrize(
    ("allowed", "options", "scheme"),
    [("127.0.0.1", "", b"https"), ("10.0.0.1", "", b"http"), ("", "", b"http"),
     ("127.0.0.1", "proxy_headers=False", b"http"),
     ("10.0.0.1", "forwarded_allow_ips='*'", b"https")],
)  # fmt: skip
def test_an_application_that_serves_itself_trusts_whom_it_is_told(
    tmp_path, monkeypatch, allowed, options, scheme
):
    monkeypatch.setenv("FORWARDED_ALLOW_IPS", allowed)
    process = run_nameless(tmp_path, 0, options)
    with socket.create_connection(("127.0.0.1", begun(process)), 10) as conn:
        head = b"GET /7/ HTTP/1.1\r\nHost: x\r\nX-Forwarded-Proto: https\r\nConnection: close\r\n\r\n"
        conn.sendall(head)
        assert b"location: %s://x/7\r\n" % scheme in read_all(conn)
    process.terminate()
    assert process.communicate(timeout=20)[0] == "status 0\n"


def test_mistakes_of_an_application_without_a_name(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        process = run_nameless(tmp_path, taken.getsockname()[1])
        assert "cannot listen on 127.0.0.1 port" in process.communicate(timeout=20)[1]
        assert process.returncode == 4
    process = run_nameless(tmp_path, 0, "workers=2")
    assert "workers needs the application under a name" in process.communicate(timeout=20)[1]
    process = run_nameless(tmp_path, 0, "timeout_header=0")
    said = process.communicate(timeout=20)[1]
    assert said == "fastrd: timeout_header=0: want a number from 1 to 3600\n"
    assert process.returncode == 2


def test_what_is_false_is_as_if_absent_without_a_name_too(tmp_path):
    process = run_nameless(tmp_path, 0, "reload=False, access_log=False, workers=None")
    begun(process)
    process.terminate()
    assert process.communicate(timeout=20)[0] == "status 0\n"


FIELDS = """
import json
from fastapi import FastAPI, Response

app = FastAPI()

def pair(name, value):
    return name.encode(), value.encode()

@app.get("/response")
async def response(name: str, value: str):
    answer = Response(b"hello", media_type="text/plain")
    answer.raw_headers = [p for p in answer.raw_headers if p[0] != name.encode()] + [pair(name, value)]
    return answer

async def raw(scope, receive, send):
    from urllib.parse import parse_qs
    query = parse_qs(scope["query_string"].decode(), keep_blank_values=True)
    await send({"type": "http.response.start", "status": 200,
                "headers": [pair(query["name"][0], query["value"][0])]})
    await send({"type": "http.response.body", "body": b"hello"})

app.mount("/raw", raw)
"""


@pytest.mark.parametrize("path", ["/response", "/raw/"])
def test_a_field_that_cannot_be_sent_is_a_500_with_a_traceback(tmp_path, path):
    (tmp_path / "app.py").write_text(FIELDS)
    with Fastrd("app:app", tmp_path) as server:
        wrong = {
            "name=&value=x": "RuntimeError: Invalid HTTP header name.",
            "name=a:b&value=x": "RuntimeError: Invalid HTTP header name.",
            "name=a&value=x%0d%0ay:z": "RuntimeError: Invalid HTTP header value.",
            "name=content-length&value=%2B5": "RuntimeError: Invalid HTTP header value.",
            "name=content-length&value=0_5": "RuntimeError: Invalid HTTP header value.",
            "name=content-length&value=five": "ValueError: invalid literal for int()",
        }
        for query, cause in wrong.items():
            before = server.log().count(cause)
            assert server.get(f"{path}?{query}") == (500, b"Internal Server Error"), query
            assert server.log().count(cause) == before + 1
        for query in ("name=a&value=", "name=content-length&value=%205%20"):
            assert server.get(f"{path}?{query}")[0] == 200
        assert "cannot be sent" not in server.log()
