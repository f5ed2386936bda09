"""Export of reports to partners: XARF, article 18 DSA, article 13 of COM(2022)209, NCMEC XML."""

import os
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Final
from uuid import UUID

import xarf
from msgspec import Struct

from fanal.accounts.domain import policy
from fanal.accounts.domain.policy import Resource
from fanal.accounts.queries.people import has_demo_mark, partner_names
from fanal.cli.failures import tell
from fanal.cli.output import make_private, write_whole
from fanal.config.environment import read_environment
from fanal.formats.com209 import provider_report_of
from fanal.formats.dsa18 import notification_of
from fanal.formats.ncmec.tree import Outgoing
from fanal.formats.ncmec.write import (
    rewrite_file_details,
    rewrite_report,
    write_file_details,
    write_report,
)
from fanal.formats.report.records import Report
from fanal.formats.xarf import XarfSent, write_xarf
from fanal.harmonise import queries as harmonised
from fanal.harmonise.domain.records import HarmonisedReport
from fanal.harmonise.domain.redaction.outside import as_report, withheld_texts
from fanal.harmonise.domain.vocabulary import categories_of
from fanal.harmonise.operations.identity import open_identity, reporters_values
from fanal.intake.domain.records import Format, OpenedSubmission, ReportFacts
from fanal.intake.queries.envelopes import get_reports
from fanal.intake.queries.files import open_submissions
from fanal.kernel.actors import Actor, system_actor
from fanal.vault.keyring import KeyMissing
from fanal.vault.operations.opening import ObjectUnknown

_DESK = "Fanal"


class Written(Struct, frozen=True, kw_only=True):
    """A report to export to a partner, with the facts that the writers of formats need; made by `find`.

    `record` is the harmonised report; `report` the same in the report format, its reporter's values redacted
    in the texts; `facts` are the data of its receipt; `provider` is the name of its sender, or else of its
    platform; `is_demo`: it is fictitious.
    """

    record: HarmonisedReport
    report: Report
    facts: ReportFacts
    provider: str
    is_demo: bool

    @property
    def received_at(self) -> str:
        """The time of receipt as XML Schema writes it, in UTC (`2026-11-24T20:14:00Z`)."""
        return (
            self.facts.received_at.astimezone(UTC)
            .isoformat(timespec="seconds")
            .replace("+00:00", "Z")
        )


def find(report_id: UUID, *, actor: Actor, now: datetime) -> Written | None:
    """Return a report with the facts for its export.

    None if it is not harmonised yet, or not visible to the actor.

    Raises:
        BlobMissing, VaultAway: as `leaving_report`.
    """
    record = harmonised.get_records(actor=actor, report_ids=[report_id]).get(report_id)
    facts = get_reports(actor=actor, report_ids=[report_id]).get(report_id)
    if record is None or facts is None:
        return None
    names = partner_names(partner_ids={facts.sender_id})
    return Written(
        record=record,
        report=leaving_report(record, facts, now=now),
        facts=facts,
        provider=names.get(facts.sender_id) or record.platform or _DESK,
        is_demo=has_demo_mark(),
    )


