"""Which application is served: what was said, what `fastapi run` would find, or a sentence
that says what to write."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from server import BINARY, Fastrd, fails

GOOD = "from fastapi import FastAPI\n{} = FastAPI()\n"


def write(directory: Path, **texts: str) -> None:
    """Files by name, `pkg__main` for pkg/main.py."""
    for name, text in texts.items():
        path = directory / f"{name.replace('__', '/')}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def package(directory: Path) -> None:
    (directory / "__init__.py").touch()


def found(directory: Path, *words: str) -> str:
    """The application that is found, as it is named."""
    done = subprocess.run(
        [BINARY, "-t", *words], cwd=directory, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.partition(": ok, ")[0]


def refused(directory: Path, *words: str) -> str:
    """Why none is found: one line."""
    done = subprocess.run(
        [BINARY, "-t", *words], cwd=directory, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr.count("\n")) == (3, 1), done.stderr
    return done.stderr.removeprefix("fastrd: ").rstrip()


ORDER = ["main", "app", "api", "app__main", "app__app", "app__api"]


@pytest.mark.parametrize("first", range(len(ORDER)))
def test_without_a_word_the_file_that_fastapi_run_takes(tmp_path, first):
    write(tmp_path, **dict.fromkeys(ORDER[first:], GOOD.format("app")))
    assert found(tmp_path) == f"{ORDER[first].rpartition('__')[2]}:app"


def test_files_are_looked_for_in_app_dir(tmp_path):
    write(tmp_path, src__main=GOOD.format("app"))
    assert found(tmp_path, "--app-dir", "src") == "main:app"
    assert found(tmp_path, "--app-dir", "src", "main.py") == "main:app"
    assert found(tmp_path, "--app-dir", "src", "src/main.py") == "main:app"
    assert found(tmp_path, "src") == "main:app"


@pytest.mark.parametrize(
    ("code", "name"),
    [
        (GOOD.format("app") + GOOD.format("api"), "app"),
        (GOOD.format("api") + GOOD.format("a"), "api"),
        (GOOD.format("zoo") + GOOD.format("shop"), "shop"),
        ("app = 3\n" + GOOD.format("web"), "web"),
        ("async def app(scope, receive, send): pass\n", "app"),
        ("async def application(scope, receive, send): pass\n", "application"),
        ("async def app(scope, receive, send): pass\n" + GOOD.format("web"), "web"),
    ],
)
def test_the_applications_name_is_found(tmp_path, code, name):
    write(tmp_path, main=code)
    with Fastrd("main.py", tmp_path) as server:
        assert f" serves main:{name}\n" in server.log()


@pytest.mark.parametrize(
    "word", ["shop/web/main.py", "./shop/web/main.py", "shop/web/main.py:app", "shop/web/main:app",
             "shop.web.main:app", "shop.web.main"],
)  # fmt: skip
def test_a_module_of_a_package_by_any_of_its_names(tmp_path, word):
    write(tmp_path, shop__web__main="from shop import names\n" + GOOD.format("app"), shop__names="")
    package(tmp_path / "shop")
    package(tmp_path / "shop/web")
    assert found(tmp_path, word) == "shop.web.main:app"
    assert found(tmp_path / "shop/web", "main.py") == "shop.web.main:app"


def test_a_package_itself(tmp_path):
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop/__init__.py").write_text(GOOD.format("app"))
    assert found(tmp_path, "shop") == "shop:app"
    assert found(tmp_path, "shop/") == "shop:app"
    assert found(tmp_path, "shop/__init__.py") == "shop:app"


def test_a_file_whose_name_is_no_identifier(tmp_path):
    (tmp_path / "my-shop.py").write_text(GOOD.format("app"))
    assert found(tmp_path, "my-shop.py") == "my-shop:app"


def test_run_is_what_fastrd_does_anyway(tmp_path):
    write(tmp_path, main=GOOD.format("app"))
    assert found(tmp_path, "run") == "main:app"
    with Fastrd("main.py", tmp_path) as server:
        assert server.command[-1] == "main.py"
        server.command.insert(1, "run")
    with server:
        assert server.get("/nope")[0] == 404


def test_the_entrypoint_of_a_project(tmp_path):
    write(tmp_path, shop__web=GOOD.format("it"), main=GOOD.format("app"))
    (tmp_path / "pyproject.toml").write_text('[tool.fastapi]\nentrypoint = "shop.web:it"\n')
    assert found(tmp_path) == "shop.web:it"
    assert found(tmp_path, "main.py") == "main:app"
    for text, why in (
        ("[tool.fastapi]\nentrypoint = 3\n", "entrypoint is no string"),
        ("[tool.fastapi\n", "pyproject.toml: "),
    ):
        (tmp_path / "pyproject.toml").write_text(text)
        assert why in refused(tmp_path)
    (tmp_path / "pyproject.toml").write_text("tool = 3\n")
    assert found(tmp_path) == "main:app"


def test_a_factory_called_in_its_name(tmp_path):
    code = "from fastapi import FastAPI\ndef create_app(): return FastAPI()\n"
    write(tmp_path, main=code + "def other(x): return FastAPI()\n" + GOOD.format("web"))
    assert found(tmp_path, "main:create_app()") == "main:create_app()"
    assert found(tmp_path, "--factory", "main:create_app()") == "main:create_app()"
    assert found(tmp_path, "--factory", "main.py") == "main:create_app()"
    assert refused(tmp_path, "main:web()") == "main:web is the application itself; leave out the ()"
    assert refused(tmp_path, "--factory", "main:web") == "main:web is the application itself; leave out --factory"
    assert refused(tmp_path, "main:other()") == "main:other wants arguments; a factory is called without any"
    assert "a factory gets no arguments" in refused(tmp_path, "main:other(3)")
    write(tmp_path, main=code)
    assert refused(tmp_path, "main.py").endswith("has no application such as app = FastAPI(); did you mean main:create_app()?")


def test_no_application_anywhere(tmp_path):
    text = refused(tmp_path)
    assert text.startswith(f"no application found: {tmp_path} has no main.py, app.py, ")
    assert text.endswith("; name it, as in: fastrd main:app")
    # Served, not only looked at.
    done = subprocess.run([BINARY, "--port", "0"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (3, f"fastrd: {text}\n")


@pytest.mark.parametrize(
    ("word", "text"),
    [
        ("shop:app", "module 'shop' has no attribute 'app'; did you mean shop.main:app?"),
        ("shop", "module 'shop' has no application such as app = FastAPI(); did you mean shop.main?"),
        ("web.site", "there is no module 'web.site'; did you mean web:site?"),
        ("shop.main.app", "there is no module 'shop.main.app'; did you mean shop.main:app?"),
        ("web.nope", "cannot find module 'web.nope'; run fastrd in its directory"),
        ("nope.py", "there is no nope.py in "),
        ("src/nope:app", "there is no src/nope in "),
        ("notes/a.txt", "notes/a.txt is no Python file; give the application's"),
        ("notes", "has no main.py, app.py, api.py"),
        ("main:", "main:: want module:attribute, as in main:app"),
        (".main", ".main: want module:attribute, as in main:app"),
        ("main:app:x", "want module:attribute"),
        ("signal.py", "cannot be imported: 'signal' is "),
    ],
)
def test_names_that_are_wrong(tmp_path, word, text):
    write(tmp_path, web=GOOD.format("site"), shop__main=GOOD.format("app"), signal=GOOD.format("app"))
    package(tmp_path / "shop")
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes/a.txt").touch()
    assert text in refused(tmp_path, word)


def test_a_package_below_src_is_told_where_it_is(tmp_path):
    write(tmp_path, src__shop__main=GOOD.format("app"))
    package(tmp_path / "src/shop")
    for name in ("shop.main", "store", "shop"):
        text = refused(tmp_path, f"{name}:app")
        assert text.startswith(f"cannot find module '{name}'")
        assert text.endswith(f"; give --app-dir {tmp_path}/src, where it is") == (name != "store")
    assert found(tmp_path, "--app-dir", "src", "shop.main:app") == "shop.main:app"


# Stand-ins for servers that are not installed here; each would block.
SERVERS = {
    "hypercorn/asyncio": "import asyncio\nasync def serve(app, *more): await asyncio.sleep(60)\n",
    "granian/server": "import time\nclass Granian:\n    def __init__(self, *more): pass\n"
    "    def serve(self): time.sleep(60)\n",
    "waitress": "import time\ndef serve(app): time.sleep(60)\n",
}
STARTS = {
    "uvicorn.run": "import uvicorn\nuvicorn.run(app)\n",
    "uvicorn.run, reloading": "from uvicorn import run\ntry:\n    run('main:app', reload=True)\nexcept Exception: pass\n",
    "uvicorn.Server.serve": "import asyncio, uvicorn\nasyncio.run(uvicorn.Server(uvicorn.Config(app)).serve())\n",
    "uvicorn.Server.run": "import uvicorn\nuvicorn.Server(uvicorn.Config(app)).run()\n",
    "hypercorn.asyncio.serve": "import asyncio, hypercorn.asyncio as h\nasyncio.run(h.serve(app, None))\n",
    "granian.Granian.serve": "from granian.server import Granian\nGranian('main:app').serve()\n",
    "waitress.serve": "import waitress\nwaitress.serve(app)\n",
}


def servers(directory: Path) -> None:
    for name, text in SERVERS.items():
        (directory / name).mkdir(parents=True)
        package(directory / name.partition("/")[0])
        (directory / name / "__init__.py").write_text(text)


@pytest.mark.parametrize("how", STARTS)
def test_a_server_started_at_import_is_named_at_once(tmp_path, how):
    servers(tmp_path)
    code = GOOD.format("app") + STARTS[how]
    write(tmp_path, main=code)
    line = next(i for i, text in enumerate(code.splitlines(), 1) if "(app" in text or "main:app" in text)
    status, text = fails("main:app", tmp_path, "--timeout-startup", "3600")
    called = how.partition(",")[0]
    assert (status, text) == (
        3,
        f"fastrd: main.py, line {line}, called {called}() at import; "
        'put it under if __name__ == "__main__":\n',
    )


def test_a_program_that_ends_at_import(tmp_path):
    write(tmp_path, main=GOOD.format("app") + "import sys\nsys.exit(main() if 0 else 0)\n")
    status, text = fails("main:app", tmp_path)
    assert status == 3
    assert text.endswith('SystemExit: 0; put what ends the program under if __name__ == "__main__":\n')


SECOND = """
import threading, urllib.request
import uvicorn
from fastapi import FastAPI

