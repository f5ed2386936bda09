"""The jobs that fetch lists: one for each list source, so that a slow source delays no other.

Each source first has a short turn (a limited time to fetch pages). One that needs longer continues in a queue
of its own, where sources with a failed last fetch come last.
"""

import logging
import time
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from procrastinate.contrib.django import app
from procrastinate.exceptions import AlreadyEnqueued

from fanal.accounts.domain.instructions import InstructionKind, StandingInstruction
from fanal.accounts.domain.policy import may
from fanal.accounts.queries.instructions import standing_in_force
from fanal.accounts.queries.people import actor_of_person
from fanal.analyse.material.operations import asides
from fanal.analyse.material.queries.lists import get_lists
from fanal.connectors import outside, sources
from fanal.db import sql
from fanal.exchange import queries
from fanal.exchange.domain.records import ListSource, next_fetch
from fanal.exchange.operations import sources as operations
from fanal.formats.refusal import FormatRefused
from fanal.kernel import clock
from fanal.kernel.actors import Actor, system_actor
from fanal.kernel.refusal import Refusal

# The fetch of partners' lists, page by page; each page is committed with its checkpoint.
#
# Sources take turns (`queue_due`), so that an endless, slow or broken source blocks no other.

_MOST_PAGES = 100_000
TURN_SECONDS = 300.0
"""Length of a turn: it ends with the page in progress, and the next minute continues the fetch."""
QUICK_SECONDS = 30.0
"""Length of a first turn, which gives up an unfinished page; the source then continues among slow ones."""
log = logging.getLogger("fanal.worker")


class Unfinished(Exception):
    """Error: the limited time of a quick fetch of a list ended within a page; none of that page was stored.

    No failure is recorded: the list source continues in a longer turn.
    """


class FetchFailed(Exception):
    """Error: the fetch of a list stopped early; `code` gives the reason.

    Stored pages remain, and the next fetch continues after them.
    """

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


def instruction_for(source: ListSource, *, now: datetime) -> StandingInstruction | None:
    """Return the standing instruction that authorises the fetch from a list source now, or None."""
    listed = get_lists().get(source.list_id)
    if listed is None:
        return None
    return standing_in_force(kind=InstructionKind.LIST_FETCH, scope=listed.name, now=now)


def fetch_source(
    *,
    actor: Actor,
    source: ListSource,
    by_person: bool = False,
    seconds: float = float("inf"),
    quick: bool = False,
) -> int:
    """Fetch the new pages of a list source (a partner's list) and store them; return the number of pages.

    It ends at the source's present end, or after `seconds`. Unless a person asks for it (`by_person`), every
    page requires a standing instruction in force; a fetch ends with its instruction, or when another process
    has stored a page of the source. If `quick`, the page being fetched is abandoned when the time is over.

    Raises:
        FetchFailed: the code is stored with the checkpoint; NO_INSTRUCTION without a standing instruction in
            force (pages stored before remain); LOOP if a page leads back to an earlier one, or if the time
            is over without any page that changed the list.
        Unfinished: the time of a `quick` fetch is over within a page.
    """
    ends = time.monotonic() + seconds
    try:
        return _fetch(actor, source, by_person=by_person, ends=ends, quick=quick)
    except (outside.OutsideRefused, Refusal) as refused:
        code = refused.code
        if quick and code == "TIMEOUT" and time.monotonic() >= ends:
            raise Unfinished from None
    except FormatRefused as refused:
        log.warning("source %s: %s at %s", source.name, refused.code, refused.path)
        code = "FORMAT"
    operations.note_failure(actor=actor, source=source, code=code, now=clock.now())
    raise FetchFailed(code)


def end_due(*, actor: Actor) -> int:
    """Withdraw list entries past their expiry, fetched or loaded from files; return their number.

    Entries of disabled sources are included.
    """
    fetched = sum(
        operations.end_entries(actor=actor, source=source, now=clock.now())
        for source in queries.list_sources(actor=actor)
    )
    return fetched + operations.end_loaded(actor=actor, now=clock.now())


def due_sources(*, actor: Actor) -> list[ListSource]:
    """Return the list sources (lists of partners) that are due and have a standing instruction in force."""
    return [
        source
        for source in queries.list_sources(actor=actor)
        if is_due(source) and instruction_for(source, now=clock.now()) is not None
    ]


def is_due(source: ListSource) -> bool:
    """Return whether a list source is enabled and to be fetched now.

    That is so if its interval has passed since the last fetch, if that fetch ended early without a failure,
    or if there was none.
    """
    due = next_fetch(source, queries.get_checkpoint(source_id=source.id))
    return source.enabled and (due is None or clock.now() >= due)


