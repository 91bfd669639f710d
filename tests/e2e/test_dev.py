"""``fastrd dev`` and ``--reload``: what is saved is served, whatever way it is saved."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from server import BINARY, Fastrd, read_until

APP = """
import os
from plain import App

app = App()

@app.get("/")
async def root():
    return {answer!r}

@app.get("/pid")
async def pid():
    return os.getpid()
"""


def write(directory: Path, answer: str, name: str = "app.py") -> None:
    (directory / name).write_text(APP.format(answer=answer))


@contextmanager
def dev(directory: Path, *flags: str, app: str = "app:app", **more) -> Iterator[Fastrd]:
    with Fastrd(app, directory, "dev", "--no-access-log", *flags, **more) as server:
        yield server


def answers(server: Fastrd, answer: str) -> None:
    server.wait(lambda: server.get("/") == (200, f'"{answer}"'.encode()), f"the answer {answer}")


def reloads(server: Fastrd) -> int:
    return server.log().count(": reloading")


def settle(server: Fastrd, directory: Path) -> int:
    """Change a file that counts, and wait until that is served: what came before it has been seen.
    How many reloads there were."""
    text = f"settled {time.monotonic()}"
    write(directory, text)
    answers(server, text)
    return reloads(server)


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    write(tmp_path, "old")
    return tmp_path


def in_place(path: Path, text: str) -> None:
    path.write_text(text)


def renamed_over(path: Path, text: str) -> None:
    """As many editors, and sed -i."""
    other = path.with_name(".saved.tmp")
    other.write_text(text)
    os.replace(other, path)


def behind_backup(path: Path, text: str) -> None:
    """As vim."""
    backup = path.with_name(path.name + "~")
    path.rename(backup)
    path.write_text(text)
    backup.unlink()


def removed_first(path: Path, text: str) -> None:
    path.unlink()
    time.sleep(0.2)
    path.write_text(text)


def linked(path: Path, text: str) -> None:
    other = path.with_name("linked.txt")
    other.write_text(text)
    path.unlink()
    path.symlink_to(other)


@pytest.mark.parametrize("save", [in_place, renamed_over, behind_backup, removed_first, linked])
def test_what_is_saved_is_served(directory: Path, save: Callable[[Path, str], None]) -> None:
    with dev(directory) as server:
        assert server.get("/") == (200, b'"old"')
        save(directory / "app.py", APP.format(answer="new"))
        answers(server, "new")
        server.wait_log("app.py has changed: reloading")


def test_the_first_answer_behind_the_log_line_is_new(directory: Path) -> None:
    with dev(directory) as server:
        for number in range(3):
            write(directory, f"number {number}")
            server.wait(lambda: reloads(server) > number, "the reload")
            assert server.get("/") == (200, f'"number {number}"'.encode())


def test_a_connection_that_is_idle_goes_on(directory: Path) -> None:
    with dev(directory) as server, server.connect() as conn:
        for answer in ("old", "new"):
            write(directory, answer)
            answers(server, answer)
            conn.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            assert answer.encode() in read_until(conn, f'"{answer}"'.encode())


def test_times_alone_count(directory: Path) -> None:
    with dev(directory) as server:
        pid = server.get("/pid")
        os.utime(directory / "app.py")
        server.wait(lambda: server.get("/pid") != pid, "another process")


def test_many_files_are_few_reloads(directory: Path) -> None:
    package = directory / "many/deeper"
    package.mkdir(parents=True)
    with dev(directory) as server:
        for number in range(300):
            (package / f"m{number}.py").write_text("x = 1\n")
        assert settle(server, directory) <= 6  # beside others on this machine it takes seconds
        assert "many/deeper/m0.py and others have changed: reloading" in server.log()


def test_directories_come_go_and_are_renamed(directory: Path) -> None:
    with dev(directory) as server:
        new = directory / "new/below"
        new.mkdir(parents=True)
        (new / "a.py").write_text("")
        server.wait_log("new/below/a.py has changed")
        settle(server, directory)
        (directory / "new").rename(directory / "renamed")
        server.wait(lambda: "new/below and others" in server.log() or "new has changed" in server.log()
                    or "new and others" in server.log(), "the renamed directory")  # fmt: skip
        settle(server, directory)
        before = reloads(server)
        (directory / "renamed/below/b.py").write_text("")
        server.wait(lambda: reloads(server) > before, "a file in the renamed directory")
        server.wait_log("renamed/below/b.py has changed")


def test_a_directory_that_vanishes_may_come_back(directory: Path) -> None:
    watched = directory / "watched"
    watched.mkdir()
    (watched / "a.py").write_text("")
    with dev(directory, "--reload-dir", "watched", "--reload-dir=.") as server:
        watched.rename(directory / "elsewhere")
        server.wait_log("watched and others have changed")
        settle(server, directory)
        watched.mkdir()
        settle(server, directory)
        (watched / "back.py").write_text("")
        server.wait_log("watched/back.py has changed")


def test_what_does_not_count(directory: Path) -> None:
    for name in (".git", "__pycache__", "node_modules", "venv", "skipped"):
        (directory / name).mkdir()
    (directory / "venv/pyvenv.cfg").touch()
    with dev(directory, "--reload-exclude", "skipped", "--reload-exclude=test_*.py") as server:
        for name in (".git", "__pycache__", "node_modules", "venv", "skipped"):
            (directory / name / "a.py").write_text("")
        for name in ("data.txt", "a.pyc", ".hidden.py", "~a.py", ".a.py.swp", "test_a.py"):
            (directory / name).write_text("")
        assert settle(server, directory) == 1


def test_included_files_count(directory: Path) -> None:
    (directory / "templates").mkdir()
    with dev(directory, "--reload-include", "*.html", "--reload-include=.env") as server:
        (directory / "templates/a.html").write_text("")
        server.wait_log("templates/a.html has changed")
        settle(server, directory)
        (directory / ".env").write_text("")
        server.wait_log(".env has changed")


def test_links_are_followed_and_may_be_loops(directory: Path, tmp_path_factory) -> None:
    other = tmp_path_factory.mktemp("other")
    (directory / "link").symlink_to(other)
    (other / "back").symlink_to(directory)
    (directory / "itself").symlink_to(".")
    with dev(directory) as server:
        (other / "a.py").write_text("")
        server.wait_log("link/a.py has changed")


def test_a_change_while_it_loads_is_not_lost(directory: Path) -> None:
    with dev(directory) as server:
        (directory / "slow").touch()
        waits = "import time, pathlib\npathlib.Path('loads.txt').touch()\ntime.sleep(600)\n"
        (directory / "app.py").write_text(waits)
        server.wait((directory / "loads.txt").exists, "the load")
        write(directory, "new")
        answers(server, "new")


def test_the_file_of_variables_and_the_configuration_count(directory: Path) -> None:
    (directory / "app.py").write_text(APP.replace("{answer!r}", "os.environ['ANSWER']"))
    (directory / "variables").write_text("ANSWER=one\n")
    (directory / "conf.toml").write_text("[tool.fastrd]\nheader = ['x-a: 1']\n")
    with dev(directory, "--env-file", "variables", "-c", "conf.toml") as server:
        (directory / "variables").write_text("ANSWER=two\n")
        answers(server, "two")
        renamed_over(directory / "conf.toml", "[tool.fastrd]\nheader = ['x-a: 2']\n")
        server.wait(lambda: b"x-a: 2" in server.raw(b"GET / HTTP/1.0\r\n\r\n").lower(), "the field")
        (directory / "conf.toml").write_text("[tool.fastrd]\nnope = 1\n")
        server.wait_log("conf.toml:2: unknown key nope")
        assert server.get("/") == (200, b'"two"')


STREAM = """
import asyncio
async def app(scope, receive, send):
    if scope["type"] == "http":
        await send({"type": "http.response.start", "status": 200, "headers": []})
        if scope["path"] == "/stream":
            while True:
                await send({"type": "http.response.body", "body": b"data: x\\n\\n", "more_body": True})
                await asyncio.sleep(0.05)
        await send({"type": "http.response.body", "body": b'"ANSWER"'})
