"""The queue under every filter and order shows, page by page, what a look at each row finds, and no more."""

from collections.abc import Iterator
from datetime import date, timedelta
from random import Random
from uuid import UUID

import pytest
from django.db import connection

from fanal.kernel.actors import Actor, Role
from fanal.kernel.calendar import paris_day
from fanal.kernel.ids import new_id
from fanal.ledger import operations as ledger
from fanal.ledger.domain.records import ObjectRef
from fanal.orient.domain.filters import AGES, NAMES, RECEIVED, filters_from, stated_by
from fanal.orient.domain.records import QueueFilter, QueueView
from fanal.orient.domain.states import CaseState
from fanal.orient.models import Case as Row
from fanal.orient.operations.batch import erase, orient_batch
from fanal.orient.queue.domain.streams import streams_of
from fanal.orient.queue.queries import (
    count_arrivals,
    count_selections,
    count_without,
    holders_of,
    senders_of,
)
from tests.actors import desk_actor
from tests.examples import EXAMPLES
from tests.integration.orient.people import WORKER, person
from tests.integration.orient.test_streams import belongs, has_answer, pages
from tests.server import as_worker
from tests.unit.orient.items import NOW, item

ANALYST = person(Role.ANALYST)
OTHER = person(Role.SUPERVISOR)
BOTH = desk_actor(person_id=ANALYST.person_id, roles={Role.ANALYST}, desks={1, 2})
PARTNER, ELSEWHERE = UUID(int=7), UUID(int=8)
INSERT_CASE = """
INSERT INTO orient_case (report_id, desk_id, state, rank, level, kind, channel, country, received_at,
    claimed_by, lease_until, sender_id, due_at, decided_at, late, head_id, language, age, departement,
    conversation, proposal_revision)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, 1)
"""
_ANSWERS = """
INSERT INTO orient_answer (message_id, report_id, desk_id, came_at)
SELECT gen_random_uuid(), report_id, desk_id, received_at FROM orient_case WHERE report_id = ANY(%s)
"""
_GIVE = """
INSERT INTO orient_assignment (id, report_id, desk_id, person_id, made_by, handed_over, act_id, made_at)
SELECT gen_random_uuid(), report_id, desk_id, %s, %s, false, gen_random_uuid(), received_at
FROM orient_case WHERE report_id = ANY(%s)
"""
_VALUES = {
    "kind": ["GROOMING"],
    "channel": ["WEB"],
    "level": ["HIGH", "DANGER"],
    "country": ["FR"],
    "departement": ["69", "2A"],
    "language": ["FR", "RU", "NONE"],
    "sender": ["PUBLIC", str(PARTNER), str(ELSEWHERE)],
    "age": [*AGES, "NONE"],
    "holder": ["ME", "NOBODY", str(OTHER.person_id)],
    "conversation": ["WITH", "ANSWER"],
    "received": [*RECEIVED],
    "since": [str(paris_day(NOW - timedelta(days=days))) for days in (0, 2, 9)],
    "until": [str(paris_day(NOW - timedelta(days=days))) for days in (1, 3, 40)],
    "sort": ["NEWEST", "OLDEST"],
}


