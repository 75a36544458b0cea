"""Personal data is taken out of what is logged: phone numbers, e-mail addresses, ID numbers, and what carries a credential."""

from __future__ import annotations

import re
from typing import Any

# ASCII: to \w, a Chinese character beside a number would be part of the same word.
_PATTERNS = tuple(
    (re.compile(pattern, re.ASCII), name)
    for pattern, name in (
        (r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+", "<email>"),
        (r"(?i)\b(bearer|basic)\s+[\w.~+/=-]+", r"\1 <credential>"),
        (r"\beyJ[\w-]+\.[\w-]+\.[\w-]*", "<token>"),
        (r"(?<![\w-])\d{6}(?:18|19|20)\d{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])\d{3}[\dXx](?![\w-])", "<id>"),  # China, 18 places
        (r"(?<![\w-])\d{3}-\d{2}-\d{4}(?![\w-])", "<id>"),  # United States
        (r"(?<![\w.+-])(?:\+?86[ -]?)?1[3-9]\d(?:[ -]?\d{4}){2}(?![\w-])", "<phone>"),  # China, mobile
        (r"(?<![\w.])\+\d{1,3}(?:[ -]?\(?\d{2,4}\)?){2,5}(?![\w-])", "<phone>"),  # international
        (r"(?<![\w.-])\(?0\d{2,3}\)?[ -]\d{7,8}(?![\w-])", "<phone>"),  # China, fixed line
    )
)
_SECRET_NAME = re.compile(r"(?i)(password|secret|token|api_?key|authorization|cookie)")


def mask(text: str) -> str:
    """`text` with personal data and credentials replaced by what they were."""
    for pattern, name in _PATTERNS:
        text = pattern.sub(name, text)
    return text


def mask_value(name: str, value: Any) -> Any:
    """The value of a log field, masked; wholly, where its name says that it is a credential."""
    if _SECRET_NAME.search(name):
        return "<credential>"
    match value:
        case str():
            return mask(value)
        case dict():
            return {key: mask_value(str(key), item) for key, item in value.items()}
        case list() | tuple():
            return [mask_value(name, item) for item in value]
        case None | bool() | int() | float():
            return value
    return mask(str(value))
