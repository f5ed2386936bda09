"""Choice of the reader for each source format, and the readers of notifications required by European law."""

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Final

from msgspec import structs

from fanal.formats.com209 import ProviderReport, read_provider_report
from fanal.formats.dsa18 import Notification, read_notification
from fanal.formats.envelope import Part, Provider, leaves
from fanal.formats.report.records import Person, PersonRole, Report
from fanal.harmonise.domain.records import Extra, Selector, SelectorKind, SelectorRole, Source
from fanal.harmonise.domain.sources.building import Draft
from fanal.harmonise.domain.sources.ncmec import read_ncmec, read_ncmec_json
from fanal.harmonise.domain.sources.report import draft_of, read_form, read_own
from fanal.harmonise.domain.sources.transfers import read_camt053, read_pacs008, read_transfers
from fanal.harmonise.domain.sources.vics import read_vics
from fanal.harmonise.domain.sources.xarf import read_xarf_report

# Notifications required of a provider by law: the enclosed report becomes the draft.
#
# Every value of the envelope is kept in `extra` under its path; some are also read into fields.


def read_dsa18(body: bytes) -> Draft:
    """Convert a notification under article 18 of the Digital Services Act (EU) 2022/2065 to a draft.

    The draft is that of the enclosed report. It is an emergency if the suspected offence is ongoing or
    likely, or if the enclosed report says so.

    Raises:
        FormatRefused: the bytes are not such a notification.
    """
    found, report = read_notification(body)
    urgent = report.emergency or found.stage in {"ONGOING", "LIKELY"}
    draft = _around(found, found.provider, report, reference=found.notification_id)
    return structs.replace(draft, emergency=urgent, escalation_reason=found.suspicion)


def read_com209(body: bytes) -> Draft:
    """Convert a provider's report under article 13 of the proposed regulation COM(2022) 209 to a draft.

    The draft is that of the enclosed report. It is an emergency if it is marked as urgent, or if the
    enclosed report says so.

    Raises:
        FormatRefused: the bytes are not such a report.
    """
    found, report = read_provider_report(body)
    draft = _around(found, found.provider, report, reference=found.report_id)
    return structs.replace(
        draft,
        emergency=report.emergency or found.urgent,
        loose=(*draft.loose, *_addresses(found)),
    )


def _around(
    part: Notification | ProviderReport, provider: Provider, report: Report, *, reference: str
) -> Draft:
    draft = draft_of(report)
    contact = provider.contact
    persons = draft.persons
    if contact is not None:
        answers = Person(
            role=PersonRole.REPORTER,
            name=contact.name,
            emails=_given(contact.email),
            phones=_given(contact.phone),
        )
        persons = (*persons, answers)
    return structs.replace(
        draft,
        reference=reference,
        platform=draft.platform or provider.name,
        persons=persons,
        extra=(*draft.extra, *_extra(part, report)),
    )


def _extra(part: Part, report: Report) -> Iterator[Extra]:
    yield from (Extra(path=path, value=value) for path, value in leaves(part))
    yield Extra(path="report/reference", value=report.reference)


def _addresses(found: ProviderReport) -> Iterator[Selector]:
    for number, place in enumerate(found.locations, start=1):
        if place.ip:
            yield Selector(
                kind=SelectorKind.IP,
                value=place.ip,
                role=SelectorRole.CONTENT,
                at=place.at,
                port=place.port,
                source=f"locations[{number}]/ip",
            )


def _given(value: str | None) -> tuple[str, ...]:
    return (value,) if value else ()


class UnknownFormat(Exception):
    """Error: no reader exists for the format that a report's envelope states."""


def read_source(source: Source, *, received_at: datetime) -> Draft:
    """Convert one report of any known format to a draft; `received_at` is timezone-aware.

    Raises:
        FormatRefused: the bytes are not a document of the format; intake accepts no such report.
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
