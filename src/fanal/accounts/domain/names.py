"""Logins in the one form in which they are stored, compared and locked out."""

import unicodedata

MAXIMUM_LOGIN = 150


def likeness_key(name: str) -> str:
    """Return what two spellings of one person's name share: letters without accents or case, words in order.

    >>> likeness_key("AUTIER  Clairé") == likeness_key("Claire Autier")
    True
    """
    plain = unicodedata.normalize("NFKD", name).casefold()
    kept = "".join(c if c.isalnum() else " " for c in plain if not unicodedata.combining(c))
    return " ".join(sorted(kept.split()))


def canonical_login(text: str) -> str:
    """Return `text` in NFKC, lower case, without outer blanks: `ＡNA ` and `ana` are one account.

    Lock-out counts on this form, so that variants of a login give no further attempts.
    """
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).lower())
    return folded.strip()


def login_from_name(name: str) -> str:
    """Return a login for a body's name: ASCII letters, digits and single hyphens, or `partner`."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    words = "".join(c if c.isalnum() else " " for c in plain).split()
    return "-".join(words)[:100] or "partner"
