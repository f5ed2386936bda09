"""Records written for partners: XARF, article 18 DSA, article 13 of COM(2022)209."""

import os
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from uuid import UUID

import xarf
from msgspec import Struct

from fanal.accounts import queries as accounts
from fanal.cli.failures import tell
from fanal.config.environment import read_environment
from fanal.formats.com209.provider_report import provider_report_of
from fanal.formats.dsa18.notification import notification_of
from fanal.formats.report.records import Report
from fanal.formats.xarf.write import Sent, write_xarf
from fanal.harmonise import operations as harmonise, queries as harmonised
from fanal.harmonise.domain.outgoing import as_report, withheld_texts
from fanal.harmonise.domain.records import HarmonisedReport
from fanal.harmonise.domain.vocabulary import categories_of
from fanal.intake import queries as intake
from fanal.intake.domain.records import ReportFacts
from fanal.kernel.actors import Actor, system_actor
from fanal.vault.keyring import KeyMissing

_DESK = "Fanal"


class Written(Struct, frozen=True, kw_only=True):
    """A record with what its writers need to know of it; no text of `report` names who reported."""

    record: HarmonisedReport
    report: Report
    facts: ReportFacts
    provider: str
    is_demo: bool

    @property
    def received_at(self) -> str:
        """The instant of receipt, as XML Schema writes it."""
        return (
            self.facts.received_at.astimezone(UTC)
            .isoformat(timespec="seconds")
            .replace("+00:00", "Z")
        )


def find(report_id: UUID, *, actor: Actor, now: datetime) -> Written | None:
    """Return what is written of a report, None where it is not harmonised or out of reach."""
    record = harmonised.get_records(actor=actor, report_ids=[report_id]).get(report_id)
    facts = intake.get_reports(actor=actor, report_ids=[report_id]).get(report_id)
    if record is None or facts is None:
        return None
    names = accounts.partner_names(partner_ids={facts.sender_id})
    return Written(
        record=record,
        report=leaving_report(record, facts, now=now),
        facts=facts,
        provider=names.get(facts.sender_id) or record.platform or _DESK,
        is_demo=accounts.has_demo_mark(),
    )


def leaving_report(record: HarmonisedReport, facts: ReportFacts, *, now: datetime) -> Report:
    """Return a record as the report format has it, with nothing of who reported in its texts."""
    report_id = facts.report_id
    try:
        contacts = harmonise.reporters_values(
            actor=system_actor("to withhold who reported from what leaves"),
            facts={report_id: facts},
            records={report_id: record},
            now=now,
        )
    except KeyMissing:
        contacts = {report_id: None}
    if contacts.get(report_id, frozenset()) is None:
        tell("TEXTS_LEFT_OUT", reference=facts.reference)
    return withheld_texts(as_report(record), contacts.get(report_id, frozenset()))


def _xarf_documents(found: Written) -> list[bytes]:
    """Return the documents that the public package takes too; what it refuses is told and left out."""
    record = found.record
    classes = [
        _target(file.classification.scheme, file.classification.code, "XARF_CSAM")
        if file.classification
        else ""
        for file in record.files
    ]
    own = {extra.path: extra.value for extra in record.extra}
    documents = write_xarf(
        Sent(
            report_id=record.report_id,
            report=found.report,
            received_at=found.received_at,
            org=_DESK,
            email=read_environment(os.environ).mail_from,
            urls=[url.canonical for url in record.urls if url.canonical],
            classes=classes,
            exploitation=_target("REPORT_KIND", record.kind.value, "XARF_CSEM"),
            ncmec_report_id=own.get("ncmec_report_id") or own.get("reportId", ""),
            is_test=found.facts.is_test or found.is_demo,
        )
    )
    kept = []
    for document in documents:
        errors = xarf.parse(document.decode()).errors
        if errors:
            fields = ", ".join(sorted({error.field for error in errors}))
            tell("REFUSED_BY_VALIDATOR", reference=record.reference, detail=fields)
        else:
            kept.append(document)
    if not documents:
        tell("NOTHING_TO_WRITE", reference=record.reference, format="xarf")
    return kept


def _target(scheme: str, code: str, wanted: str) -> str:
    """Return the class of `wanted` that a class is read as, empty for none."""
    prefix = f"{wanted}:"
    found = (c.maps_to for c in categories_of(scheme, code))
    return next((name.removeprefix(prefix) for name in found if name.startswith(prefix)), "")


def _dsa18_documents(found: Written) -> list[bytes]:
    return [
        notification_of(
            found.report,
            pairs=[(extra.path, extra.value) for extra in found.record.extra],
            reason=found.record.escalation_reason,
            provider=found.provider,
            received_at=found.received_at,
        )
    ]


def _com209_documents(found: Written) -> list[bytes]:
    return [
        provider_report_of(
            found.report,
            pairs=[(extra.path, extra.value) for extra in found.record.extra],
            provider=found.provider,
            received_at=found.received_at,
        )
    ]


WRITERS: Mapping[str, Callable[[Written], list[bytes]]] = {
    "xarf": _xarf_documents,
    "dsa-18": _dsa18_documents,
    "com-2022-209": _com209_documents,
}
"""Name of each format, and who writes the documents of a record."""