@pytest.fixture
def store(django_db_setup: None, db: None) -> list[Row]:
    """Five hundred rows; ELSEWHERE sends to the second desk alone."""
    chance, rows = Random(12), []
    for _ in range(500):
        at = NOW - timedelta(minutes=int(chance.random() ** 2 * 40_000))
        desk = 1 + (chance.random() < 0.2)
        state = chance.choice([*CaseState, CaseState.TO_ASSESS, CaseState.CLAIMED])
        claimed = state is CaseState.CLAIMED
        due = NOW + timedelta(hours=chance.randrange(-20, 20))
        senders = [UUID(int=0), PARTNER, PARTNER, ELSEWHERE if desk == 2 else PARTNER]
        rows.append(
            (
                new_id(at),
                desk,
                state,
                chance.randrange(6),
                chance.choice(["DANGER", "HIGH", "NORMAL", "LOW"]),
                chance.choice(["GROOMING", "OTHER"]),
                chance.choice(["", "WEB"]),
                chance.choice(["FR", "BE", ""]),
                at,
                chance.choice([ANALYST, OTHER]).person_id if claimed else None,
                NOW + timedelta(minutes=chance.choice([-5, 5])) if claimed else None,
                chance.choice(senders),
                due,
                NOW,
                due <= NOW and chance.random() < 0.5,
                UUID(int=1) if state is CaseState.FOLDED else None,
                chance.choice(["FR", "FR", "RU", ""]),
                chance.choice([None, *range(3, 20)]),
                chance.choice(["", "69", "2A"]),
                chance.random() < 0.4,
            )
        )
    with as_worker(), connection.cursor() as cursor:
        cursor.executemany(INSERT_CASE, rows)
        cursor.execute(_ANSWERS, [[row[0] for row in rows if has_answer(row[0])]])
        for person_id in (ANALYST.person_id, OTHER.person_id):
            waiting = [row[0] for row in rows if row[2] is CaseState.TO_ASSESS]
            ids = [report_id for report_id in waiting if given_to(report_id) == person_id]
            cursor.execute(_GIVE, [person_id, OTHER.person_id, ids])
            about = [ObjectRef(kind="report", id=report_id) for report_id in ids]
            ledger.record(actor=OTHER, action="case.assign", at=NOW, objects=about)
    return list(Row.objects.all())


def given_to(report_id: UUID) -> UUID | None:
    """Return who is given a report that waits: one in five the analyst, one in five the other."""
    return {0: ANALYST.person_id, 1: OTHER.person_id}.get(report_id.int % 5)


def lets_through(filters: QueueFilter, row: Row, actor: Actor) -> bool:
    """What the filters are, said again, row by row."""
    day = paris_day(row.received_at)
    given = given_to(row.report_id) if row.state == CaseState.TO_ASSESS else None
    running = row.claimed_by is not None and row.lease_until is not None and row.lease_until > NOW
    holder = {"ME": actor.person_id}.get(filters.holder or "", OTHER.person_id)
    charged = (
        not (given or running) if filters.holder == "NOBODY" else holder in {row.claimed_by, given}
    )
    sender = UUID(int=0) if filters.sender == "PUBLIC" else filters.sender
    first, last = AGES.get(filters.age or "", (None, None))
    return all(
        (
            all(
                not (asked := getattr(filters, name)) or asked == getattr(row, name)
                for name in ("kind", "channel", "level", "country", "departement")
            ),
            not filters.language or row.language == filters.language.replace("NONE", ""),
            not filters.sender or str(row.sender_id) == str(sender),
            not filters.age
            or (row.age is None if first is None else row.age and first <= row.age <= last),
            not filters.holder or charged,
            filters.conversation != "WITH" or row.conversation,
            filters.conversation != "ANSWER" or has_answer(row.report_id),
            not filters.received or NOW - row.received_at <= RECEIVED[filters.received],
            not filters.since or day >= filters.since,
            not filters.until or day <= filters.until,
        )
    )


def expected(store: list[Row], view: QueueView, filters: QueueFilter, actor: Actor) -> list[UUID]:
    def is_in(row: Row) -> bool:
        given = row.state == CaseState.TO_ASSESS and given_to(row.report_id) == actor.person_id
        return belongs(row.record(), view, actor, NOW) or (view is QueueView.MINE and given)

    found = [
        row
        for row in store
        if row.desk_id in {desk for _, desk in actor.role_desks}
        and is_in(row)
        and lets_through(filters, row, actor)
    ]

    def place(row: Row) -> tuple[bool, bool, int, UUID]:
        mine = view is QueueView.MINE
        silent = mine and not has_answer(row.report_id)
        return mine and row.level != "DANGER", silent, row.rank, row.report_id

    if filters.sort:
        return sorted((r.report_id for r in found), reverse=filters.sort == "NEWEST")
    return [row.report_id for row in sorted(found, key=place)]


def selections(seed: int, most: int) -> Iterator[QueueFilter]:
    """Each value of each filter alone, then some at random, two to four at once."""
    for name, values in _VALUES.items():
        yield from (filters_from({name: value}) for value in values)
    chance = Random(seed)
    for _ in range(most):
        names = chance.sample(NAMES, chance.randrange(2, 5))
        yield filters_from({name: chance.choice(_VALUES[name]) for name in names})