"""


def test_a_stream_does_not_hold_a_reload(directory: Path) -> None:
    """Nor where the project's file, which is for elsewhere, lets requests end."""
    (directory / "app.py").write_text(STREAM)
    (directory / "pyproject.toml").write_text("[tool.fastrd]\ntimeout_graceful_shutdown = 3600\n")
    with dev(directory) as server, server.connect() as conn:
        conn.sendall(b"GET /stream HTTP/1.1\r\nHost: x\r\n\r\n")
        read_until(conn, b"data: x\n\n\r\n")
        (directory / "app.py").write_text(STREAM.replace("ANSWER", "new"))
        server.wait(lambda: b'"new"' in server.get("/")[1], "the answer new")


def test_what_the_application_opens_is_free_again(directory: Path) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    head = f"import socket\nown = socket.socket()\nown.bind(('127.0.0.1', {port}))\nown.listen()\n"
    (directory / "app.py").write_text(head + APP.format(answer="old"))
    with dev(directory) as server:
        (directory / "app.py").write_text(head + APP.format(answer="new"))
        answers(server, "new")
        assert "in use" not in server.log()


def test_hup_reloads_as_well(directory: Path) -> None:
    with dev(directory) as server:
        pid = server.get("/pid")
        server.signal(signal.SIGHUP)
        server.wait(lambda: server.get("/pid") != pid, "another process")


