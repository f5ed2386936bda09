"""Every view under every filter shows, page by page, exactly what a look at each case finds."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from itertools import product
from random import Random
from uuid import UUID

import pytest
from django.db import connection

from fanal.accounts.domain.policy import Refused
from fanal.formats.report.records import Channel, ReportKind
from fanal.kernel.actors import Actor, Role
from fanal.kernel.ids import new_id
from fanal.orient.domain.records import Case, QueueFilter, QueueView, SavedView
from fanal.orient.domain.states import CaseState
from fanal.orient.models import Case as Row
from fanal.orient.operations.batch import orient_batch
from fanal.orient.queue.operations import claim_case, mark_late
from fanal.orient.queue.queries import count_saved_views, count_views, list_queue
from tests.actors import desk_actor
from tests.integration.orient.people import WORKER, person
from tests.server import as_worker
from tests.unit.orient.items import NOW, item

ANALYST = person(Role.ANALYST)
OTHER = person(Role.SUPERVISOR)
BOTH = desk_actor(person_id=ANALYST.person_id, roles={Role.ANALYST}, desks={1, 2})
_INSERT = """
INSERT INTO orient_case (report_id, desk_id, state, rank, level, kind, channel, country, received_at,
    claimed_by, lease_until, sender_id, due_at, decided_at, proposal_revision, late, head_id)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, 1, %s, %s)
"""
_ANSWERS = """
INSERT INTO orient_answer (message_id, report_id, desk_id, came_at)
SELECT gen_random_uuid(), report_id, desk_id, received_at FROM orient_case, generate_series(1, 2)
WHERE report_id = ANY(%s)
"""
_SOME = (None, "GROOMING"), (None, "", "GAME"), (None, "FR", "BE"), (None, "HIGH", "DANGER")


@pytest.fixture
def store(django_db_setup: None, db: None) -> list[Case]:
    """Six hundred cases: few kinds, ranks that many share, one channel that three cases have."""
    chance = Random(11)
    rows = []
    for number in range(600):
        at = NOW - timedelta(minutes=chance.randrange(5000))
        report_id = new_id(at)
        state = chance.choice([*CaseState, CaseState.TO_ASSESS, CaseState.TO_ASSESS])
        claimed = state is CaseState.CLAIMED
        due = NOW + timedelta(hours=chance.randrange(-20, 20))
        rows.append(
            (
                report_id,
                1 + (chance.random() < 0.2),
                state,
                chance.randrange(6),
                chance.choice(["DANGER", "HIGH", "NORMAL", "LOW"]),
                chance.choice([*ReportKind][:4]),
                Channel.GAME if number % 200 == 0 else chance.choice(["", "WEB", "SOCIAL"]),
                chance.choice(["FR", "FR", "BE", ""]),
                at,
                chance.choice([ANALYST, OTHER]).person_id if claimed else None,
                NOW if claimed else None,
                UUID(int=7),
                due,
                NOW,
                due <= NOW and chance.random() < 0.5,
                UUID(int=1) if state is CaseState.FOLDED else None,
            )
        )
    with as_worker(), connection.cursor() as cursor:  # the desk ends no case by hand
        cursor.executemany(_INSERT, rows)
        cursor.execute(_ANSWERS, [[row[0] for row in rows if has_answer(row[0])]])
    return [row.record() for row in Row.objects.all()]


def has_answer(report_id: UUID) -> bool:
    """Return whether the reporter of a case wrote two answers that nobody has read."""
    return report_id.int % 3 == 0


def belongs(case: Case, view: QueueView, actor: Actor, now: datetime) -> bool:
    """What a view is, said again."""
    waiting = case.state in {CaseState.TO_ASSESS, CaseState.CLAIMED, CaseState.TO_SECOND}
    opened = waiting and case.state is not CaseState.TO_SECOND
    answered = has_answer(case.report_id) and case.state not in {
        CaseState.WITHDRAWN,
        CaseState.EXPIRED,
    }
    return {
        QueueView.OPEN: opened,
        QueueView.DANGER: case.level == "DANGER" and (opened or answered),
        QueueView.MINE: case.state is CaseState.CLAIMED and case.claimed_by == actor.person_id,
        QueueView.ANSWERED: answered,
        QueueView.TO_SECOND: case.state is CaseState.TO_SECOND,
        QueueView.LATE: waiting and case.due_at <= now,
        QueueView.HANDED_OVER: case.state is CaseState.HANDED_OVER,
        QueueView.DECIDED: case.state in {CaseState.DECIDED, CaseState.CLOSED},
    }[view]


def expected(
    store: list[Case], view: QueueView, filters: QueueFilter, actor: Actor, now: datetime
) -> list[UUID]:
    """What every case of the actor's desks that belongs and is not filtered away is, in order."""
    found = [
        case
        for case in store
        if case.desk_id in {desk for _, desk in actor.role_desks}
        and belongs(case, view, actor, now)
        and all(
            not (asked := getattr(filters, name)) or asked == (getattr(case, name) or "")
            for name in ("kind", "channel", "country", "level")
        )
    ]

    def place(case: Case) -> tuple[bool, bool, int, UUID]:
        mine = view is QueueView.MINE
        calm, silent = mine and case.level != "DANGER", mine and not has_answer(case.report_id)
        return calm, silent, 100 - case.score, case.report_id

    return [case.report_id for case in sorted(found, key=place)]


