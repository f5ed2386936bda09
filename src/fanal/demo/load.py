"""Loading of the demo: chapters (groups of events) in order, each recorded in the ledger once it is done."""

import hashlib
import itertools
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import TypedDict
from uuid import UUID, uuid5

from django.db import connection, transaction

from fanal.accounts.operations.demo import NotADemo
from fanal.accounts.queries.people import find_partner, has_demo_mark
from fanal.db import sql
from fanal.demo import (
    counterparts,
    envelopes,
    everyday,
    exchange,
    lasting,
    oversight,
    people,
    rules,
    stories,
    tracks,
    transfers,
)
from fanal.demo.content import SEED
from fanal.demo.envelopes import CONVERSATION
from fanal.demo.world import (
    HOTLINE,
    OPERATOR,
    PLATFORM,
    SYSTEM,
    DemoEvent,
    Play,
    World,
    chapters,
    ordered,
    submission_key,
)
from fanal.intake.domain.records import PUBLIC_SENDER, KeyKind
from fanal.intake.queries.envelopes import find_key
from fanal.ledger import operations as ledger, queries as ledger_queries
from fanal.ledger.domain.records import ObjectRef
from fanal.statistics import operations as statistics

CHAPTER = 24
_APART: dict[str, Play] = {"set-aside": envelopes.set_aside, "identities": people.open_identities}
"""Chapters with transactions of their own, dated an hour before the loading."""
_NAMESPACE = UUID("5d0c2a51-0c27-5b60-8b7c-6f1d2f7f4c11")
_LOCK = 0x44454D4F  # "DEMO"
_AGAIN = 0.5


def agenda() -> list[DemoEvent]:
    """Return all events of the demo, oldest first, as data that `load` plays."""
    return ordered(
        [
            *people.events(),
            *rules.events(),
            *rules.instruction_events(),
            *envelopes.events(),
            *envelopes.kept_events(),
            *tracks.events(),
            *lasting.events(),
            *tracks.warned_events(),
            *stories.events(),
            *stories.encounter_events(),
            *transfers.events(),
            *everyday.events(),
            *exchange.package_events(),
            *exchange.list_events(),
            *oversight.events(),
            *people.own_events(),
            *counterparts.events(),
        ]
    )


def load(*, now: datetime, say: Callable[[str], None] = lambda _words: None) -> int:
    """Play the chapters of the demo that were not played yet, and return how many.

    The demo's year ends at `now`. A chapter is a group of events in one transaction; the last two are actions
    with transactions of their own. `say` receives progress messages. An advisory lock allows one load at a
    time: a second one waits and then finds nothing to do. A demo loaded by another version stays unchanged,
    since its list of events differs.

    Raises:
        NotADemo: the database is not marked as a demo.
    """
    if not has_demo_mark():
        raise NotADemo("the demo is loaded into a demo database only")
    connection.ensure_connection()
    _wait_for_another(say)
    try:
        played = _play_all(World(now=now), say)
        if played:
            # The nightly job counts past days; the demo's year was created only now.
            statistics.refresh_days(actor=SYSTEM, now=now, whole=True)
            statistics.publish(actor=SYSTEM, now=now)
        return played
    finally:
        sql.run("SELECT pg_advisory_unlock(%s)", [_LOCK])


def _wait_for_another(say: Callable[[str], None]) -> None:
    """Take the lock of loads, asked for again and again: a wait in the database has a time limit."""
    for number in itertools.count():
        if sql.one("SELECT pg_try_advisory_lock(%s)", [_LOCK])[0]:
            return
        if number == 0:
            say("demo: being loaded by another process, waiting")
        time.sleep(_AGAIN)


def named_events() -> Iterator[DemoEvent]:
    """Yield the demo events that belong to a story and a report, oldest first."""
    return (event for event in agenda() if event.story and event.report)


def _contents() -> list[tuple[str, list[DemoEvent]]]:
    return [
        *((f"chapter-{n}", events) for n, events in enumerate(chapters(agenda(), size=CHAPTER))),
        *((name, []) for name in _APART),
    ]


def _play_all(world: World, say: Callable[[str], None]) -> int:
    contents, agenda_name = _contents(), _agenda_name()
    if _is_played(contents[0][0]) and not _is_played(agenda_name):
        say("demo: loaded by another version, left as it is")
        return 0
    played = 0
    for place, (name, events) in enumerate(contents, start=1):
        if _is_played(name):
            continue
        if events:
            with transaction.atomic():
                for event in events:
                    event.play(world, world.now - event.before)
                _mark(name, world.now)
                if place == 1:
                    _mark(agenda_name, world.now)
        else:
            _APART[name](world, world.now - timedelta(hours=1))
            _mark(name, world.now)
        played += 1
        say(f"demo: {place} of {len(contents)}")
    return played


def _agenda_name() -> str:
    told = repr([(event.before, event.story, event.report) for event in agenda()])
    return f"agenda-{hashlib.sha256(told.encode()).hexdigest()[:16]}"


def _chapter_id(name: str) -> UUID:
    return uuid5(_NAMESPACE, f"{SEED}/{name}")


def _is_played(name: str) -> bool:
    return bool(ledger_queries.entries_of(actor=SYSTEM, object_id=_chapter_id(name), limit=1))


def _mark(name: str, now: datetime) -> None:
    ledger.record(
        actor=SYSTEM,
        action="demo.load",
        at=now,
        objects=[ObjectRef(kind="demo", id=_chapter_id(name))],
        detail={"seed": SEED},
    )


# The stories of a loaded demo with the ids of their reports, for tests, screenshots and guided tours.


class ToldReport(TypedDict):
    """A report of a demo story, as printed: its name in the demo's list of events (`agenda`), and its id."""

    name: str
    id: str


class ToldStory(TypedDict):
    """A story of the demo (a group of related reports), as printed.

    `story` is its name. `code` is the receipt code by which its reporter opens the conversation with the
    desk, "" without one.
    """

    story: str
    code: str
    reports: list[ToldReport]


def tell() -> list[ToldStory]:
    """Return every story of the demo with the reports loaded so far, oldest first, to print them."""
    names = (HOTLINE, PLATFORM, OPERATOR, "Chatoria")
    senders = [PUBLIC_SENDER, *filter(None, (find_partner(name=n) for n in names))]
    stories: dict[str, ToldStory] = {}
    for event in named_events():
        code = CONVERSATION if event.story == "conversation" else ""
        told = stories.setdefault(event.story, ToldStory(story=event.story, code=code, reports=[]))
        for sender_id in senders:
            found = find_key(
                sender_id=sender_id,
                kind=KeyKind.SUBMISSION,
                key=submission_key(event.report)[1],
            )
            if found is not None:
                told["reports"].append(ToldReport(name=event.report, id=str(found)))
    return list(stories.values())
