"""./try serves what its caller means, wherever it is called from."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "e2e"))

from server import BINARY, ROOT, Fastrd

APP = "from fastapi import FastAPI\napp = FastAPI()\n@app.get('/')\ndef get(): return 'mine'\n"


def test_it_serves_the_file_of_the_current_directory(tmp_path):
    """Not one of that name beside ./try; flags go on to fastrd."""
    (tmp_path / "shop.py").write_text(APP)
    server = Fastrd("shop.py", tmp_path, "--root-path", "/x", env={"VIRTUAL_ENV": str(tmp_path)}, seconds=120)
    server.command[0] = str(ROOT / "try")
    with server:
        assert server.get("/") == (200, b'"mine"')
        assert "fastrd 0.1.0 serves shop:app\n" in server.log()


def test_it_explains_itself_without_building(tmp_path):
    done = subprocess.run(
        [ROOT / "try", "--help"], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert done.stderr == ""
    assert "\n  ./try --build-only " in done.stdout and "serving" not in done.stdout


def test_two_at_a_time_build_one_after_the_other():
    """Each installs into the same directories; neither takes a file from under the other."""
    command = [ROOT / "try", "--build-only"]
    runs = [subprocess.Popen(command, stderr=subprocess.PIPE, text=True) for _ in range(4)]
    assert [(run.communicate()[1].count("try: built "), run.returncode) for run in runs] == [(1, 0)] * 4


def test_what_has_not_changed_is_not_installed_again():
    """A server that starts meanwhile finds its program."""
    program = Path(BINARY)
    before = program.stat()
    subprocess.run([ROOT / "try", "--build-only"], check=True, stderr=subprocess.DEVNULL)
    assert program.stat().st_mtime_ns == before.st_mtime_ns
