"""What an application finds when it is imported: variables of ``--env-file``, loggers of
``--log-config``. Both are read as under uvicorn, before the application is. What it does not
find are fastrd's secrets."""

from __future__ import annotations

import json
import logging.config
import os
import re
from typing import Any

from fastrapi import _engine
from fastrapi.log import leave_to_application, set_levels
from fastrapi.naming import ImportFailed

# NAME=VALUE, as python-dotenv reads it: the value in quotes, of which those in double ones know
# escapes, or up to a comment or the line's end.
_LINE = re.compile(
    r"""\s*(?:export[^\S\n]+)?
    (?:'(?P<quoted>[^'\n]+)'|(?P<name>[^=\#\s]+))[^\S\n]*
    (?:=[^\S\n]*(?:'(?P<single>(?:\\'|[^'])*)'|"(?P<double>(?:\\"|[^"])*)"|(?P<plain>(?!['\"])[^\n]*)))?
    [^\S\n]*(?:\#[^\n]*)?(?:\n|$)""",
    re.VERBOSE,
)
_NOTHING = re.compile(r"[^\S\n]*(?:#[^\n]*)?(?:\n|\Z)")
_VARIABLE = re.compile(r"\$\{(?P<name>[^}:]*)(?::-(?P<default>[^}]*))?\}")
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", "a": "\a", "b": "\b", "f": "\f", "v": "\v"}


def _value(found: re.Match[str]) -> str:
    if found["single"] is not None:
        return re.sub(r"\\([\\'])", r"\1", found["single"])
    if found["double"] is not None:
        return re.sub(r"\\([\\'\"abfnrtv])", lambda m: _ESCAPES.get(m[1], m[1]), found["double"])
    return re.sub(r"(?:^|\s+)#.*", "", found["plain"]).rstrip()


def parse_env(text: str, known: dict[str, str]) -> dict[str, str]:
    """The variables of such a file; those that are ``known`` go before them in ``${NAME}``.
    ValueError: a line is none, its number is told."""
    values: dict[str, str] = {}
    at = 0
    while at < len(text):
        if nothing := _NOTHING.match(text, at):
            at = nothing.end()
            continue
        found = _LINE.match(text, at)
        if found is None:
            raise ValueError(f"line {text.count(chr(10), 0, at) + 1}: want NAME=VALUE")
        at = found.end()
        if found["single"] is found["double"] is found["plain"] is None:
            continue  # a name alone sets nothing
        value = _VARIABLE.sub(
            lambda m: known.get(m["name"], values.get(m["name"], m["default"] or "")),
            _value(found),
        )
        values[found["quoted"] or found["name"]] = value
    return values


def _read(path: str, flag: str) -> str:
    try:
        with open(path, encoding="utf-8-sig") as file:
            return file.read()
    except (OSError, UnicodeDecodeError) as exc:
        why = exc.strerror if isinstance(exc, OSError) else "want UTF-8"
        raise ImportFailed(f"{flag} {path}: {why}") from None


def _load_env(path: str) -> None:
    """What is set in the environment already stays."""
    text = _read(path, "--env-file")
    try:
        values = parse_env(text.replace("\r\n", "\n"), dict(os.environ))
        for name, value in values.items():
            os.environ.setdefault(name, value)
    except ValueError as exc:
        raise ImportFailed(f"--env-file {path}: {exc}") from None


def _log_config(path: str) -> dict[str, Any] | None:
    """The dictionary that the file is; None: it is one of INI."""
    if path.endswith(".json"):
        return dict(json.loads(_read(path, "--log-config")))
    if not path.endswith((".yaml", ".yml")):
        return None
    try:
        import yaml  # type: ignore[import-untyped, unused-ignore]
    except ImportError:
        raise ImportFailed(
            f"--log-config {path}: install PyYAML where the application runs, or write it in JSON"
        ) from None
    return dict(yaml.safe_load(_read(path, "--log-config")))


def _configure_logging(path: str, settings: dict[str, Any]) -> None:
    """Our own loggers stay as they are where the file does not name them."""
    leave_to_application(keep_access=bool(settings["access_log_file"]))
    try:
        found = _log_config(path)
        if found is not None:
            logging.config.dictConfig(found)
        else:
            _read(path, "--log-config")
            logging.config.fileConfig(path, disable_existing_loggers=False)
    except ImportFailed:
        raise
    except Exception as exc:
        # What dictConfig() cannot make it names, and why it cannot stands behind that.
        causes = [f"{type(e).__name__}: {e}".splitlines()[0] for e in (exc, exc.__cause__) if e]
        raise ImportFailed(f"--log-config {path}: {'; '.join(causes)}") from None
    for name, logger in logging.root.manager.loggerDict.items():
        if isinstance(logger, logging.Logger) and name.partition(".")[0] in ("fastrapi", "uvicorn"):
            logger.disabled = False
    if settings["log_level"] != "info":  # as it is when nobody says
        set_levels(settings["log_level"])


def prepare_environment(settings: dict[str, Any]) -> None:
    """Do what ``env_file`` and ``log_config`` say. ImportFailed."""
    if settings["env_file"]:
        _load_env(settings["env_file"])
    if settings["log_config"]:
        _configure_logging(settings["log_config"], settings)


def take_settings(given: dict[str, str]) -> dict[str, Any]:
    """The settings of a child of fastrd. Secrets come in the environment, and stay there no
    longer: the application's own children would have them."""
    settings = _engine.settings("child", given)
    for name in _engine.forget_secrets():
        os.environ.pop(name, None)
    return settings
