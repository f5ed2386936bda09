"""Validation of e-mail addresses: only plain ASCII ones, which every mail server accepts."""

import re

_ATOM = r"[A-Za-z0-9!#$%&'*+/^_`{|}~-]+"
_MAIL = re.compile(rf"{_ATOM}(\.{_ATOM})*@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+")


def is_mail_address(text: str) -> bool:
    """Return whether a text is a plain ASCII address (RFC 5322, dot-atom), valid unencoded in a header.

    Other addresses require SMTPUTF8 (RFC 6531): a single one would make a server refuse the message for all
    its recipients.
    """
    return _MAIL.fullmatch(text) is not None