async def other(scope, receive, send):
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"second"})

config = uvicorn.Config(other, fd=FD, log_level="critical", lifespan="off")
threading.Thread(target=uvicorn.Server(config).run, daemon=True).start()
app = FastAPI()

@app.get("/")
def get(): return urllib.request.urlopen("http://127.0.0.1:PORT").read()
"""


def test_a_second_server_in_a_thread_is_the_applications_affair(tmp_path):
    import socket

    with socket.create_server(("127.0.0.1", 0)) as listener:
        fd = listener.fileno()
        text = SECOND.replace("PORT", str(listener.getsockname()[1])).replace("FD", str(fd))
        write(tmp_path, main=text)
        with Fastrd("main:app", tmp_path, fds=(fd,)) as server:
            assert server.get("/") == (200, b'"second"')


def test_an_application_that_serves_itself_unguarded_is_served(tmp_path):
    write(tmp_path, main="from fastrapi import FastrAPI\napp = FastrAPI()\napp.serve(port=0)\n")
    assert found(tmp_path) == "main:app"
    process = subprocess.Popen([sys.executable, "main.py"], cwd=tmp_path, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    with process:
        while "serves main:app" not in (line := process.stderr.readline()):
            assert line, "it ended"
        process.terminate()
        process.stderr.read()
    assert process.returncode == 0
