"""The pid file: whole, locked while its writer lives, and nobody else's."""

from __future__ import annotations

import signal

import pytest
from server import PATIENCE, Fastrd, fails


def test_it_is_there_while_the_server_is(plain_dir):
    path = plain_dir / "pid"
    with Fastrd("app:app", plain_dir, "--pid-file", "pid") as server:
        assert path.read_text() == f"{server.process.pid}\n"
        assert sorted(p.name for p in plain_dir.glob("pid*")) == ["pid"]
        server.signal(signal.SIGTERM)
        assert server.process.wait(25 * PATIENCE) == 0
    assert not path.exists()


def test_another_one_that_lives_keeps_it(plain_dir):
    with Fastrd("app:app", plain_dir, "--pid-file", "pid") as server:
        pid = server.process.pid
        assert fails("app:app", plain_dir, "--pid-file", "pid") == (
            2,
            f"fastrd: --pid-file pid: process {pid} has it, another fastrd; "
            "stop that one, or give another path\n",
        )
        assert (plain_dir / "pid").read_text() == f"{pid}\n"


def test_that_of_a_dead_one_is_replaced(plain_dir):
    """Whoever has its number now."""
    (plain_dir / "pid").write_text("1\n")
    with Fastrd("app:app", plain_dir, "--pid-file", "pid") as first:
        first.signal(signal.SIGKILL)
        first.process.wait()
        with Fastrd("app:app", plain_dir, "--pid-file", "pid") as server:
            assert (plain_dir / "pid").read_text() == f"{server.process.pid}\n"


def test_one_that_is_not_its_own_any_more_stays(plain_dir):
    path = plain_dir / "pid"
    with Fastrd("app:app", plain_dir, "--pid-file", "pid"):
        path.unlink()
        path.write_text("4711\n")
    assert path.read_text() == "4711\n"


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("app.py", "this is no pid file; remove it, or give another path"),
        (".", "this is no pid file; remove it, or give another path"),
        ("nowhere/pid", "No such file or directory; create its directory first"),
    ],
)
def test_paths_that_will_not_do(plain_dir, path, text):
    assert fails("app:app", plain_dir, "--pid-file", path) == (
        2,
        f"fastrd: --pid-file {path}: {text}\n",
    )
    assert (plain_dir / "app.py").stat().st_size > 100
