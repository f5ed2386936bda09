"""Values typed or sent by strangers, read without an exception: a whole number, an identifier, an address."""

from ipaddress import ip_address
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


def is_sheltered(address: str) -> bool:
    """Return whether nobody on the way reads what goes to `address`: https, or http on this machine."""
    parts = split_address(address)
    try:
        host, _port = (parts.hostname, parts.port) if parts else (None, None)
    except ValueError:
        return False
    if not parts or not host or parts.username is not None or parts.password is not None:
        return False
    return parts.scheme == "https" or (parts.scheme == "http" and _is_this_machine(host))


def _is_this_machine(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False