def switches(pid: int) -> int:
    text = Path(f"/proc/{pid}/status").read_text()
    return int(text.partition("voluntary_ctxt_switches:")[2].split()[0])


def test_at_rest_nothing_runs(directory: Path) -> None:
    """No more than without: the master's own clock looks after the workers once a second."""
    with dev(directory) as watching, Fastrd("app:app", directory, log=directory / "other.log") as other:
        servers = [server.process.pid for server in (watching, other) if server.process]
        time.sleep(2)  # what follows a start
        before = [switches(pid) for pid in servers]
        time.sleep(4)
        with_reload, without = (switches(pid) - was for pid, was in zip(servers, before, strict=True))
        assert with_reload <= without + 3


def test_more_changes_than_the_kernel_keeps(directory: Path) -> None:
    most = int(Path("/proc/sys/fs/inotify/max_queued_events").read_text())
    if most > 100_000:
        pytest.skip("the kernel keeps too many changes")
    (directory / "below").mkdir()
    names = [directory / "below" / name for name in ("a.txt", "b.txt")]
    for name in names:
        name.touch()
    with dev(directory) as server:
        server.signal(signal.SIGSTOP)
        for _ in range(most // 2 + 100):  # equal ones are one
            for name in names:
                os.utime(name)
        (directory / "below/lost").mkdir()
        server.signal(signal.SIGCONT)
        server.wait_log("more than the kernel can tell has changed: reloading")
        (directory / "below/lost/a.py").write_text("")
        server.wait_log("below/lost/a.py has changed")


def test_fewer_watches_than_directories(directory: Path) -> None:
    """In a user namespace of its own, whose limit is another one's matter."""
    for number in range(40):
        (directory / f"d{number}").mkdir()
    limit = "echo 20 > /proc/sys/user/max_inotify_watches && exec "
    unshare = ["unshare", "--user", "--map-root-user"]
    if subprocess.run([*unshare, "sh", "-c", limit + "true"], capture_output=True).returncode != 0:
        pytest.skip("no user namespace here")
    server = Fastrd("app:app", directory)
    server.command = [*unshare, "sh", "-c", f"{limit}{BINARY} --port 0 dev app:app"]
    with server:
        server.wait_log("not every directory is watched: the system allows ")
        assert server.log().count("not every directory") == 1
        write(directory, "new")
        answers(server, "new")


def test_only_directories_can_be_watched(directory: Path) -> None:
    done = subprocess.run(
        [BINARY, "dev", "--port", "0", "--reload-dir", "nowhere"], cwd=directory, capture_output=True, text=True
    )
    assert done.returncode == 2
    assert "fastrd: --reload-dir nowhere: want a directory" in done.stderr


def settings(directory: Path, *words: str, **env: str) -> dict[str, tuple[str, str]]:
    """What --print-config says: values and origins."""
    done = subprocess.run(
        [BINARY, "--print-config", *words], cwd=directory, capture_output=True, text=True,
        env={**os.environ, **env}, check=True,
    )  # fmt: skip
    lines = [line.partition(" = ") for line in done.stdout.splitlines()]
    return {
        name: (rest.rpartition("#")[0].strip(), rest.rpartition("#")[2].strip()) for name, _, rest in lines
    }


def test_defaults_of_the_commands(directory: Path) -> None:
    (directory / "pyproject.toml").write_text(
        "[tool.fastrd]\nworkers = 4\nbind = '0.0.0.0:80'\nport = 81\n"
    )
    found = settings(directory, "dev")
    assert found["workers"] == ("1", "fastrd dev")
    assert found["reload"] == ("true", "fastrd dev")
    assert found["host"] == ('"127.0.0.1"', "fastrd dev")
    assert (found["bind"][0], found["port"][0]) == ("[]", "81")
    assert settings(directory, "dev", "--workers", "2", "--no-reload")["workers"][0] == "2"
    assert settings(directory, "dev", "--no-reload")["reload"] == ("false", "--reload")
    assert settings(directory, "dev", FASTRD_HOST="0.0.0.0")["host"][0] == '"0.0.0.0"'
    assert settings(directory, "run")["bind"][0] == '["0.0.0.0:80"]'
    (directory / "pyproject.toml").unlink()
    assert settings(directory, "run")["host"] == ('"0.0.0.0"', "fastrd run")
    assert settings(directory, "run", "--host", "::1")["host"][0] == '"::1"'
    assert settings(directory)["host"][0] == '"127.0.0.1"'
    assert settings(directory, "run:app")["app"][0] == '"run:app"'
    assert settings(directory, "run", "dev")["app"][0] == '"dev"'
    assert settings(directory, "dev", "main.py", "--app", "api")["app"][0] == '"main.py:api"'
    assert settings(directory, "run", "-e", "a.b:c")["app"][0] == '"a.b:c"'
    assert settings(directory, "--entrypoint=a.b:c")["app"][0] == '"a.b:c"'
    assert settings(directory, "dev", "--reload-delay", "0.25")["reload_delay"][0] == "0.250"
    plural = settings(directory, UVICORN_RELOAD_INCLUDES="*.html *.css", UVICORN_RELOAD_DELAY="1.5")
    assert plural["reload_include"][0] == '["*.html", "*.css"]'
    assert plural["reload_delay"][0] == "1.500"


@pytest.mark.parametrize("command", ["run", "dev"])
def test_a_module_may_be_called_like_a_command(tmp_path: Path, command: str) -> None:
    write(tmp_path, "itself", f"{command}.py")
    with Fastrd(f"{command}:app", tmp_path) as server:
        assert server.get("/") == (200, b'"itself"')


def test_the_name_alone_is_looked_for_in_the_default_file(tmp_path: Path) -> None:
    (tmp_path / "main.py").write_text(APP.format(answer="found").replace("app = App", "app = 1\nother = App")
                                      .replace("@app", "@other"))  # fmt: skip
    server = Fastrd("run", tmp_path, "--app", "other")
    with server:
        assert server.get("/") == (200, b'"found"')


def test_serve_reloads_too(tmp_path: Path) -> None:
    script = (
        "from fastrapi import FastrAPI\napp = FastrAPI()\n"
        "@app.get('/')\nasync def root():\n    return 'ANSWER'\n"
        "if __name__ == '__main__':\n    app.serve(port=0, reload=True, reload_delay=0.05)\n"
    )
    (tmp_path / "script.py").write_text(script.replace("ANSWER", "old"))
    server = Fastrd("", tmp_path)
    server.command = [str(Path(BINARY).parent.parent / "venv/bin/python"), "script.py"]
    with server:
        (tmp_path / "script.py").write_text(script.replace("ANSWER", "new"))
        answers(server, "new")
