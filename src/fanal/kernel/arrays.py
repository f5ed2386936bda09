"""Arrays as one parameter: the text form that PostgreSQL reads (its manual, section 8.15.6).

A list given to the driver is written element by element; for thousands of values this is several times
faster. Cast the parameter where it stands: `%s::uuid[]`.
"""

from collections.abc import Iterable
from uuid import UUID


def plain_array(items: Iterable[str]) -> str:
    """Return the array of texts that hold letters, digits and dashes only: uuids, hexadecimals, numbers."""
    return f"{{{','.join(items)}}}"


def uuid_array(ids: Iterable[UUID]) -> str:
    """Return the array of ids, for `uuid[]`."""
    return plain_array([each.hex for each in ids])


def text_array(items: Iterable[str]) -> str:
    """Return the array of any texts; a database text holds no NUL."""
    texts = list(items)
    if not texts:
        return "{}"
    joined = '","'.join(texts)
    # Few batches hold a mark to escape: one look at the whole tells.
    if "\\" in joined or joined.count('"') != 2 * len(texts) - 2:
        joined = '","'.join(t.replace("\\", "\\\\").replace('"', '\\"') for t in texts)
    return f'{{"{joined}"}}'


def bytes_array(items: Iterable[bytes]) -> str:
    """Return the array of byte strings, for `bytea[]`."""
    return plain_array(rf"\\x{item.hex()}" for item in items)
