"""Which text is an address that every mail server takes."""

import re

_ATOM = r"[A-Za-z0-9!#$%&'*+/^_`{|}~-]+"
_MAIL = re.compile(rf"{_ATOM}(\.{_ATOM})*@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+")


def is_mail_address(text: str) -> bool:
    """Return whether a text is a plain address (RFC 5322, dot-atom): a header keeps it as it is.

    Addresses that are not ASCII need servers with SMTPUTF8 (RFC 6531): one of them would keep a message from
    all who stand beside it.
    """
    return _MAIL.fullmatch(text) is not None
