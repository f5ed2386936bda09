"""Reader of the CSV files of money-transfer operators, in the layouts of `layouts/`.

The layout is detected by its header; every cell is read or kept. Nothing is evaluated: a cell that a
spreadsheet would take for a formula is plain text.
"""

import codecs
import csv
import re
import tomllib
from collections.abc import Iterator, Mapping
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal, InvalidOperation
from functools import cache
from importlib import resources
from typing import BinaryIO, Final
from unicodedata import normalize
from zoneinfo import ZoneInfo

import msgspec
from msgspec import Struct

from fanal.formats.refusal import DocumentFault, FormatRefused
from fanal.formats.transfer import Party, PayerPart, Transfer, TransferProblem, by_payer, part_of
from fanal.reference.reader import ReferenceRefused

# CSV records as bytes: quoted cells may contain line ends; an unclosed quote ends with its own line.
#
# A file in UTF-16 is converted to UTF-8 first; any other keeps its bytes.

MAX_RECORD: Final = 65_536
"""Maximum bytes of one record; an unclosed quote takes no more than its own line."""
_MAX_LINES: Final = 100
_QUOTE: Final = b'"'
_WIDE: Final = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


class TransferRow(Struct, frozen=True, kw_only=True, gc=False):
    """A record of a CSV file: the number of its first line, and its bytes with line end, if it has one.

    `whole` is False for a record over the size limit, or whose quotation mark is not closed in time; then
    `body` holds its first line only, cut at the limit.
    """

    line: int
    body: bytes
    whole: bool = True


def read_rows(stream: BinaryIO) -> Iterator[TransferRow]:
    """Yield the non-blank records of a CSV file as bytes, one in memory at a time.

    A record ends where its quotation marks are closed; one that is too large, or is not closed in time, is
    yielded by its first line only, with `whole` False.
    """
    lines = _lines(stream)
    held: list[tuple[int, bytes]] = []
    while held or (held := [first for first in [next(lines, None)] if first is not None]):
        number, line = held.pop(0)
        if not line.strip(b" \t\r\n\xef\xbb\xbf"):
            continue
        body, taken = line, list[tuple[int, bytes]]()
        while body.count(_QUOTE) % 2 and len(body) <= MAX_RECORD and len(taken) < _MAX_LINES:
            following = held.pop(0) if held else next(lines, None)
            if following is None:
                break
            taken.append(following)
            body += following[1]
        if body.count(_QUOTE) % 2 == 0 and len(body) <= MAX_RECORD:
            yield TransferRow(line=number, body=body)
            continue
        held = [*taken, *held]
        yield TransferRow(line=number, body=line[: MAX_RECORD + 1], whole=False)


def _lines(stream: BinaryIO) -> Iterator[tuple[int, bytes]]:
    start = stream.read(2)
    source = _narrow(stream, start) if start in _WIDE else _plain(stream, start)
    return enumerate(source, start=1)


def _plain(stream: BinaryIO, start: bytes) -> Iterator[bytes]:
    rest = start
    while True:
        line = rest + (b"" if rest.endswith(b"\n") else stream.readline(MAX_RECORD + 2))
        rest = b""
        if not line:
            return
        yield line


def _narrow(stream: BinaryIO, start: bytes) -> Iterator[bytes]:
    """Yield the lines of a UTF-16 file in UTF-8; invalid sequences become replacement characters.

    `start` is the byte order mark, already read.
    """
    name = "utf-16-le" if start == codecs.BOM_UTF16_LE else "utf-16-be"
    decoder = codecs.getincrementaldecoder(name)("replace")
    left = ""
    while chunk := stream.read(1 << 16):
        pieces = (left + decoder.decode(chunk)).split("\n")
        left = pieces.pop()
        if len(left) > MAX_RECORD:
            pieces, left = [*pieces, left], ""
        yield from (f"{piece}\n".encode() for piece in pieces)
    left += decoder.decode(b"", final=True)
    if left:
        yield left.encode()


# Layouts of operators' files as dated data: the field of each column, and the notation of values.
#
# A layout is detected by the header; a column outside the layout is kept under its own name.

PARTY_FIELDS: Final = frozenset(
    {
        "name", "first_name", "last_name", "iban", "account", "wallet", "customer", "phone", "email",
        "birth_date", "country", "postcode",
    }
)  # fmt: skip
FIELDS: Final = frozenset(
    {"reference", "date", "time", "offset", "amount", "currency", "label", "operator", "kept"}
    | {f"{side}.{name}" for side in ("sender", "beneficiary") for name in PARTY_FIELDS}
)
"""Possible fields of a column; `kept`: a known column without a field, kept in `extra`."""