def leaving_report(record: HarmonisedReport, facts: ReportFacts, *, now: datetime) -> Report:
    """Return a report for partners, in the report format, with `[…]` for the reporter's values in all texts.

    If these values are unknown (no key, or the original erased or damaged), all texts are left out, with a
    message on standard error. `facts` are the data of its receipt.

    Raises:
        BlobMissing, VaultAway: the original cannot be read now.
    """
    report_id = facts.report_id
    try:
        contacts = reporters_values(
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
    """Return the XARF documents of a report (`found`) that the public XARF parser accepts.

    The others are left out, with a message on standard error.
    """
    record = found.record
    classes = [
        _target(file.classification.scheme, file.classification.code, "XARF_CSAM")
        if file.classification
        else ""
        for file in record.files
    ]
    own = {extra.path: extra.value for extra in record.extra}
    documents = write_xarf(
        XarfSent(
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
    """Return the code in the scheme `wanted` to which the vocabulary maps a category; "" if there is none.

    `scheme` and `code` name the category.
    """
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
"""The function that writes a report's documents, by format."""


# One report as NCMEC XML: its original document if it arrived as one, else from the record.

_EXPORT_NCMEC_DESK: Final = "Fanal"
_MOTIVE: Final = "Export of a provider's report to an authority (fanal export ncmec-xml)"


def write_folder(
    report_id: UUID, folder: Path, *, actor: Actor, motive: str, now: datetime
) -> bool:
    """Write a report as NCMEC XML into `folder`: `report.xml` and the `file-N.xml`; return whether it was.

    False if the report is unknown or not harmonised. A report that came as NCMEC XML is written from its
    original document, if the actor may open it; without the right to open the reporter's identity, that
    document names the desk instead. An empty `motive` takes a standard purpose. The caller has already
    recorded the export in the ledger.

    Raises:
        Refusal: SHORT, the purpose (`motive`) of opening the reporter's identity is too short or too long.
        BlobMissing, BlobDamaged, EnvelopeRefused, VaultAway: the original or the identity cannot be read.
        OSError: the folder cannot be written.
    """
    record = harmonised.get_records(actor=actor, report_ids=[report_id]).get(report_id)
    facts = get_reports(actor=actor, report_ids=[report_id]).get(report_id)
    if record is None or facts is None:
        return False
    email = read_environment(os.environ).mail_from
    sent = _outgoing(record, facts, email=email, now=now)
    opened = _original(actor, facts, now=now) if facts.format is Format.NCMEC_XML else None
    if opened is None:
        documents = [write_report(sent), *_files_of_record(record, sent, facts)]
    else:
        stand_in = (
            None if _may_name(actor, facts, motive=motive, now=now) else (_EXPORT_NCMEC_DESK, email)
        )
        documents = [
            rewrite_report(opened.body, stand_in=stand_in),
            *_files_of_original(opened, sent, facts),
        ]
    make_private(folder)
    names = ["report.xml", *(f"file-{number}.xml" for number in range(1, len(documents)))]
    for name, document in zip(names, documents, strict=True):
        write_whole(folder / name, document)
    return True


def _outgoing(
    record: HarmonisedReport, facts: ReportFacts, *, email: str, now: datetime
) -> Outgoing:
    return Outgoing(
        report=leaving_report(record, facts, now=now),
        received_at=facts.received_at.isoformat(),
        desk_name=_EXPORT_NCMEC_DESK,
        desk_email=email,
        annotations=record.annotations,
        escalation_reason=record.escalation_reason,
        extra=[(extra.path, extra.value) for extra in record.extra],
    )


def _original(actor: Actor, facts: ReportFacts, *, now: datetime) -> OpenedSubmission | None:
    """Return the decrypted original document of a report; None, with a message, if that is impossible.

    It is impossible if the actor lacks the right, this machine lacks the key, or the document is erased.
    """
    system = system_actor(f"export asked for by {actor.person_id}")
    try:
        policy.require(actor, "original.open", Resource(desk_id=facts.desk_id, sealed=True))
        return open_submissions(actor=system, report_ids=[facts.report_id], now=now).get(
            facts.report_id
        )
    except (policy.Refused, KeyMissing, ObjectUnknown):
        tell("WRITTEN_FROM_RECORD", reference=facts.reference)
        return None


def _may_name(actor: Actor, facts: ReportFacts, *, motive: str, now: datetime) -> bool:
    """Open the reporter's identity, as an act recorded in the ledger; return whether the actor may do so.

    `motive` is the recorded purpose, "" for a standard one.

    Raises:
        Refusal: SHORT, the purpose is too short or too long.
    """
    try:
        open_identity(actor=actor, report_id=facts.report_id, motive=motive or _MOTIVE, now=now)
    except policy.Refused:
        tell("WRITTEN_WITHOUT_REPORTER", reference=facts.reference)
        return False
    return True


def _files_of_record(record: HarmonisedReport, sent: Outgoing, facts: ReportFacts) -> list[bytes]:
    return [
        write_file_details(sent, index, report_id=facts.wire_id or 0, file_id=f"{index + 1:032x}")
        for index in range(len(record.files))
    ]


def _files_of_original(opened: OpenedSubmission, sent: Outgoing, facts: ReportFacts) -> list[bytes]:
    """Return an XML document for each file of the original report (`opened`), valid against the schema.

    They are the provider's own details, or else written from the facts at receipt (`sent`, `facts`).
    """
    return [
        rewrite_file_details(details)
        if details is not None
        else write_file_details(sent, index, report_id=facts.wire_id or 0, file_id=upload.file_id)
        for index, (upload, details, _) in enumerate(opened.files)
    ]
