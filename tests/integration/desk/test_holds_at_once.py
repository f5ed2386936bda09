"""Legal holds while others act: two people on one hold, and a hold placed while its report is erased."""

import threading
from collections import Counter
from collections.abc import Callable
from contextvars import copy_context
from datetime import timedelta

import pytest
from django.conf import settings
from django.db import connections, transaction
from django.test import Client

from fanal.db import sql
from fanal.intake.operations.holds import lift_holds, place_hold, review_hold
from fanal.intake.queries.holds import holds_of
from fanal.kernel import clock
from fanal.kernel.actors import Role
from fanal.kernel.calendar import add_months, paris_day
from fanal.kernel.refusal import Refusal
from fanal.ledger.models import LedgerEntry
from fanal.worker.expiry import _erase_due_reports
from tests.integration.accounts.people import make_user
from tests.integration.desk.story import WORKER, Desk
from tests.server import as_worker

pytestmark = pytest.mark.django_db(transaction=True)
ROUNDS, AT_ONCE = 5, 4
NAME = "game"
LATER = timedelta(days=40 * 365)


@pytest.fixture
def pair(desk: Desk) -> Desk:
    """The desk with a second supervisor."""
    desk.users["olga"] = make_user("olga", Role.SUPERVISOR, at=desk.now - timedelta(days=2))
    return desk


def browser(desk: Desk, name: str) -> Client:
    client = Client(headers={"X-Forwarded-Proto": "https"}, raise_request_exception=False)
    client.force_login(desk.users[name], backend=settings.AUTHENTICATION_BACKENDS[1])
    return client


def together(acts: list[Callable[[], int]]) -> list[int]:
    """The answers of acts that begin at one instant, each in its own session of the database."""
    start, answers = threading.Barrier(len(acts)), [0] * len(acts)

    def run(number: int) -> None:
        try:
            start.wait(30)
            answers[number] = acts[number]()
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=(number,)) for number in range(len(acts))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return answers


def in_another_session(work: Callable[[], object]) -> threading.Thread:
    """Begin some work in a session of its own, for the same person."""
    context = copy_context()

    def run() -> None:
        try:
            context.run(work)
        finally:
            connections.close_all()

    thread = threading.Thread(target=run)
    thread.start()
    return thread


def test_of_people_who_keep_a_hold_at_one_instant_one_keeps_it(pair: Desk) -> None:
    report_id, claire = pair.reports[NAME], pair.actor("claire")
    people = [browser(pair, name) for name in ("claire", "olga") * (AT_ONCE // 2)]
    hold = place_hold(actor=claire, report_id=report_id, motive="file 12", now=clock.now())
    day = add_months(paris_day(clock.now()), 12).isoformat()
    answers: Counter[int] = Counter()
    for number in range(ROUNDS):
        [found] = holds_of(actor=claire, report_id=report_id)
        form = {"hold": str(hold), "seen": found.seen, "motive": f"x{number}", "review_on": day}
        answers.update(
            together(
                [
                    lambda who=who, form=form: int(
                        who.post(f"/en/desk/holds/{report_id}/keep/", form).status_code
                    )
                    for who in people
                ]
            )
        )
    assert answers == {302: ROUNDS, 422: ROUNDS * (AT_ONCE - 1)}
    assert LedgerEntry.objects.filter(action="hold.review").count() == ROUNDS


def test_a_request_that_came_first_and_is_written_later_is_no_failure(pair: Desk) -> None:
    report_id, claire = pair.reports[NAME], pair.actor("claire")
    now = clock.now()
    first = now - timedelta(seconds=2)
    hold = place_hold(actor=claire, report_id=report_id, motive="file 12", now=now)
    day = add_months(paris_day(now), 12)
    shown = set()
    for _ in range(2):
        review_hold(
            actor=claire, report_id=report_id, hold_id=hold, review_on=day, motive="x", now=first
        )
        [found] = holds_of(actor=claire, report_id=report_id)
        shown.add(found.seen)
        assert found.reviewed_at is not None
        assert found.reviewed_at > now
    assert len(shown) == 2, "each review is another one"
    assert lift_holds(actor=claire, report_id=report_id, motive="closed", now=first) == 1
    [found] = holds_of(actor=claire, report_id=report_id)
    assert found.lifted_at is not None
    assert found.reviewed_at is not None
    assert found.lifted_at > found.reviewed_at


def erased() -> bool:
    with as_worker():
        row = sql.one("SELECT count(*) FROM intake_report WHERE erased_at IS NOT NULL")
    return bool(row[0])


def expire(desk: Desk, before_its_end: Callable[[], object] = lambda: None) -> None:
    """Run the expiry of reports over a time when every report is due."""
    with as_worker(), transaction.atomic():
        _erase_due_reports(WORKER, clock.now(), desk.now + LATER)
        before_its_end()


def entries(action: str) -> int:
    return LedgerEntry.objects.filter(action=action).count()


@pytest.mark.parametrize("rolled_back", [False, True])
def test_a_hold_placed_while_its_report_is_erased_waits_and_says_so(
    desk: Desk, rolled_back: bool
) -> None:
    """The erasure came first: once it is written the hold is refused, if it is undone the hold is placed."""
    report_id, actor = desk.reports[NAME], desk.actor("claire")
    reached, may_end, answered = threading.Event(), threading.Event(), threading.Event()
    said: list[str] = []

    def before_its_end() -> None:
        reached.set()
        may_end.wait(60)
        if rolled_back:
            transaction.set_rollback(True)

    def place() -> None:
        try:
            place_hold(actor=actor, report_id=report_id, motive="file 12", now=clock.now())
            said.append("PLACED")
        except Refusal as refused:
            said.append(refused.code)
        finally:
            answered.set()

    eraser = in_another_session(lambda: expire(desk, before_its_end))
    assert reached.wait(60)
    placer = in_another_session(place)
    try:
        assert not answered.wait(1), "the hold waits for the erasure"
    finally:
        may_end.set()
    for thread in (eraser, placer):
        thread.join(60)
    held = sql.one("SELECT count(*) FROM intake_hold WHERE report_id = %s", [report_id])[0]
    assert said == ["PLACED" if rolled_back else "ERASED"]
    assert erased() is not rolled_back
    assert held == entries("hold.place") == int(rolled_back)


def test_an_erasure_leaves_a_report_on_which_a_hold_is_being_placed(desk: Desk) -> None:
    """The hold came first: the run erases the others, and no later run erases this one."""
    report_id, actor = desk.reports[NAME], desk.actor("claire")
    with transaction.atomic():
        place_hold(actor=actor, report_id=report_id, motive="file 12", now=clock.now())
        runner = in_another_session(lambda: expire(desk))
        runner.join(60)
        assert not runner.is_alive(), "the run waits for nobody"
    assert erased(), "the others"
    expire(desk)
    with as_worker():
        row = sql.one("SELECT erased_at FROM intake_report WHERE id = %s", [report_id])
    assert row[0] is None
    [hold] = holds_of(actor=actor, report_id=report_id)
    assert hold.lifted_at is None
    assert entries("hold.place") == 1
