"""One report written as NCMEC XML: its own document where it came as one, else what the record holds."""

import os
from datetime import datetime
from pathlib import Path
from typing import Final
from uuid import UUID

from fanal.accounts.domain import policy
from fanal.accounts.domain.policy import Resource
from fanal.cli.export_exchange import leaving_report
from fanal.cli.failures import Refused, tell
from fanal.config.environment import read_environment
from fanal.formats.ncmec.outgoing import Outgoing
from fanal.formats.ncmec.rewrite import rewrite_file_details, rewrite_report
from fanal.formats.ncmec.write import write_report
from fanal.formats.ncmec.write_file import write_file_details
from fanal.harmonise import operations as harmonise, queries as harmonised
from fanal.harmonise.domain.opening import SHORTEST_MOTIVE
from fanal.harmonise.domain.records import HarmonisedReport
from fanal.intake import queries as intake
from fanal.intake.domain.records import Format, OpenedSubmission, ReportFacts
from fanal.kernel.actors import Actor, system_actor
from fanal.vault.keyring import KeyMissing
from fanal.vault.operations import ObjectUnknown

_DESK: Final = "Fanal"
_MOTIVE: Final = "Export of a provider's report to an authority (fanal export ncmec-xml)"


def write_folder(
    report_id: UUID, folder: Path, *, actor: Actor, motive: str, now: datetime
) -> bool:
    """Write `report.xml` and the `file-N.xml` of one report; False where it is not harmonised.

    The caller has committed the ledger's entry.

    Raises:
        Refused: the motive is too short.
    """
    record = harmonised.get_records(actor=actor, report_ids=[report_id]).get(report_id)
    facts = intake.get_reports(actor=actor, report_ids=[report_id]).get(report_id)
    if record is None or facts is None:
        return False
    email = read_environment(os.environ).mail_from
    sent = _outgoing(record, facts, email=email, now=now)
    opened = _original(actor, facts, now=now) if facts.format is Format.NCMEC_XML else None
    if opened is None:
        documents = [write_report(sent), *_files_of_record(record, sent, facts)]
    else:
        stand_in = None if _may_name(actor, facts, motive=motive, now=now) else (_DESK, email)
        documents = [
            rewrite_report(opened.body, stand_in=stand_in),
            *_files_of_original(opened, sent, facts),
        ]
    folder.mkdir(parents=True, exist_ok=True)
    names = ["report.xml", *(f"file-{number}.xml" for number in range(1, len(documents)))]
    for name, document in zip(names, documents, strict=True):
        (folder / name).write_bytes(document)
    return True


def _outgoing(
    record: HarmonisedReport, facts: ReportFacts, *, email: str, now: datetime
) -> Outgoing:
    return Outgoing(
        report=leaving_report(record, facts, now=now),
        received_at=facts.received_at.isoformat(),
        desk_name=_DESK,
        desk_email=email,
        annotations=record.annotations,
        escalation_reason=record.escalation_reason,
        extra=[(extra.path, extra.value) for extra in record.extra],
    )


def _original(actor: Actor, facts: ReportFacts, *, now: datetime) -> OpenedSubmission | None:
    """Return the sealed document of a report; None where it cannot be opened here, or not by this actor."""
    system = system_actor(f"export asked for by {actor.person_id}")
    try:
        policy.require(actor, "original.open", Resource(desk_id=facts.desk_id, sealed=True))
        return intake.open_submissions(actor=system, report_ids=[facts.report_id], now=now).get(
            facts.report_id
        )
    except (policy.Refused, KeyMissing, ObjectUnknown):
        tell("WRITTEN_FROM_RECORD", reference=facts.reference)
        return None


def _may_name(actor: Actor, facts: ReportFacts, *, motive: str, now: datetime) -> bool:
    """Do the named act that opens whoever reported, and answer whether it was allowed."""
    try:
        harmonise.open_identity(
            actor=actor, report_id=facts.report_id, motive=motive or _MOTIVE, now=now
        )
    except harmonise.MotiveRefused:
        raise Refused("MOTIVE_SHORT", n=SHORTEST_MOTIVE) from None
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
    """Return the details of each file as its sender gave them; what came without has its received facts."""
    return [
        rewrite_file_details(details)
        if details is not None
        else write_file_details(sent, index, report_id=facts.wire_id or 0, file_id=upload.file_id)
        for index, (upload, details, _) in enumerate(opened.files)
    ]
