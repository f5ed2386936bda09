"""A person's act waits for a portion of reports, not for a batch; when nobody is at work, batches stay whole."""

from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from uuid import UUID, uuid4

import psycopg
import pytest
from django.db import transaction

from fanal.kernel import clock
from fanal.kernel.actors import system_actor
from fanal.kernel.ids import new_id
from fanal.orient import queries as oriented
from fanal.orient.folding.operations.folding import hold_folding
from fanal.worker.stages import Portion, StageLoop
from tests.integration.worker.test_pipeline import _deposit

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.role("worker")]
REPORTS = 300


@pytest.fixture(autouse=True)
def keys(installed_keys: None) -> None:
    """The worker opens what was sealed."""


def _many(prefix: str) -> list[UUID]:
    return _deposit(
        *(
            {
                "reference": f"{prefix}-{n}",
                "kind": "GROOMING",
                "occurred_at": "2026-11-20",
                "platform": "Blockharbor",
                "description": f"He is called player_{prefix}_{n} there.",
            }
            for n in range(REPORTS)
        )
    )


def _carry(between: Callable[[], bool] = lambda: True) -> Counter[str]:
    steps: Counter[str] = Counter()
    loop = StageLoop(
        actor=system_actor("test"),
        clock=clock.now,
        observe=lambda stage, _seconds: steps.update([stage.value]),
        between=between,
    )
    while loop.run_once():
        pass
    return steps


def _claim_one(as_role: Callable[[str], psycopg.Connection[tuple[object, ...]]]) -> None:
    as_role("owner").execute(
        "UPDATE orient_case SET state = 'CLAIMED', claimed_by = gen_random_uuid(),"
        " lease_until = now() + interval '15 minutes'"
        " WHERE report_id = (SELECT min(report_id::text)::uuid FROM orient_case)"
    )


def test_portions_while_somebody_is_at_work(
    as_role: Callable[[str], psycopg.Connection[tuple[object, ...]]],
) -> None:
    _many("first")
    steps = _carry()
    assert (steps["CROSSCHECK"], steps["ORIENT"]) == (1, 1)  # nobody is at work
    assert not oriented.anybody_at_work(now=clock.now())

    _claim_one(as_role)
    assert oriented.anybody_at_work(now=clock.now())
    app, waited = as_role("app"), []

    def act() -> bool:
        """Between two steps nobody holds what a person's act needs."""
        app.execute("SET lock_timeout = '1s'")
        with app.transaction():
            app.execute("SELECT pg_advisory_xact_lock(%s)", [0x464F4C44])
            app.execute("SELECT pg_advisory_xact_lock(%s)", [0x43524F5353444F53])
        waited.append(1)
        return True

    ids = _many("second")
    steps = _carry(act)
    assert steps["HARMONISE"] == steps["ANALYSE"] == 1
    assert steps["CROSSCHECK"] >= 3
    assert steps["CROSSCHECK"] == steps["ORIENT"]
    assert len(waited) > steps["ORIENT"]
    assert len(oriented.get_cases(actor=system_actor("test"), report_ids=ids)) == REPORTS


def test_people_are_at_work_between_two_reports_too(
    as_role: Callable[[str], psycopg.Connection[tuple[object, ...]]],
) -> None:
    """Who decided or judged a moment ago goes on, though nobody holds a report just now."""
    _many("first")
    _carry()
    now, later = clock.now(), clock.now() + timedelta(minutes=6)
    assert not oriented.anybody_at_work(now=now)
    owner = as_role("owner")
    owner.execute("ALTER TABLE crosscheck_judgement DISABLE TRIGGER USER")
    owner.execute(
        "INSERT INTO crosscheck_judgement (id, act, left_ids, right_ids, author_id, made_at, reason_digest)"
        " SELECT %s, 'REJECT', ARRAY[min(report_id::text)::uuid], ARRAY[max(report_id::text)::uuid], %s, %s,"
        " sha256('') FROM orient_case",
        [new_id(now), uuid4(), now],
    )
    owner.execute("ALTER TABLE crosscheck_judgement ENABLE TRIGGER USER")
    assert oriented.anybody_at_work(now=now)
    assert not oriented.anybody_at_work(now=later)


def test_a_stop_between_two_portions_gives_the_rest_back(
    as_role: Callable[[str], psycopg.Connection[tuple[object, ...]]],
) -> None:
    from fanal.intake.queries.work import count_work

    _many("first")
    _carry()
    _claim_one(as_role)
    _many("second")
    asked: list[int] = []

    def stop_later() -> bool:
        asked.append(1)
        return len(asked) < 6

    loop = StageLoop(actor=system_actor("test"), clock=clock.now, between=stop_later)
    loop.run_once()
    work = count_work()
    assert 0 < sum(work.values()) < REPORTS
    assert as_role("owner").execute(
        "SELECT count(*) FROM intake_work WHERE lease_token IS NOT NULL"
    ).fetchone() == (0,)
    assert _carry()["ORIENT"] >= 1
    assert count_work() == {}


def test_a_portion_learns_from_what_its_step_took() -> None:
    portion = Portion(100)
    portion.learn(1.0, reports=100)
    assert portion.size == 50
    portion.learn(0.01, reports=20)  # not a whole portion: says nothing
    assert portion.size == 50
    portion.learn(0.01, reports=50)
    assert portion.size == 62
    for _ in range(20):
        portion.learn(9.0, reports=16)
    assert portion.size == 16


def test_a_person_who_holds_the_lock_is_waited_for(
    as_role: Callable[[str], psycopg.Connection[tuple[object, ...]]],
) -> None:
    """The lock of the act and that of the batch are one: else the test above would prove nothing."""
    app = as_role("app")
    app.execute("SET lock_timeout = '200ms'")
    with transaction.atomic():
        hold_folding()
        with pytest.raises(psycopg.errors.LockNotAvailable):
            app.execute("SELECT pg_advisory_xact_lock(%s)", [0x464F4C44])
