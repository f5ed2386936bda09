"""Values typed or sent by strangers, read without an exception: a whole number, an address."""

from urllib.parse import SplitResult, urlsplit

_MOST_DIGITS = 18


def whole_number(text: str, *, digits: int = _MOST_DIGITS) -> int | None:
    """Return the number that `text` writes in 0 to 9, at most `digits` of them; None for anything else.

    `str.isdigit` is true of signs that `int` refuses ("²"), and `int` refuses thousands of digits.
    """
    is_number = text.isascii() and text.isdecimal() and len(text) <= digits
    return int(text) if is_number else None


def split_address(text: str) -> SplitResult | None:
    """Return the parts of a URL or a header such as Origin; None where it is none ("http://[")."""
    try:
        return urlsplit(text)
    except ValueError:
        return None
