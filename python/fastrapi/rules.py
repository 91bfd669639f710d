"""The rules of ``--route`` beside the application's routes."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator


def unmatched(rules: str, templates: Iterable[str]) -> Iterator[str]:
    """The paths of rules (``base/rule.h``) that none of these templates has or matches."""
    known = [_shape(template) for template in templates]
    for rule in filter(None, rules.split("\n")):
        path = rule.split(" ", 1)[0]
        shape = _shape(path)
        below = shape.removesuffix("*")
        if not any(
            template == shape or (below != shape and template.startswith(below)) or _takes(template, shape)
            for template in known
        ):
            yield path


def _shape(template: str) -> str:
    """The template without the names and kinds of its parameters."""
    return re.sub(r"\{[^}]*?(:path)?\}", r"{\1}", template)


def _takes(template: str, path: str) -> bool:
    """Does a route with this template serve the path, which has no parameters?"""
    parts = re.split(r"(\{[^}]*\})", template)
    pattern = "".join(
        re.escape(part) if number % 2 == 0 else ".*" if part.endswith(":path}") else "[^/]+"
        for number, part in enumerate(parts)
    )
    return "{" not in path and re.fullmatch(pattern, path) is not None
