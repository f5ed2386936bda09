"""Binary array parameters for statements with server-side binding, for stages that write many rows at once.

Values are not rendered as text, quoted and parsed again. The format is that of PostgreSQL's `array_send`:
number of dimensions, NULL flag, element type, length, lower bound, then length and bytes of each element.
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

from fanal.accounts.row_scope import send_bounds

_HEAD: Final = struct.Struct(">iiIii")
_NULL: Final = b"\xff\xff\xff\xff"
# Object identifiers (OIDs) of the element types, from pg_type.
_BOOLEAN, _BYTEA, _SMALLINT, _INTEGER, _TEXT, _REAL, _UUID = 16, 17, 21, 23, 25, 700, 2950


class Array(bytes):
    """A PostgreSQL array in binary format (`array_send`), as a parameter on a cursor of `bound`.

    `bound` yields a cursor that sends parameters in binary format. The subclass names the element type; the
    functions of this module build the values.
    """


class BooleanArray(Array):
    """A `boolean[]` in binary format, built by `booleans`: a statement parameter on a cursor of `bound`."""


class ByteaArray(Array):
    """A `bytea[]` in binary format, built by `octets`: a statement parameter on a cursor of `bound`."""


class SmallintArray(Array):
    """A `smallint[]` in binary format, built by `smallints`: a statement parameter on a cursor of `bound`."""


class IntegerArray(Array):
    """An `integer[]` in binary format, built by `integers`: a statement parameter on a cursor of `bound`."""


class TextArray(Array):
    """A `text[]` in binary format, built by `texts`: a statement parameter on a cursor of `bound`."""


class RealArray(Array):
    """A `real[]` in binary format, built by `reals`: a statement parameter on a cursor of `bound`."""


class UuidArray(Array):
    """A `uuid[]` in binary format, built by `ids`: a statement parameter on a cursor of `bound`."""


def ids(values: Iterable[UUID]) -> UuidArray:
    """Encode UUIDs as a binary `uuid[]`."""
    return uuids([value.bytes for value in values])


def uuids(values: Sequence[bytes]) -> UuidArray:
    """Encode ids, each given as 16 bytes, as a binary `uuid[]`."""
    return even_uuids(np.frombuffer(b"".join(values), "V16"))


def even_uuids(values: np.ndarray) -> UuidArray:
    """Encode a numpy array of ids (dtype `V16`, 16 bytes each) as a binary `uuid[]`."""
    return UuidArray(_even(_UUID, "V16", values))


def booleans(values: Sequence[bool] | np.ndarray) -> BooleanArray:
    """Encode truth values as a binary `boolean[]`."""
    return BooleanArray(_even(_BOOLEAN, "?", values))


def smallints(values: Sequence[int] | np.ndarray) -> SmallintArray:
    """Encode integers as a binary `smallint[]`; a numpy array must already be within range (else it wraps).

    Raises:
        OverflowError: an integer of a list is too large.
    """
    return SmallintArray(_even(_SMALLINT, ">i2", values))


def integers(values: Sequence[int] | np.ndarray) -> IntegerArray:
    """Encode integers as a binary `integer[]`; a numpy array must already be within range.

    Raises:
        OverflowError: an integer of a list is too large.
    """
    return IntegerArray(_even(_INTEGER, ">i4", values))


def reals(values: Sequence[float]) -> RealArray:
    """Encode numbers as a binary `real[]` (single precision, about seven digits)."""
    return RealArray(_even(_REAL, ">f4", values))


def texts(values: Iterable[str]) -> TextArray:
    """Encode texts without NUL as a binary `text[]`; for short texts `db.sql.text_array` is smaller."""
    return TextArray(_array(_TEXT, [value.encode() for value in values]))


def octets(values: Iterable[bytes | None]) -> ByteaArray:
    """Encode byte strings as a binary `bytea[]`, None as NULL."""
    return ByteaArray(_array(_BYTEA, values))


@contextmanager
def bound() -> Iterator[psycopg.Cursor[tuple]]:  # type: ignore[type-arg]
    """Yield a cursor with server-side binding for this module's arrays; it returns rows in binary format.

    Use it inside a transaction. The current row-security bounds are set until the transaction ends.
    """
    connection.ensure_connection()
    send_bounds(connection)
    with connection.wrap_database_errors, psycopg.Cursor(connection.connection) as cursor:
        cursor.format = Format.BINARY
        for kind, dumper in _DUMPERS.items():
            cursor.adapters.register_dumper(kind, dumper)
        yield cursor


def _even(element: int, form: str, values: Sequence[float] | np.ndarray) -> bytes:
    """Encode an array whose elements have a fixed width.

    `element` is the OID of the element type, `form` the numpy dtype of a value.
    """
    laid = np.empty(len(values), [("length", ">i4"), ("value", form)])
    laid["length"] = laid.dtype["value"].itemsize
    laid["value"] = values
    return _head(element, len(values)) + laid.tobytes()


def _array(element: int, values: Iterable[bytes | None]) -> bytes:
    """Encode an array whose elements have variable length; None becomes NULL; `element` is the type's OID."""
    laid = [_NULL if v is None else len(v).to_bytes(4, "big") + v for v in values]
    return _head(element, len(laid)) + b"".join(laid)


def _head(element: int, count: int) -> bytes:
    # The NULL flag is always 1: readers ignore it, since the length of each element marks NULLs.
    return _HEAD.pack(1, 1, element, count, 1) if count else _HEAD.pack(0, 0, element, 0, 1)[:12]


class _Ready(Dumper):
    format = Format.BINARY

    def dump(self, obj: bytes) -> bytes:
        """Return the array unchanged: it is already in binary format (psycopg `Dumper`)."""
        return obj


def _dumper(number: int) -> type[Dumper]:
    return type("_Ready", (_Ready,), {"oid": number})


# Object identifiers (OIDs) of the array types.
_DUMPERS: Final = {
    BooleanArray: _dumper(1000),
    ByteaArray: _dumper(1001),
    SmallintArray: _dumper(1005),
    IntegerArray: _dumper(1007),
    TextArray: _dumper(1009),
    RealArray: _dumper(1021),
    UuidArray: _dumper(2951),
}
