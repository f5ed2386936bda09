"""Statements that the server binds, with arrays as one binary parameter each.

Nothing is written out as text, quoted, found again in the statement and read. For the stages, which write
many rows at once. The form is that of PostgreSQL's `array_send`: dimensions, whether there are NULLs, type of
the elements, their number and first place, then length and octets of each.
"""

import struct
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Final
from uuid import UUID

import numpy as np
import psycopg
from django.db import connection
from psycopg.adapt import Dumper
from psycopg.pq import Format

from fanal.accounts.rows import send_bounds

_HEAD: Final = struct.Struct(">iiIii")
_NULL: Final = b"\xff\xff\xff\xff"
# Numbers of the types (pg_type).
_BOOLEAN, _BYTEA, _SMALLINT, _INTEGER, _TEXT, _REAL, _UUID = 16, 17, 21, 23, 25, 700, 2950


class Array(bytes):
    """An array as PostgreSQL sends it; what it holds is the class's."""


class BooleanArray(Array):
    """`boolean[]`."""


class ByteaArray(Array):
    """`bytea[]`."""


class SmallintArray(Array):
    """`smallint[]`."""


class IntegerArray(Array):
    """`integer[]`."""


class TextArray(Array):
    """`text[]`."""


class RealArray(Array):
    """`real[]`."""


class UuidArray(Array):
    """`uuid[]`."""


def ids(values: Iterable[UUID]) -> UuidArray:
    """Return the array of ids."""
    return uuids([value.bytes for value in values])


def uuids(values: Sequence[bytes]) -> UuidArray:
    """Return the array of ids, each given as its 16 octets."""
    return even_uuids(np.frombuffer(b"".join(values), "V16"))


def even_uuids(values: np.ndarray) -> UuidArray:
    """Return the array of ids that numpy holds as `V16`."""
    return UuidArray(_even(_UUID, "V16", values))


def booleans(values: Sequence[bool] | np.ndarray) -> BooleanArray:
    """Return the array of truth values."""
    return BooleanArray(_even(_BOOLEAN, "?", values))


def smallints(values: Sequence[int] | np.ndarray) -> SmallintArray:
    """Return the array of small integers; those of numpy must be such.

    Raises:
        OverflowError: an integer of a list is too large.
    """
    return SmallintArray(_even(_SMALLINT, ">i2", values))


def integers(values: Sequence[int] | np.ndarray) -> IntegerArray:
    """Return the array of integers; as `smallints`.

    Raises:
        OverflowError: as `smallints`.
    """
    return IntegerArray(_even(_INTEGER, ">i4", values))


def reals(values: Sequence[float]) -> RealArray:
    """Return the array of numbers, of seven digits or so."""
    return RealArray(_even(_REAL, ">f4", values))


def texts(values: Iterable[str]) -> TextArray:
    """Return the array of long texts, of which none holds a NUL; short ones take less as `text_array`."""
    return TextArray(_array(_TEXT, [value.encode() for value in values]))


def octets(values: Iterable[bytes | None]) -> ByteaArray:
    """Return the array of byte strings, NULL for None."""
    return ByteaArray(_array(_BYTEA, values))


@contextmanager
def bound() -> Iterator[psycopg.Cursor[tuple]]:  # type: ignore[type-arg]
    """Yield a cursor that takes these arrays and gives its rows in binary form; the server binds.

    For use inside a transaction, to whose end the bounds of a request are sent (`rows`).
    """
    connection.ensure_connection()
    send_bounds(connection)
    with connection.wrap_database_errors, psycopg.Cursor(connection.connection) as cursor:
        cursor.format = Format.BINARY
        for kind, dumper in _DUMPERS.items():
            cursor.adapters.register_dumper(kind, dumper)
        yield cursor


def _even(element: int, form: str, values: Sequence[float] | np.ndarray) -> bytes:
    """Return an array whose elements have one width, in a form that numpy knows."""
    laid = np.empty(len(values), [("length", ">i4"), ("value", form)])
    laid["length"] = laid.dtype["value"].itemsize
    laid["value"] = values
    return _head(element, len(values)) + laid.tobytes()


def _array(element: int, values: Iterable[bytes | None]) -> bytes:
    """Return an array whose elements have any length; None stands for NULL."""
    laid = [_NULL if v is None else len(v).to_bytes(4, "big") + v for v in values]
    return _head(element, len(laid)) + b"".join(laid)


def _head(element: int, count: int) -> bytes:
    # Whether there is a NULL is asked for by nobody who reads: each is told by its length.
    return _HEAD.pack(1, 1, element, count, 1) if count else _HEAD.pack(0, 0, element, 0, 1)[:12]


class _Ready(Dumper):
    format = Format.BINARY

    def dump(self, obj: bytes) -> bytes:
        """Return the array: it is ready."""
        return obj


def _dumper(number: int) -> type[Dumper]:
    return type("_Ready", (_Ready,), {"oid": number})


# Numbers of the types of arrays.
_DUMPERS: Final = {
    BooleanArray: _dumper(1000),
    ByteaArray: _dumper(1001),
    SmallintArray: _dumper(1005),
    IntegerArray: _dumper(1007),
    TextArray: _dumper(1009),
    RealArray: _dumper(1021),
    UuidArray: _dumper(2951),
}
