"""What texts that leave the desk must not tell: who reported (decisions 8)."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import partial
from uuid import UUID

from fanal.accounts.domain.policy import require
from fanal.formats.report.records import PersonRole
from fanal.harmonise.domain.outgoing import has_texts
from fanal.harmonise.domain.records import HarmonisedReport
from fanal.harmonise.domain.reporter import own_values
from fanal.harmonise.operations.batch import reveal_reporter, source_of
from fanal.intake import queries as intake
from fanal.intake.domain.records import OpenedSubmission, ReportFacts
from fanal.kernel.actors import Actor
from fanal.vault.domain.envelope import EnvelopeRefused
from fanal.vault.operations import ObjectUnknown
from fanal.vault.packs import BlobDamaged


def reporters_values(
    *,
    actor: Actor,
    facts: Mapping[UUID, ReportFacts],
    records: Mapping[UUID, HarmonisedReport],
    now: datetime,
) -> dict[UUID, frozenset[str] | None]:
    """Return the names, contacts and accounts of those who reported, where a text may hold them.

    Nobody is shown them: they come out of the sealed bytes and go to `domain.outgoing.withheld_texts` alone.
    None: the bytes are erased or damaged, so that nobody can say whom the texts name.

    Raises:
        Refused: the actor is not the system.
        KeyMissing, BlobMissing: the vault cannot be read; then nothing may leave.
    """
    require(actor, "pipeline.run")
    named = [
        report_id
        for report_id, record in records.items()
        if has_texts(record)
        and any(person.role is PersonRole.REPORTER for person in record.persons)
    ]
    opened = _opened(partial(intake.open_submissions, actor=actor, now=now, facts=facts), named)
    sources = [source_of(opened=one, facts=facts[report_id]) for report_id, one in opened.items()]
    found = reveal_reporter(actor=actor, sources=sources)
    values = {report_id: own_values(identity) for report_id, identity in found.items()}
    return {report_id: values.get(report_id) for report_id in named}


def _opened(
    opens: Callable[..., dict[UUID, OpenedSubmission]], report_ids: Sequence[UUID]
) -> dict[UUID, OpenedSubmission]:
    """Open a batch; what cannot be opened is left out, and keeps nobody else back."""
    try:
        return opens(report_ids=report_ids)
    except (ObjectUnknown, BlobDamaged, EnvelopeRefused):
        if len(report_ids) == 1:
            return {}
        middle = len(report_ids) // 2
        return _opened(opens, report_ids[:middle]) | _opened(opens, report_ids[middle:])