def pages(
    view: QueueView, filters: QueueFilter, actor: Actor, limit: int, now: datetime = NOW
) -> Iterator[UUID]:
    after = None
    while True:
        page = list_queue(
            actor=actor, view=view, filters=filters, now=now, after=after, limit=limit
        )
        yield from (case.report_id for case in page.cases)
        after = page.following
        if after is None:
            return


@contextmanager
def looping() -> Iterator[None]:
    """The plan that PostgreSQL may take where it knows nothing of a table yet: a loop, looked up each time."""
    plans = ("hashjoin", "mergejoin", "hashagg", "sort", "material")
    with connection.cursor() as cursor:
        for plan in plans:
            cursor.execute(f"SET LOCAL enable_{plan} = off")
        yield
        for plan in plans:
            cursor.execute(f"SET LOCAL enable_{plan} = on")


@pytest.mark.parametrize("view", QueueView)
def test_every_filter_of_a_view(store: list[Case], view: QueueView) -> None:
    sizes = set()
    for number, (kind, channel, country, level) in enumerate(product(*_SOME)):
        filters = QueueFilter(kind=kind, channel=channel, country=country, level=level)
        actor = BOTH if number % 3 == 0 else ANALYST
        wanted = expected(store, view, filters, actor, NOW)
        limit = 90 if number % 6 else 9
        assert list(pages(view, filters, actor, limit=limit)) == wanted, filters
        sizes.add(len(wanted) > limit)
    assert sizes == {True, False}, "some selections fill several pages, some do not"


def test_counts_of_views_kinds_and_kept_views(store: list[Case]) -> None:
    for actor in (ANALYST, BOTH, person(Role.ANALYST, desk=3)):
        counts = count_views(actor=actor, now=NOW)
        for view, number in counts.views.items():
            assert number == len(expected(store, view, QueueFilter(), actor, NOW)), view
        mine = expected(store, QueueView.MINE, QueueFilter(), actor, NOW)
        assert counts.answered == sum(map(has_answer, mine))
        for kind, number in counts.kinds.items():
            wanted = expected(store, QueueView.OPEN, QueueFilter(kind=kind), actor, NOW)
            assert number == len(wanted), kind
    kept = [
        SavedView(
            id=new_id(NOW),
            desk_id=1,
            person_id=ANALYST.person_id,
            shared=False,
            name="x",
            view=view,
            filters=QueueFilter(kind=kind, channel=channel, country=country, level=level),
        )
        for view in QueueView
        for kind, channel, country, level in product(*_SOME)
    ]
    wanted = {
        saved.id: len(expected(store, saved.view, saved.filters, ANALYST, NOW))
        for saved in kept
        if saved.view is not QueueView.DECIDED
    }
    for cap in (5, 1000):
        counted = count_saved_views(actor=ANALYST, views=kept, now=NOW, cap=cap)
        assert counted == {one: min(cap, number) for one, number in wanted.items()}


def test_marks_follow_the_clock_and_change_no_list(store: list[Case]) -> None:
    later = NOW + timedelta(hours=5)
    wanted = expected(store, QueueView.LATE, QueueFilter(), ANALYST, later)
    assert list(pages(QueueView.LATE, QueueFilter(), ANALYST, 20, later)) == wanted
    with pytest.raises(Refused):
        mark_late(actor=ANALYST, now=later)
    with looping():
        assert mark_late(actor=WORKER, now=later, most=7) == 7
    while mark_late(actor=WORKER, now=later, most=50):
        continue
    assert Row.objects.extra(where=["late"]).count() >= len(wanted)
    assert list(pages(QueueView.LATE, QueueFilter(), ANALYST, 20, later)) == wanted
    counts = count_views(actor=ANALYST, now=later)
    assert counts.views[QueueView.LATE] == len(wanted)


@pytest.mark.django_db
def test_a_clock_that_moves_takes_the_mark_off() -> None:
    subject = item(score=70, level="HIGH")
    orient_batch(actor=WORKER, items=[subject], now=NOW)
    report_id = subject.report.report_id
    late = NOW + timedelta(hours=2)

    def listed(now: datetime) -> list[UUID]:
        return list(pages(QueueView.LATE, QueueFilter(), ANALYST, 9, now))

    assert mark_late(actor=WORKER, now=late) == 1
    assert mark_late(actor=WORKER, now=late) == 0
    assert listed(late) == [report_id]
    claim_case(actor=ANALYST, report_id=report_id, now=late)
    assert listed(late) == [], "the clock to decide runs until tomorrow"
    assert listed(late + timedelta(days=2)) == [report_id]


@pytest.mark.role("worker")
@pytest.mark.django_db
def test_the_worker_marks() -> None:
    orient_batch(actor=WORKER, items=[item(score=70, level="HIGH")], now=NOW)
    assert mark_late(actor=WORKER, now=NOW + timedelta(days=1)) == 1