@pytest.mark.larger
@pytest.mark.parametrize("view", QueueView)
def test_each_filter_alone_and_together(store: list[Row], view: QueueView) -> None:
    found, counts = 0, {}
    for number, filters in enumerate(selections(seed=len(view), most=int(20 * EXAMPLES))):
        actor = BOTH if number % 3 == 0 else ANALYST
        wanted = expected(store, view, filters, actor)
        limit = 70 if number % 6 else 7
        assert list(pages(view, filters, actor, limit=limit)) == wanted, filters
        streams = streams_of(actor=actor, view=view, filters=filters, now=NOW)
        counts[number] = (streams, len(wanted))
        found += len(wanted)
    to_count = {key: streams for key, (streams, _) in counts.items()}
    counted = count_selections(selections=to_count, cap=9)
    assert counted == {key: min(9, number) for key, (_, number) in counts.items()}
    assert found > 100


def test_an_empty_view_knows_what_each_filter_took(store: list[Row]) -> None:
    filters = filters_from({"language": "RU", "age": "A0_5", "received": "DAY", "sort": "OLDEST"})
    counts = count_without(actor=ANALYST, view=QueueView.OPEN, filters=filters, now=NOW)
    assert counts.keys() == {"language", "age", "received"}
    for name, count in counts.items():
        stated = {key: value for key, value in stated_by(filters).items() if key != name}
        wanted = expected(store, QueueView.OPEN, filters_from(stated), ANALYST)
        assert count == len(wanted)


def test_only_senders_and_holders_of_rows_within_reach_are_known(store: list[Row]) -> None:
    assert senders_of(actor=ANALYST) == {UUID(int=0), PARTNER}
    assert senders_of(actor=BOTH) == {UUID(int=0), PARTNER, ELSEWHERE}
    assert senders_of(actor=person(Role.ANALYST, desk=3)) == set()
    assert holders_of(actor=ANALYST) == {OTHER.person_id}
    assert holders_of(actor=person(Role.ANALYST, desk=3)) == set()
    for name, value in (("sender", str(ELSEWHERE)), ("holder", str(ANALYST.person_id))):
        filters = filters_from({name: value})
        for actor, desks in ((ANALYST, {1}), (person(Role.ANALYST, desk=3), set())):
            found = set(pages(QueueView.OPEN, filters, actor, limit=50))
            seen = {row.desk_id for row in store if row.report_id in found}
            assert seen <= desks


def test_arrivals_are_those_of_the_filters(django_db_setup: None, db: None) -> None:
    subject = item(score=70, level="HIGH")
    orient_batch(actor=WORKER, items=[subject], now=NOW)
    before = NOW - timedelta(minutes=1)

    def arrived(**stated: str) -> int:
        return count_arrivals(
            actor=ANALYST,
            view=QueueView.OPEN,
            filters=filters_from(stated),
            since=before,
            now=NOW,
        )

    row = Row.objects.get()
    stated = row.language or "NONE"
    assert arrived() == arrived(language=stated) == arrived(holder="NOBODY") == 1
    assert arrived(language="ZU") == arrived(holder="ME") == arrived(conversation="ANSWER") == 0


def test_expiry_takes_age_and_place_from_the_row(store: list[Row]) -> None:
    row = next(row for row in store if row.age and row.departement)
    with as_worker():
        erase(actor=WORKER, report_ids=[row.report_id])
    row.refresh_from_db()
    assert (row.age, row.departement) == (None, "")


@pytest.mark.parametrize(
    "text", ["", "x", "NONE NONE", "\0", "9" * 400, "0001-01-01", "9999-12-31"]
)
def test_what_is_no_value_does_not_filter(text: str) -> None:
    assert filters_from(dict.fromkeys(NAMES, text)) == QueueFilter()
    day = {"since": "2026-03-01", "until": "2026-13-01", "age": "a0_5", "country": "fr"}
    assert stated_by(filters_from(day)) == {"country": "FR", "since": "2026-03-01"}
    assert filters_from(day).since == date(2026, 3, 1)
