"""Values typed or sent by strangers, read without an exception: a whole number, an identifier, an address."""

from urllib.parse import SplitResult, urlsplit
from uuid import UUID

_MOST_DIGITS = 18


def whole_number(text: str, *, digits: int = _MOST_DIGITS) -> int | None:
    """Return the number that `text` writes in 0 to 9, at most `digits` of them; None for anything else.

    `str.isdigit` is true of signs that `int` refuses ("²"), and `int` refuses thousands of digits.
    """
    is_number = text.isascii() and text.isdecimal() and len(text) <= digits
    return int(text) if is_number else None


def identifier(text: str) -> UUID | None:
    """Return the UUID that `text` writes; None for anything else."""
    try:
        return UUID(text)
    except ValueError:
        return None


def split_address(text: str) -> SplitResult | None:
    """Return the parts of a URL or a header such as Origin; None where it is none ("http://[")."""
    try:
        return urlsplit(text)
    except ValueError:
        return None
