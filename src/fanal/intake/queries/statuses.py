"""Statuses of a sender's own reports: functions of the database, so that a public node needs no table."""

from collections.abc import Sequence
from uuid import UUID

from django.db import connection
from msgspec import Struct

from fanal.accounts.domain.policy import reach
from fanal.intake.domain.records import Arrival, Format, ReportFacts
from fanal.intake.domain.states import ReportState, Stage
from fanal.kernel.actors import Actor

_NOBODY = UUID(int=(1 << 128) - 1)  # zero is the public's
_COLUMNS = (
    "id, desk_id, sender_id, arrival, format, reference, wire_id, state, received_at, changed_at,"
    " urgent, is_test, language, size, correlation_id, stage, quarantined_at, signed"
)


class Status(Struct, frozen=True, kw_only=True):
    """What a sender may be told of a report: its envelope and its signed receipt."""

    facts: ReportFacts
    receipt: str


def sender_of(*, actor: Actor) -> UUID | None:
    """Return whose reports the actor may ask after and move: None means everybody's, for the system.

    For an actor who sends nothing this is the id of nobody.
    """
    bounds = reach(actor, "report.status")
    return None if bounds.everywhere else bounds.partner_id or _NOBODY


def get_statuses(*, sender_id: UUID | None, report_ids: Sequence[UUID]) -> dict[UUID, Status]:
    """Return the statuses of those of `report_ids` that are the sender's; None asks for everybody's."""
    if sender_id == _NOBODY:
        return {}
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {_COLUMNS} FROM intake_statuses(%s, %s)",  # noqa: S608 - constants
            [list(report_ids), sender_id],
        )
        return {
            row[0]: Status(facts=read_facts(row), receipt=row[17] or "")
            for row in cursor.fetchall()
        }


def read_facts(row: tuple) -> ReportFacts:  # type: ignore[type-arg]
    """Return the envelope in the first 17 columns of a row, in the order of `_COLUMNS`."""
    (
        report_id, desk_id, sender_id, arrival, format_, reference, wire_id, state, received_at,
        changed_at, urgent, is_test, language, size, correlation_id, stage, quarantined_at,
    ) = row[:17]  # fmt: skip
    return ReportFacts(
        report_id=report_id,
        desk_id=desk_id,
        sender_id=sender_id,
        arrival=Arrival(arrival),
        format=Format(format_),
        reference=reference,
        wire_id=wire_id,
        state=ReportState(state),
        received_at=received_at,
        changed_at=changed_at,
        urgent=urgent,
        is_test=is_test,
        language=language,
        size=size,
        correlation_id=correlation_id,
        stage=None if stage is None else Stage(stage),
        quarantined_at=quarantined_at,
    )
