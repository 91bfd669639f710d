"""Parameters of a request that user code may have changed."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request

from .dialect import utils


class ParameterReader:
    """Reads the parameters of one function again, with FastAPI's own functions, after a
    dependency has changed the Request."""

    def __init__(self, dependant: Any) -> None:
        self.dependant = dependant

    def __call__(self, request: Request) -> tuple[dict[str, Any], list[Any]]:
        """(values by name, errors), as ``solve_dependencies`` collects them."""
        values: dict[str, Any] = {}
        errors: list[Any] = []
        for fields, received in (
            (self.dependant.path_params, request.path_params),
            (self.dependant.query_params, request.query_params),
            (self.dependant.header_params, request.headers),
            (self.dependant.cookie_params, request.cookies),
        ):
            found, wrong = utils.request_params_to_args(fields, received)
            values.update(found)
            errors += wrong
        return values, errors