def may_be_quick(source: ListSource) -> bool:
    """Return whether the next fetch of a list source may have the short time limit.

    It may if the last fetch was complete and without failure, or if there was none.
    """
    held = queries.get_checkpoint(source_id=source.id)
    return not held.error and held.page_at == held.completed_at


def fetch_turn(*, actor: Actor, source: ListSource, quick: bool, by_person: bool = False) -> bool:
    """Fetch a list source for one turn (a limited time), short if `quick`; return whether pages remain.

    After a failure, which is recorded with the checkpoint, the result is False. `by_person` as in
    `fetch_source`.
    """
    try:
        fetch_source(
            actor=actor,
            source=source,
            by_person=by_person,
            seconds=QUICK_SECONDS if quick else TURN_SECONDS,
            quick=quick,
        )
    except Unfinished:
        return True
    except FetchFailed as failed:
        log.warning("source %s: %s", source.name, failed.code)
        return False
    except Exception as failure:  # noqa: BLE001 - one source's odd page is recorded as a failure
        log.error("source %s: %s", source.name, type(failure).__name__)
        operations.note_failure(actor=actor, source=source, code="FAILED", now=clock.now())
        return False
    return not may_be_quick(source)


def _fetch(actor: Actor, source: ListSource, *, by_person: bool, ends: float, quick: bool) -> int:
    secret = operations.secret_of(actor=actor, source=source, now=clock.now())
    passed: set[str] = set()
    changed = 0
    for pages in range(_MOST_PAGES):
        held, now = queries.get_checkpoint(source_id=source.id), clock.now()
        under = None if by_person else instruction_for(source, now=now)
        if under is None and not by_person:
            raise outside.OutsideRefused("NO_INSTRUCTION")
        door = outside.current()
        if quick:
            door = replace(door, seconds=min(door.seconds, max(0.0, ends - time.monotonic())))
        page = sources.fetch_page(
            door, source=source, secret=secret, position=held.position, now=now
        )
        try:
            changed += operations.take_page(
                actor=actor, source=source, page=page, turn=held.turn, under=under, now=clock.now()
            )
        except operations.TurnLost:
            return pages  # another process fetches this source
        if page.finished or ((changed or quick) and time.monotonic() >= ends):
            return pages + 1
        if page.position in passed or time.monotonic() >= ends:
            break
        passed.add(page.position)
    raise outside.OutsideRefused("LOOP")


FETCHES_QUEUE, SLOW_QUEUE = "fetches", "slow fetches"
_IN_HAND = (
    "SELECT queueing_lock FROM procrastinate_jobs"
    " WHERE status IN ('todo', 'doing') AND queueing_lock LIKE 'fetch\\_list:%'"
)
_ACTOR = system_actor("lists of partners")


@app.task(queue=FETCHES_QUEUE, pass_context=False)
def fetch_list(source_id: str, quick: bool) -> None:
    """Fetch one list source for a turn (a limited time); queue a longer turn if a `quick` one was too short.

    Does nothing if the source is gone or no longer due.
    """
    source = queries.get_source(actor=_ACTOR, source_id=UUID(source_id))
    if source is None or not is_due(source):
        return
    if fetch_turn(actor=_ACTOR, source=source, quick=quick) and quick:
        _queue(source, quick=False)


@app.task(queue=SLOW_QUEUE, name=operations.FETCH_NOW, pass_context=False)
def fetch_now(source_id: str, person_id: str) -> None:
    """Fetch a list source to its end for the person who asked for it, in turns of a limited time.

    Does nothing if the source is gone, or the person may no longer manage lists.
    """
    source = queries.get_source(actor=_ACTOR, source_id=UUID(source_id))
    actor = actor_of_person(
        person_id=UUID(person_id), now=clock.now(), motive="fetch of a list from its page"
    )
    if source is None or actor is None or not may(actor, "list.keep"):
        return
    if fetch_turn(actor=actor, source=source, quick=False, by_person=True):
        with suppress(AlreadyEnqueued):
            operations.queue_fetch(source_id=source.id, person_id=actor.person_id)


def queue_due() -> None:
    """Queue the fetch of each list source that is due and has a standing instruction in force.

    At most one fetch of a source is queued or running.
    """
    in_hand = {lock for (lock,) in sql.rows(_IN_HAND)}
    for source in due_sources(actor=_ACTOR):
        if _lock(source) not in in_hand:
            _queue(source, quick=may_be_quick(source))


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


@app.periodic(cron="23 4 * * *")
@app.task(queueing_lock="forget_matches", lock="forget_matches")
def forget_matches(timestamp: int) -> None:
    """Delete the counts of matches with list entries that are older than ninety days.

    `timestamp`: the time for which the run was scheduled, in Unix seconds.
    """
    del timestamp
    asides.forget_matches(actor=system_actor("expiry"), now=clock.now())