class Layout(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The layout of one payment operator's CSV files.

    `columns` maps column names (compared by `plain_name`) to fields; a file must have all `required` fields
    to match. `dates` are formats of `datetime.strptime`, tried in order; `zone` is the time zone of times
    without an offset. `decimal` is the decimal separator. `currency` and `operator` are the values for files
    that do not state them; `fallback_encoding` applies to text that is not UTF-8. `separators` are the field
    separators tried. `source` says where the layout is published, `checked_by` who checked it,
    `in_force_from` since when it applies.
    """

    schema: int
    id: str
    in_force_from: date
    source: str
    checked_by: str
    separators: str
    decimal: str
    dates: tuple[str, ...]
    zone: str
    fallback_encoding: str
    required: tuple[str, ...]
    columns: dict[str, str]
    currency: str | None = None
    operator: str | None = None

    def fields_of(self, header: list[str]) -> list[str] | None:
        """Return the field of each column of `header`, its column names; None if they do not match.

        An unknown column has the field `kept`. The order is that of `header`.
        """
        known = {plain_name(name): field for name, field in self.columns.items()}
        found = [known.get(plain_name(name), "kept") for name in header]
        named = [field for field in found if field != "kept"]
        if len(named) != len(set(named)) or not set(self.required) <= set(named):
            return None
        return found


def plain_name(name: str) -> str:
    """Normalise a column name for comparison: no case, accents, spaces or punctuation."""
    flat = normalize("NFKD", name).casefold()
    return "".join(c for c in flat if c.isalnum())


def read_layout(text: str) -> Layout:
    """Parse and check a layout in TOML.

    Raises:
        ReferenceRefused: unknown or missing key, unknown field, time zone, encoding or decimal sign, no
            separator, or a repeated column name.
    """
    try:
        layout = msgspec.convert(tomllib.loads(text), Layout)
        ZoneInfo(layout.zone)
        "".encode(layout.fallback_encoding)
    except (msgspec.ValidationError, tomllib.TOMLDecodeError, LookupError, ValueError) as error:
        raise ReferenceRefused(str(error)) from error
    plain = [plain_name(name) for name in layout.columns]
    fields = set(layout.columns.values())
    if len(plain) != len(set(plain)) or fields - FIELDS or set(layout.required) - fields:
        raise ReferenceRefused(f"layout {layout.id}: columns")
    if layout.decimal not in {".", ","} or not layout.separators:
        raise ReferenceRefused(f"layout {layout.id}: marks")
    return layout


@cache
def shipped_layouts() -> tuple[Layout, ...]:
    """Return all layouts of the package, those with most columns first."""
    folder = resources.files("fanal.formats.transfers").joinpath("layouts")
    texts = [p.read_text("utf-8") for p in folder.iterdir() if p.name.endswith(".toml")]
    found = [read_layout(text) for text in texts]
    return tuple(sorted(found, key=lambda layout: (-len(layout.columns), layout.id)))


MAX_COLUMNS: Final = 200
_UTF8_MARK: Final = "\ufeff"
_SPACES: Final = re.compile("[\\s\u00a0\u202f'’]")
_AMOUNT: Final = re.compile(r"[+-]?\d{1,12}(?:\.\d{1,8})?")
_OFFSET: Final = re.compile(r"(?:UTC|GMT)?([+-])(\d{1,2}):?(\d{2})?")
_GUARDED: Final = ("'=", "'+", "'-", "'@")


class Header(Struct, frozen=True, kw_only=True):
    """The header of a transfer file: its layout, separator, column names and their fields."""

    layout: Layout
    separator: str
    names: tuple[str, ...]
    fields: tuple[str, ...]


class Damaged(Struct, frozen=True, kw_only=True):
    """A row of a transfer file that cannot be read: its line number and the refusal."""

    line: int
    refusal: FormatRefused


def read_header(row: TransferRow) -> Header:
    """Detect the layout of a file from its first record (`row`).

    Raises:
        FormatRefused: WRONG_ROOT: no layout has these columns.
    """
    for layout in shipped_layouts():
        text = _text(row.body, layout)
        for separator in layout.separators:
            names = _cells(text, separator)
            if names is None or len(names) > MAX_COLUMNS:
                continue
            fields = layout.fields_of(names)
            if fields is not None:
                return Header(
                    layout=layout, separator=separator, names=tuple(names), fields=tuple(fields)
                )
    known = ", ".join(layout.id for layout in shipped_layouts())
    raise FormatRefused(DocumentFault.WRONG_ROOT, "line 1", parameters={"expected": known})


def read_transfers(stream: BinaryIO) -> Iterator[Transfer | Damaged]:
    """Yield a transfer for each readable row of a CSV file, and a `Damaged` for each other row.

    The results are in the order of the rows.

    Raises:
        FormatRefused: the file is empty, or no layout has its columns.
    """
    rows = read_rows(stream)
    header = _header(rows)
    for row in rows:
        yield _read(row, header)


def cut_parts(stream: BinaryIO) -> Iterator[PayerPart | Damaged]:
    """Split a CSV file of transfers by payer: yield a file of the same layout for each, with unchanged rows.

    A payer with many transfers has several files, as in `transfer.by_payer`. A row that cannot be read is
    yielded as a `Damaged`, before the payers of its window of rows (`transfer.WINDOW`).

    Raises:
        FormatRefused: the file is empty, or no layout has its columns.
    """
    rows = read_rows(stream)
    first = next(rows, None)
    if first is None:
        raise FormatRefused(DocumentFault.MALFORMED, "line 1")
    header = read_header(first)
    damaged: list[Damaged] = []
    for group in by_payer(_keyed(rows, header, damaged)):
        yield from damaged
        damaged.clear()
        body = _ended(first.body) + b"".join(_ended(row.body) for row in group)
        place = f"line {group[0].line}"
        prefix = header.layout.id
        yield part_of(prefix=prefix, place=place, body=body, count=len(group))
    yield from damaged


def _keyed(
    rows: Iterator[TransferRow], header: Header, damaged: list[Damaged]
) -> Iterator[tuple[str, TransferRow]]:
    for row in rows:
        read = _cells_of(row, header)
        if isinstance(read, Damaged):
            damaged.append(read)
        else:
            yield _party(_values(read, header), "sender", header.layout).key(), row


def _header(rows: Iterator[TransferRow]) -> Header:
    first = next(rows, None)
    if first is None:
        raise FormatRefused(DocumentFault.MALFORMED, "line 1")
    return read_header(first)


def _ended(body: bytes) -> bytes:
    return body if body.endswith(b"\n") else body + b"\n"


def _text(body: bytes, layout: Layout) -> str:
    """Decode a record as UTF-8, else in the layout's encoding, else as Latin-1."""
    try:
        return body.decode().removeprefix(_UTF8_MARK)
    except UnicodeDecodeError:
        try:
            return body.decode(layout.fallback_encoding)
        except UnicodeDecodeError:
            return body.decode("latin-1")


def _cells(text: str, separator: str) -> list[str] | None:
    try:
        found = list(csv.reader([text], delimiter=separator, strict=True))
    except csv.Error:
        return None
    return [cell for cells in found for cell in cells]


def _read(row: TransferRow, header: Header) -> Transfer | Damaged:
    cells = _cells_of(row, header)
    if isinstance(cells, Damaged):
        return cells
    extra = tuple(
        (name.strip() or "?", cell)
        for name, field, cell in zip(header.names, header.fields, cells, strict=True)
        if field == "kept" and cell.strip()
    )
    return _transfer(_values(cells, header), header=header, line=row.line, extra=extra)


def _values(cells: list[str], header: Header) -> dict[str, str]:
    """Return the non-blank cells of a row by field, as `header` assigns them; others are left out."""
    named = zip(header.fields, cells, strict=True)
    return {field: cell for field, cell in named if field != "kept" and cell.strip()}


def _cells_of(row: TransferRow, header: Header) -> list[str] | Damaged:
    path = f"line {row.line}"
    cells = _cells(_text(row.body, header.layout), header.separator) if row.whole else None
    if cells is None:
        return Damaged(line=row.line, refusal=FormatRefused(DocumentFault.MALFORMED, path))
    if len(cells) != len(header.names):
        many = {"expected": len(header.names), "got": len(cells)}
        return Damaged(
            line=row.line, refusal=FormatRefused(DocumentFault.WRONG_TYPE, path, parameters=many)
        )
    if any("\0" in cell for cell in cells):
        return Damaged(
            line=row.line, refusal=FormatRefused(DocumentFault.FORBIDDEN_CHARACTER, path)
        )
    return cells


def _transfer(
    values: Mapping[str, str], *, header: Header, line: int, extra: tuple[tuple[str, str], ...]
) -> Transfer:
    layout, problems = header.layout, list[TransferProblem]()
    at = _at(values, layout)
    if at is None and values.get("date"):
        written = " ".join(filter(None, (values.get(n) for n in ("date", "time", "offset"))))
        problems.append(
            TransferProblem(path=_name(header, "date"), code="TIME_UNREADABLE", value=written)
        )
        at = written
    written_amount = values.get("amount")
    amount = _amount(written_amount, layout.decimal) if written_amount else None
    if amount is None and written_amount:
        problems.append(
            TransferProblem(
                path=_name(header, "amount"), code="AMOUNT_UNREADABLE", value=written_amount
            )
        )
        amount = written_amount
    return Transfer(
        place=f"line {line}",
        reference=_read_plain(values.get("reference")),
        at=at,
        amount=amount,
        currency=(_read_plain(values.get("currency")) or layout.currency or "").upper() or None,
        label=values.get("label"),
        operator=_read_plain(values.get("operator")) or layout.operator,
        sender=_party(values, "sender", layout),
        beneficiary=_party(values, "beneficiary", layout),
        extra=extra,
        problems=tuple(problems),
    )


def _name(header: Header, field: str) -> str:
    return header.names[header.fields.index(field)]


def _party(values: Mapping[str, str], side: str, layout: Layout) -> Party:
    own = {
        name: _read_plain(values.get(f"{side}.{name}"))
        for name in (
            "iban", "account", "wallet", "customer", "phone", "email", "country", "postcode",
        )
    }  # fmt: skip
    parts = (values.get(f"{side}.{name}") for name in ("first_name", "last_name"))
    whole = " ".join(p.strip() for p in parts if p and p.strip())
    name = values.get(f"{side}.name") or whole or None
    born = _read_plain(values.get(f"{side}.birth_date"))
    return Party(name=name, birth_date=_day(born, layout) if born else None, **own)


def _read_plain(cell: str | None) -> str | None:
    """Return a cell without outer blanks and the apostrophe that protects it in spreadsheets.

    The result is None if it is empty then.
    """
    text = (cell or "").strip()
    return (text[1:] if text.startswith(_GUARDED) else text) or None


def _amount(text: str, decimal: str) -> str | None:
    """Parse an amount with the decimal separator `decimal` to a plain decimal number; None if unreadable.

    Spaces, thousands separators and currency signs are dropped.
    """
    other = "," if decimal == "." else "."
    plain = _SPACES.sub("", text).replace(other, "").replace(decimal, ".").strip("€$£")
    if _AMOUNT.fullmatch(plain) is None:
        return None
    try:
        return format(Decimal(plain), "f")
    except InvalidOperation:
        return None


def _day(text: str, layout: Layout) -> str:
    read = _parsed(text, layout)
    return text if read is None else read[0].date().isoformat()


def _at(values: Mapping[str, str], layout: Layout) -> str | None:
    """Combine date, time and offset of a row to an ISO 8601 instant, or a date alone; None if unreadable.

    `values` are the cells by field.
    """
    pieces = filter(None, (_read_plain(values.get("date")), _read_plain(values.get("time"))))
    read = _parsed(" ".join(pieces), layout)
    if read is None:
        return None
    instant, has_time = read
    if not has_time:
        return instant.date().isoformat()
    offset = values.get("offset")
    if offset is not None:
        found = _OFFSET.fullmatch(offset.strip())
        if found is None or int(found[3] or 0) > 59:
            return None
        ahead = timedelta(hours=int(found[2]), minutes=int(found[3] or 0))
        if ahead >= timedelta(hours=24):
            return None
        instant = instant.replace(tzinfo=timezone(ahead if found[1] == "+" else -ahead))
    elif instant.tzinfo is None:
        instant = instant.replace(tzinfo=ZoneInfo(layout.zone))
    return instant.isoformat()


def _parsed(text: str, layout: Layout) -> tuple[datetime, bool] | None:
    for pattern in layout.dates:
        try:
            found = datetime.strptime(text, pattern)  # noqa: DTZ007 - the caller adds the zone
        except ValueError:
            continue
        return found, "%H" in pattern or "%I" in pattern
    return None


def is_transfers(first: bytes) -> bool:
    """Return whether the first bytes of a file are the header of a known layout."""
    row = TransferRow(line=1, body=first.partition(b"\n")[0])
    try:
        return bool(read_header(row).fields)
    except FormatRefused:
        return False
