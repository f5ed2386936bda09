"""Checks of untrusted text that never raise: whole numbers, UUIDs, URLs, mail addresses.

The readers return None for malformed text; the other functions return a truth value.
"""

import re
from ipaddress import ip_address
from urllib.parse import SplitResult, urlsplit
from uuid import UUID

_MOST_DIGITS = 18


def whole_number(text: str, *, digits: int = _MOST_DIGITS) -> int | None:
    """Return the non-negative integer in a text of at most `digits` ASCII digits; None for anything else.

    `str.isdigit` accepts characters that `int` refuses ("²"), and `int` refuses thousands of digits.
    """
    is_number = text.isascii() and text.isdecimal() and len(text) <= digits
    return int(text) if is_number else None


def identifier(text: str) -> UUID | None:
    """Return the UUID in `text`; None for anything else.

    Every form that `uuid.UUID` reads: hyphens may be missing, braces or `urn:uuid:` be around it.
    """
    try:
        return UUID(text)
    except ValueError:
        return None


def split_address(text: str) -> SplitResult | None:
    """Return the parts of a URL, or of a header such as Origin (`text`); None if malformed ("http://[")."""
    try:
        return urlsplit(text)
    except ValueError:
        return None


def is_sheltered(address: str) -> bool:
    """Return whether `address` is safe from eavesdropping: https, or http to this machine.

    A URL with credentials is not.
    """
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


_ATOM = r"[A-Za-z0-9!#$%&'*+/^_`{|}~-]+"
_MAIL = re.compile(rf"{_ATOM}(\.{_ATOM})*@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+")


_LONGEST_MAIL = 254
"""Longest address that fits in the path of an SMTP command (RFC 5321, 4.5.3.1.3)."""


def is_mail_address(text: str) -> bool:
    """Return whether a text is a plain ASCII address (RFC 5322, dot-atom), valid unencoded in a header.

    Other addresses require SMTPUTF8 (RFC 6531): a single one would make a server refuse the message for all
    its recipients.
    """
    return len(text) <= _LONGEST_MAIL and _MAIL.fullmatch(text) is not None
