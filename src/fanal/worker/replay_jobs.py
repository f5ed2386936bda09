"""The job that processes the reports of one failure again, which a person queued from the page."""

from datetime import datetime
from uuid import UUID

from procrastinate.contrib.django import app

from fanal.accounts.domain.policy import Refused
from fanal.accounts.queries.people import actor_of_person
from fanal.intake.operations.queue import REPLAY_CODE, replay_failed
from fanal.kernel import clock


@app.task(name=REPLAY_CODE)
def replay_code(*, person_id: str, error: str, until: str) -> None:
    """Queue the reports quarantined by `until` (ISO 8601) with the failure code `error` for all stages again.

    They are those of the desks where the person may replay now. In portions, each an entry of the ledger.
    """
    actor = actor_of_person(person_id=UUID(person_id), now=clock.now())
    last = datetime.fromisoformat(until)
    try:
        while actor and replay_failed(actor=actor, error=error, until=last, now=clock.now()):
            continue
    except Refused:
        return  # the person's role has ended meanwhile
