"""Errors as clients see them: a status, and a JSON body that names the field, what was found and what is wanted."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any

from fastapi.exceptions import RequestValidationError
from pydantic import AfterValidator, BaseModel, BeforeValidator
from pydantic_core import PydanticCustomError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse

LONGEST_FOUND = 80  # characters of a client's value that are sent back


class ErrorDetail(BaseModel):
    """What is wrong with a request, or why it was not served."""

    field: str
    found: str
    wanted: str
    message: str


class ErrorBody(BaseModel):
    """The body of every answer that is an error."""

    error: ErrorDetail


class ApiError(HTTPException):
    """An answer other than success, to be raised by a handler.

    Args:
        status: HTTP status.
        field: name of the field, parameter or part of the service that it is about.
        found: what was there, shortly; never a secret or a whole document.
        wanted: what is accepted.
        message: a sentence; made from the others if empty.
        retry_after: seconds after which a client may try again (429, 503).
    """

    def __init__(self, status: int, field: str, found: str, wanted: str, message: str = "", retry_after: int | None = None) -> None:
        headers = None if retry_after is None else {"Retry-After": str(retry_after)}
        super().__init__(status, headers=headers)
        self.body = error_body(field, found, wanted, message)


def error_body(field: str, found: str, wanted: str, message: str = "") -> dict[str, dict[str, str]]:
    """The JSON body of an error; see `ErrorBody`."""
    message = message or f"{field}: found {found}, wanted {wanted}"
    return {"error": {"field": field, "found": found, "wanted": wanted, "message": message}}


def refusal(found: str, wanted: str) -> PydanticCustomError:
    """What a validator of a pydantic model raises where pydantic's own words would say less."""
    return PydanticCustomError("refused", "found {found}, wanted {wanted}", {"found": found, "wanted": wanted})


def count(least: int, most: int, things: str) -> BeforeValidator:
    """A validator for lists: refuses a wrong count before any item is looked at, and calls the items by their name."""

    def check(value: Any) -> Any:
        if isinstance(value, list) and not least <= len(value) <= most:
            raise refusal(f"{len(value)} {things}", f"{least} to {most} {things}")
        return value

    return BeforeValidator(check)


def _whole(text: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise refusal("half a character", "a text in valid Unicode") from None
    return text


valid_unicode = AfterValidator(_whole)
Text = Annotated[str, valid_unicode]
"""A text that can be written as UTF-8: JSON may hold half a character (`\\ud800`), which nothing behind can take."""

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


def _plain(text: str) -> str:
    if found := _CONTROL.search(text):
        raise refusal(f"the control character U+{ord(found[0]):04X}", "one line without control characters")
    return text


Line = Annotated[Text, AfterValidator(_plain)]
"""A text of one line, as names and titles are: PostgreSQL takes no NUL, and a line break in a title is somebody's trick."""


def describe(value: Any) -> str:
    """What a client sent, short enough to send back: a scalar as it is, anything longer by kind and size."""
    match value:
        case None:
            return "null"
        case bool():
            return str(value).lower()
        case str() if len(value) > LONGEST_FOUND:
            return f"a text of {len(value)} characters"
        case str() | int() | float():
            return repr(value)
        case bytes():
            return f"{len(value)} bytes"
        case list() | tuple():
            return f"{len(value)} items"
        case Mapping():
            return f"an object of {len(value)} fields"
    return type(value).__name__


_WANTED = {
    "missing": "a value",
    "json_invalid": "valid JSON",
    "extra_forbidden": "no field of this name",
    "string_type": "a text",
    "list_type": "a list",
    "dict_type": "an object",
    "model_attributes_type": "a JSON object",
    "int_type": "an integer",
    "int_parsing": "an integer",
    "int_from_float": "an integer",
    "float_type": "a number",
    "float_parsing": "a number",
    "finite_number": "a finite number",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "too_long": "at most {max_length} items",
    "too_short": "at least {min_length} items",
    "string_too_long": "at most {max_length} characters",
    "string_too_short": "at least {min_length} characters",
    "greater_than": "more than {gt}",
    "greater_than_equal": "at least {ge}",
    "less_than": "less than {lt}",
    "less_than_equal": "at most {le}",
    "literal_error": "one of {expected}",
    "enum": "one of {expected}",
}


def explain(error: Mapping[str, Any]) -> dict[str, str]:
    """A pydantic error as field, found, wanted and message."""
    kind, context = error["type"], error.get("ctx") or {}
    place = [str(part) for part in error["loc"]]
    if len(place) > 1 and place[0] in {"body", "query", "path", "header"}:
        place = place[1:]
    field = "body" if kind == "json_invalid" or not place else ".".join(place)
    if kind == "refused":
        return error_body(field, context["found"], context["wanted"])["error"]
    if kind in {"missing", "json_invalid"}:
        found = "nothing" if kind == "missing" else f"no JSON ({context.get('error', 'malformed')})"
    else:
        found = describe(error.get("input"))
    wanted = _WANTED[kind].format(**context) if kind in _WANTED else error["msg"].removeprefix("Value error, ")
    return error_body(field, found, wanted)["error"]


async def on_validation_error(_: Request, error: RequestValidationError) -> JSONResponse:
    """400 for a request that is not as the API says."""
    return JSONResponse({"error": explain(error.errors()[0])}, 400)


async def on_http_error(request: Request, error: HTTPException) -> JSONResponse:
    """The status of the exception: our own with its fields, the framework's (unknown path, wrong method) said in the same shape."""
    if isinstance(error, ApiError):
        body = error.body
    elif error.status_code == 404:
        body = error_body("path", describe(request.url.path), "a path of this API")
    elif error.status_code == 405:
        body = error_body("method", request.method, (error.headers or {}).get("Allow", "another method"))
    elif error.status_code == 400:
        body = error_body("body", "what cannot be read", "JSON in UTF-8, or the form that the API says")
    else:
        body = error_body("request", f"status {error.status_code}", "another request", str(error.detail))
    return JSONResponse(body, error.status_code, error.headers)
