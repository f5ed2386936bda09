"""Files of bank transfers on disk: split by payer, counted for the progress bar."""

from collections.abc import Iterator
from datetime import datetime
from functools import lru_cache
from pathlib import Path

from fanal.cli.found import FoundReport, Reader, Source, Unreadable, reason_of
from fanal.formats.iso20022.read import cut_parts as cut_iso
from fanal.formats.refusal import FormatRefused
from fanal.formats.transfer import PayerPart
from fanal.formats.transfers.read import Damaged, cut_parts as cut_csv
from fanal.intake.domain.records import Format


def transfers_reader(format_: Format) -> Reader:
    """Return the reader of transfer files: a report for each payer, an error for each damaged row."""

    def read(source: Source, now: datetime) -> Iterator[FoundReport | Unreadable]:
        del now
        path = source.path
        try:
            for item in cut(path, format_):
                if isinstance(item, PayerPart):
                    yield FoundReport(
                        place=f"{path}: {item.place}",
                        format=format_,
                        body=item.body,
                        canonical=item.body,
                        reference=item.reference,
                    )
                else:
                    yield Unreadable(place=f"{path}:{item.line}", reason=reason_of(item.refusal))
        except FormatRefused as refusal:
            yield Unreadable(place=str(path), reason=reason_of(refusal))

    return read


def cut(path: Path, format_: Format) -> Iterator[PayerPart | Damaged]:
    """Yield the parts of a file, one for each payer, and its damaged rows.

    Raises:
        FormatRefused: the file has another format; parts already yielded remain valid.
        OSError: the file is unreadable.
    """
    with path.open("rb") as stream:
        if format_ is Format.TRANSFERS:
            yield from cut_csv(stream)
        else:
            yield from cut_iso(stream, kind=format_.value)


def count_transfers(path: Path, *, format_: Format) -> int:
    """Return the number of parts and damaged rows in a file.

    Raises:
        FormatRefused, OSError: as `cut`.
    """
    state = path.stat()
    return _counted(path, format_, state.st_size, state.st_mtime_ns)


@lru_cache(maxsize=8)
def _counted(path: Path, format_: Format, _size: int, _changed: int) -> int:
    return sum(1 for _ in cut(path, format_))
