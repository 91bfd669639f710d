"""The loggers that applications know from uvicorn are there, as uvicorn has them."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

DESCRIBE = """
import json, logging
names = ["uvicorn", "uvicorn.error", "uvicorn.access", "uvicorn.asgi"]
print(json.dumps([
    [name, logging.getLogger(name).level, logging.getLogger(name).propagate,
     [isinstance(handler, logging.StreamHandler) and handler.level
      for handler in logging.getLogger(name).handlers]]
    for name in names
]))
"""
UVICORN = "import uvicorn; uvicorn.Config('app', log_level={!r}); "
OURS = "from fastrapi.log import open_log; open_log('test', {!r}); "
STREAM = """
import io, logging
handler = logging.getLogger("uvicorn").handlers[0]
handler.setStream(stream := io.StringIO())
logging.getLogger("uvicorn").info("elsewhere")
assert stream.getvalue().endswith("info [test] elsewhere\\n"), stream.getvalue()
"""


def run(program: str) -> tuple[str, str]:
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout, done.stderr


@pytest.mark.parametrize("level", ["debug", "info", "warning", "error", "critical"])
def test_loggers_are_uvicorns(level: str) -> None:
    theirs = json.loads(run(UVICORN.format(level) + DESCRIBE)[0])
    assert json.loads(run(OURS.format(level) + DESCRIBE)[0]) == theirs


def test_a_handler_writes_where_the_application_says() -> None:
    assert run(OURS.format("info") + STREAM)[1] == ""


def test_handlers_of_the_application_stay_alone() -> None:
    before = "import logging; logging.getLogger('uvicorn').addHandler(logging.NullHandler()); "
    after = "import logging; logging.getLogger('uvicorn').info('not shown')"
    assert run(before + OURS.format("info") + after)[1] == ""
