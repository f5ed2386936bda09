"""One door for every source format: an acknowledged report's bytes to a draft."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Final

from fanal.harmonise.domain.records import Source
from fanal.harmonise.domain.sources.draft import Draft
from fanal.harmonise.domain.sources.envelopes import read_com209, read_dsa18
from fanal.harmonise.domain.sources.ncmec import read_ncmec
from fanal.harmonise.domain.sources.ncmec_json import read_ncmec_json
from fanal.harmonise.domain.sources.report import read_form, read_own
from fanal.harmonise.domain.sources.transfers import read_camt053, read_pacs008, read_transfers
from fanal.harmonise.domain.sources.vics import read_vics
from fanal.harmonise.domain.sources.xarf import read_xarf_report


class UnknownFormat(Exception):
    """No reader is known for a report's format."""


def read_source(source: Source, *, received_at: datetime) -> Draft:
    """Return the draft of one report; `received_at` is aware.

    Raises:
        FormatRefused: the bytes are no document of the format (intake accepts none such).
        UnknownFormat: the format has no reader.
    """
    reader = _READERS.get(source.format)
    if reader is None:
        raise UnknownFormat(source.format)
    return reader(source, received_at)


def _ncmec_xml(source: Source, received_at: datetime) -> Draft:
    return read_ncmec(
        source.body,
        files=source.files,
        reference=str(source.report_id),
        received_at=received_at,
    )


def _ncmec_json(source: Source, _: datetime) -> Draft:
    return read_ncmec_json(source.body, files=source.files, reference=str(source.report_id))


def _vics(source: Source, _: datetime) -> Draft:
    return read_vics(source.body, reference=str(source.report_id))


def _xarf(source: Source, _: datetime) -> Draft:
    return read_xarf_report(source.body, reference=str(source.report_id))


def _dsa18(source: Source, _: datetime) -> Draft:
    return read_dsa18(source.body)


def _com209(source: Source, _: datetime) -> Draft:
    return read_com209(source.body)


def _transfers(source: Source, _: datetime) -> Draft:
    return read_transfers(source.body, reference=source.reference or str(source.report_id))


def _pacs008(source: Source, _: datetime) -> Draft:
    return read_pacs008(source.body, reference=source.reference or str(source.report_id))


def _camt053(source: Source, _: datetime) -> Draft:
    return read_camt053(source.body, reference=source.reference or str(source.report_id))


def _own(source: Source, _: datetime) -> Draft:
    return read_own(source.body)


def _form(source: Source, _: datetime) -> Draft:
    return read_form(source.body, reference=str(source.report_id))


_READERS: Final[Mapping[str, Callable[[Source, datetime], Draft]]] = {
    "report/1": _own,
    "form/1": _form,
    "ncmec-xml": _ncmec_xml,
    "ncmec-json": _ncmec_json,
    "vics": _vics,
    "xarf": _xarf,
    "dsa-18": _dsa18,
    "com-2022-209": _com209,
    "transfers": _transfers,
    "pacs.008": _pacs008,
    "camt.053": _camt053,
}
