"""PostgreSQL array literals, to pass a list as one text parameter (PostgreSQL manual, section 8.15.6).

For thousands of values this is several times faster than the driver's adaptation of a list, element by
element. Cast the parameter in the statement: `%s::uuid[]`.
"""

from collections.abc import Iterable
from uuid import UUID


def plain_array(items: Iterable[str]) -> str:
    """Return the array literal of texts with letters, digits and dashes only, such as hexadecimals."""
    return f"{{{','.join(items)}}}"


def uuid_array(ids: Iterable[UUID]) -> str:
    """Return the array literal of ids, for `uuid[]`."""
    return plain_array([each.hex for each in ids])


def text_array(items: Iterable[str]) -> str:
    """Return the array literal of any texts without NUL (which PostgreSQL refuses), for `text[]`."""
    texts = list(items)
    if not texts:
        return "{}"
    joined = '","'.join(texts)
    # Characters to escape are rare: one check of the joined text suffices for most batches.
    if "\\" in joined or joined.count('"') != 2 * len(texts) - 2:
        joined = '","'.join(t.replace("\\", "\\\\").replace('"', '\\"') for t in texts)
    return f'{{"{joined}"}}'


def bytes_array(items: Iterable[bytes]) -> str:
    """Return the array literal of byte strings, for `bytea[]`."""
    return plain_array(rf"\\x{item.hex()}" for item in items)
