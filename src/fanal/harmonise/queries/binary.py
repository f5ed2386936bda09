"""Arrays as one binary parameter each: nothing is written out as text, quoted, and read again.

For the tables that take most rows of a report. The form is that of PostgreSQL's `array_send`: dimensions,
whether there are NULLs, type of the elements, their number and first place, then length and octets of each.
"""

import struct
from collections.abc import Sequence
from typing import Final

import psycopg
from psycopg.adapt import Dumper
from psycopg.pq import Format

_HEAD: Final = struct.Struct(">iiIii")
_UUID, _BOOLEAN, _SMALLINT, _INTEGER = 2950, 16, 21, 23  # numbers of the types (pg_type)


class UuidArray(bytes):
    """`uuid[]`."""


class BooleanArray(bytes):
    """`boolean[]`."""


class SmallintArray(bytes):
    """`smallint[]`."""


class IntegerArray(bytes):
    """`integer[]`."""


def uuids(values: Sequence[bytes]) -> UuidArray:
    """Return the array of ids, each given as its 16 octets."""
    return UuidArray(_array(_UUID, 16, values))


def booleans(values: Sequence[bool]) -> BooleanArray:
    """Return the array of truth values."""
    return BooleanArray(_array(_BOOLEAN, 1, [b"\1" if value else b"\0" for value in values]))


def smallints(values: Sequence[bytes]) -> SmallintArray:
    """Return the array of small integers, each given as two octets, the higher first."""
    return SmallintArray(_array(_SMALLINT, 2, values))


def integers(values: Sequence[bytes]) -> IntegerArray:
    """Return the array of integers, each given as four octets, the highest first."""
    return IntegerArray(_array(_INTEGER, 4, values))


def binary_cursor(connection: psycopg.Connection[tuple[object, ...]]) -> psycopg.Cursor[tuple]:  # type: ignore[type-arg]
    """Return a cursor that takes these arrays and gives its rows in binary form; the server binds."""
    cursor = psycopg.Cursor(connection)
    cursor.format = Format.BINARY
    for kind, dumper in _DUMPERS.items():
        cursor.adapters.register_dumper(kind, dumper)
    return cursor


def _array(element: int, width: int, values: Sequence[bytes]) -> bytes:
    if not values:
        return _HEAD.pack(0, 0, element, 0, 1)[:12]
    length = width.to_bytes(4, "big")
    return _HEAD.pack(1, 0, element, len(values), 1) + length + length.join(values)


class _Ready(Dumper):
    format = Format.BINARY

    def dump(self, obj: bytes) -> bytes:
        """Return the array: it is ready."""
        return obj


class _Uuids(_Ready):
    oid = 2951


class _Booleans(_Ready):
    oid = 1000


class _Smallints(_Ready):
    oid = 1005


class _Integers(_Ready):
    oid = 1007


_DUMPERS: Final[dict[type, type[Dumper]]] = {
    UuidArray: _Uuids,
    BooleanArray: _Booleans,
    SmallintArray: _Smallints,
    IntegerArray: _Integers,
}
