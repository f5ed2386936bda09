"""The result of people's judgements on passages (examples); two people are needed to deny a signal code."""

from collections.abc import Sequence
from datetime import datetime
from functools import cache
from uuid import UUID

from fanal.accounts.domain.policy import roles_at_desk
from fanal.accounts.queries.people import granted_by_alone
from fanal.analyse.signals.domain.examples import Example, Judgement, Settlement, settle
from fanal.analyse.signals.queries import judgements_of
from fanal.intake.queries.envelopes import get_reports
from fanal.kernel.actors import Actor


def settled_by(
    *, actor: Actor, examples: Sequence[Example], before: datetime | None = None
) -> Settlement:
    """Return the outcome of people's judgements on examples (judged passages of reports).

    Only judgements up to the instant `before` count, if it is given. Two people can deny a code together
    unless one of them, when judging, held the role only by the other's grant. `actor` reads the reports: a
    role counts at the desk of the example's report.
    """
    reports = get_reports(actor=actor, report_ids=list({e.report_id for e in examples}))
    desks = {e.id: reports[e.report_id].desk_id for e in examples if e.report_id in reports}
    roles = roles_at_desk("example.judge")

    @cache
    def owed(person_id: UUID, granter_id: UUID, desk_id: int | None, at: datetime) -> bool:
        return granted_by_alone(
            person_id=person_id, roles=roles, proposers={granter_id}, now=at, desk_id=desk_id
        )

    def independent(one: Judgement, other: Judgement) -> bool:
        desk_id = desks.get(one.example_id)
        return not (
            owed(one.person_id, other.person_id, desk_id, one.judged_at)
            or owed(other.person_id, one.person_id, desk_id, other.judged_at)
        )

    said = judgements_of(example_ids=[e.id for e in examples])
    return settle(
        [j for j in said if before is None or j.judged_at <= before], independent=independent
    )
