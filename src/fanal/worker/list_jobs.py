"""The jobs that fetch lists: one for each source, so that a slow source delays no other.

Each source first has a short turn. One that needs longer continues in a queue of its own, where sources with
a failed last fetch come last.
"""

from contextlib import suppress
from uuid import UUID

from procrastinate.contrib.django import app
from procrastinate.exceptions import AlreadyEnqueued

from fanal.db import sql
from fanal.exchange import queries
from fanal.exchange.domain.records import ListSource
from fanal.kernel.actors import system_actor
from fanal.worker import list_fetches

FETCHES_QUEUE, SLOW_QUEUE = "fetches", "slow fetches"
_IN_HAND = (
    "SELECT queueing_lock FROM procrastinate_jobs"
    " WHERE status IN ('todo', 'doing') AND queueing_lock LIKE 'fetch\\_list:%'"
)
_ACTOR = system_actor("lists of partners")


@app.task(queue=FETCHES_QUEUE, pass_context=False)
def fetch_list(source_id: str, quick: bool) -> None:
    """Fetch one list source for a turn; queue a longer turn if a `quick` one was too short.

    Does nothing if the source is gone or no longer due.
    """
    source = queries.get_source(actor=_ACTOR, source_id=UUID(source_id))
    if source is None or not list_fetches.is_due(source):
        return
    if list_fetches.fetch_turn(actor=_ACTOR, source=source, quick=quick) and quick:
        _queue(source, quick=False)


def queue_due() -> None:
    """Queue the fetch of each list source that is due and has a standing instruction in force.

    At most one fetch of a source is queued or running.
    """
    in_hand = {lock for (lock,) in sql.rows(_IN_HAND)}
    for source in list_fetches.due_sources(actor=_ACTOR):
        if _lock(source) not in in_hand:
            _queue(source, quick=list_fetches.may_be_quick(source))


def _queue(source: ListSource, *, quick: bool) -> None:
    failed = bool(queries.get_checkpoint(source_id=source.id).error)
    job = fetch_list.configure(
        queue=FETCHES_QUEUE if quick else SLOW_QUEUE,
        lock=_lock(source),
        queueing_lock=_lock(source),
        priority=-1 if failed else 0,
    )
    with suppress(AlreadyEnqueued):
        job.defer(source_id=str(source.id), quick=quick)


def _lock(source: ListSource) -> str:
    return f"fetch_list:{source.id}"
