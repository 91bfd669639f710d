"""Every public name of fastapi, under fastrapi: the same object, FastAPI alone is another."""

from __future__ import annotations

import importlib
import pkgutil
import re
import subprocess
import sys
from pathlib import Path

import fastapi
import fastapi.applications
import fastrapi
import pytest
from fastrapi import mirror

# What an optional package has to bring, and what runs when it is imported.
OPTIONAL = {"fastapi.templating", "fastapi.testclient", "fastapi.__main__"}
MODULES = [m.name for m in pkgutil.walk_packages(fastapi.__path__, "fastapi.")]
OURS = {"FastAPI": fastrapi.FastrAPI}


def twin(name: str) -> str:
    return name.replace("fastapi", "fastrapi", 1)


def names(module: object) -> list[str]:
    return [name for name in dir(module) if not name.startswith("_")]


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")
@pytest.mark.parametrize("name", [m for m in MODULES if m not in OPTIONAL])
def test_a_module_is_the_same_under_both_names(name: str) -> None:
    theirs, ours = importlib.import_module(name), importlib.import_module(twin(name))
    assert ours is theirs or name == "fastapi.applications"
    assert theirs.__name__ == name
    assert theirs.__spec__ is not None and theirs.__spec__.name == name
    for public in names(theirs):
        assert getattr(ours, public) is OURS.get(public, getattr(theirs, public))


def test_every_name_of_the_package() -> None:
    for public in names(fastapi):
        ours, theirs = getattr(fastrapi, public), getattr(fastapi, public)
        assert ours is OURS.get(public, theirs) or public == "applications"
    assert set(names(fastapi)) <= set(dir(fastrapi))


def test_a_star_import_brings_them_all() -> None:
    brought: dict[str, object] = {}
    exec("from fastrapi import *", brought)
    assert {*names(fastapi), "FastrAPI", "EventLoop"} <= brought.keys()
    assert brought["FastAPI"] is fastrapi.FastrAPI


def run(code: str) -> str:
    """In a Python of its own: what is imported first matters."""
    return subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, check=True
    ).stdout.strip()


@pytest.mark.parametrize(
    "code",
    [
        "import fastrapi.dependencies.utils as a; import fastapi.dependencies.utils as b",
        "import fastapi.dependencies.utils as b; import fastrapi.dependencies.utils as a",
        "from fastrapi.security.oauth2 import OAuth2 as a; from fastapi.security import OAuth2 as b",
        "import fastrapi; a = fastrapi.openapi; import fastapi.openapi as b",
        "import fastrapi.security, fastapi.security; a = fastrapi.security.http; b = fastapi.security.http",
        "from fastrapi import applications; a = applications.FastAPI; from fastrapi import FastAPI as b",
    ],
)
def test_whichever_is_imported_first(code: str) -> None:
    assert run(code + "; print(a is b)") == "True"


@pytest.mark.parametrize("name", [m for m in MODULES if re.fullmatch(r"fastapi\._[a-z]\w*", m)])
@pytest.mark.parametrize(
    "code", ["from fastrapi import {0} as a", "import fastrapi; a = fastrapi.{0}",
             "import fastapi.{0}, fastrapi; a = fastrapi.{0}", "import fastrapi.{0} as a"],
)  # fmt: skip
def test_a_private_module_however_it_is_reached(code: str, name: str) -> None:
    short = name.removeprefix("fastapi.")
    assert run(f"{code.format(short)}; import fastapi.{short} as b; print(a is b)") == "True"


def test_asking_for_a_private_name_that_is_none_does_not_load_fastapi() -> None:
    asked = "[hasattr(fastrapi, name) for name in ('_nothing', '__wrapped__', '_engine')]"
    assert run(f"import fastrapi, sys; print({asked}, 'fastapi' in sys.modules)") == "[False, False, True] False"


def test_isinstance_holds_both_ways() -> None:
    from fastrapi import APIRouter, FastAPI

    app = FastAPI()
    assert isinstance(app, fastapi.FastAPI)
    assert isinstance(app.router, APIRouter)


def test_what_is_put_into_applications_reaches_fastapi(monkeypatch: pytest.MonkeyPatch) -> None:
    import fastrapi.applications

    there = fastapi.applications.get_openapi
    monkeypatch.setattr("fastrapi.applications.get_openapi", lambda **_: {"patched": True})
    assert fastrapi.FastAPI().openapi() == {"patched": True}
    monkeypatch.undo()
    assert fastapi.applications.get_openapi is there is fastrapi.applications.get_openapi


def test_a_name_that_neither_has() -> None:
    with pytest.raises(AttributeError, match="module 'fastrapi' has no attribute 'nothing'"):
        fastrapi.nothing
    with pytest.raises(AttributeError, match="'fastrapi.applications' has no attribute 'nothing'"):
        importlib.import_module("fastrapi.applications").nothing
    with pytest.raises(ModuleNotFoundError, match="No module named 'fastrapi.nothing'"):
        importlib.import_module("fastrapi.nothing")
    with pytest.raises(ImportError, match="cannot import name 'nothing' from 'fastrapi'"):
        exec("from fastrapi import nothing")


def test_an_application_that_is_not_fastapis_does_not_load_it() -> None:
    code = "import fastrapi.worker, sys; print('fastapi' in sys.modules)"
    assert run(code) == "False"


def test_the_package_knows_its_own_modules() -> None:
    """The files of the sources; those that the installation adds are for type checkers."""
    source = Path(__file__).parents[2] / "python/fastrapi"
    own = {p.stem for p in source.iterdir() if p.suffix in (".py", ".pyi") or p.is_dir()}
    own -= {"__init__", "__pycache__"}
    installed = Path(str(fastrapi.__file__)).parent
    found = {p.name.partition(".")[0] for p in installed.iterdir()}
    assert {"routing", "security", "worker", "_engine"} <= found
    assert {name for name in found - {"__init__"} if mirror.is_own(name)} == own
