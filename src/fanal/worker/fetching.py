"""Fetches lists from partners, page by page, each committed with the checkpoint that covers it.

Each has its turn (`worker.list_jobs`): one that has no end, drips or breaks keeps no other from its turn.
"""

import logging
import time
from dataclasses import replace
from datetime import datetime, timedelta

from fanal.accounts import queries as accounts
from fanal.accounts.domain.instructions import InstructionKind, StandingInstruction
from fanal.analyse import queries as analysed
from fanal.connectors import outside, sources
from fanal.exchange import operations, queries
from fanal.exchange.domain.records import ListSource
from fanal.formats.refusal import FormatRefused
from fanal.kernel import clock
from fanal.kernel.actors import Actor

_MOST_PAGES = 100_000
TURN_SECONDS = 300.0
"""After that, at the end of a page, it is the next source's turn; the next minute goes on."""
QUICK_SECONDS = 30.0
"""A first turn, at whose end a page is given up: who needs longer waits for a turn among slow ones."""
log = logging.getLogger("fanal.worker")


class Unfinished(Exception):
    """A quick turn was too short for a page; nothing of it was taken and no failure is noted."""


class FetchFailed(Exception):
    """A fetch ended before its end; `code` says why. What was taken stays, and the next one goes on."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


def instruction_for(source: ListSource, *, now: datetime) -> StandingInstruction | None:
    """Return the instruction under which a source's list may be fetched now, None without one."""
    listed = analysed.get_lists().get(source.list_id)
    if listed is None:
        return None
    return accounts.standing_in_force(kind=InstructionKind.LIST_FETCH, scope=listed.name, now=now)


def fetch_source(
    *,
    actor: Actor,
    source: ListSource,
    by_person: bool = False,
    seconds: float = float("inf"),
    quick: bool = False,
) -> int:
    """Fetch a source to its end for now, or for so many `seconds`; return how many pages were taken.

    Without a person every page needs an instruction in force: one that ends meanwhile ends the fetch.

    Raises:
        FetchFailed: the code is kept beside the checkpoint; LOOP where the way on leads to a page that was
            read before, or the time was up and nothing had changed.
        Unfinished: `quick`, and the time was up within a page.
    """
    ends = time.monotonic() + seconds
    try:
        return _fetch(actor, source, by_person=by_person, ends=ends, quick=quick)
    except (outside.OutsideRefused, operations.SourceRefused) as refused:
        code = refused.code
        if quick and code == "TIMEOUT" and time.monotonic() >= ends:
            raise Unfinished from None
    except FormatRefused as refused:
        log.warning("source %s: %s at %s", source.name, refused.code, refused.path)
        code = "FORMAT"
    operations.note_failure(actor=actor, source=source, code=code, now=clock.now())
    raise FetchFailed(code)


def end_due(*, actor: Actor) -> int:
    """Withdraw what was said to end by now; return how many that was.

    That is what each source brought, be it off, and what people loaded from files.
    """
    fetched = sum(
        operations.end_entries(actor=actor, source=source, now=clock.now())
        for source in queries.list_sources(actor=actor)
    )
    return fetched + operations.end_loaded(actor=actor, now=clock.now())


def due_sources(*, actor: Actor) -> list[ListSource]:
    """Return the sources that are due and for which an instruction is in force."""
    return [
        source
        for source in queries.list_sources(actor=actor)
        if is_due(source) and instruction_for(source, now=clock.now()) is not None
    ]


def is_due(source: ListSource) -> bool:
    """Return whether a source is on and its pace lets it be fetched now."""
    held = queries.get_checkpoint(source_id=source.id)
    pace = timedelta(minutes=source.every_minutes)
    last = held.tried_at if held.error or held.page_at == held.completed_at else None
    return source.enabled and (last is None or clock.now() - last >= pace)


def may_be_quick(source: ListSource) -> bool:
    """Return whether a source's last fetch neither failed nor ended on its way."""
    held = queries.get_checkpoint(source_id=source.id)
    return not held.error and held.page_at == held.completed_at


def fetch_turn(*, actor: Actor, source: ListSource, quick: bool) -> bool:
    """Fetch a source for its turn; return whether it ended on its way.

    Whatever breaks stands beside the checkpoint.
    """
    try:
        fetch_source(
            actor=actor,
            source=source,
            seconds=QUICK_SECONDS if quick else TURN_SECONDS,
            quick=quick,
        )
    except Unfinished:
        return True
    except FetchFailed as failed:
        log.warning("source %s: %s", source.name, failed.code)
        return False
    except Exception as failure:  # noqa: BLE001 - one source's odd page is told like a failure
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
            return pages  # another process fetches it: one is enough
        if page.finished or ((changed or quick) and time.monotonic() >= ends):
            return pages + 1
        if page.position in passed or time.monotonic() >= ends:
            break
        passed.add(page.position)
    raise outside.OutsideRefused("LOOP")
