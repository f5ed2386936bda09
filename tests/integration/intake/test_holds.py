"""Legal holds in raw SQL: what was placed stays as it is, and each act has its supervisor, its day and its entry."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import psycopg
import pytest
from django.db import Error, connection, transaction

from fanal.intake.operations import holds
from fanal.kernel.actors import Actor, Role
from fanal.ledger import operations as ledger
from tests.actors import desk_actor
from tests.integration.intake.test_reviews import deposit
from tests.known import habilitated, known
from tests.refusals import CHECK, KEPT, NO_RIGHT, database_refuses, sqlstate_of
from tests.server import as_worker

ONE = known(desk_actor(person_id=uuid4(), roles={Role.SUPERVISOR}, desks={1}))
ELSEWHERE = known(desk_actor(person_id=uuid4(), roles={Role.SUPERVISOR}, desks={2}))
ANALYST = known(desk_actor(person_id=uuid4(), roles={Role.ANALYST}, desks={1}))
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("installed_keys")]
PLACE = (
    "INSERT INTO intake_hold (id, report_id, placed_by, placed_at, motive, review_on)"
    " VALUES (gen_random_uuid(), %(report)s, %(by)s, %(at)s, 'file 12', current_date + 300)"
)
KEEP = (
    "UPDATE intake_hold SET reviewed_by = %(by)s, reviewed_at = %(at)s, review_motive = 'goes on',"
    " review_on = current_date + 400 WHERE report_id = %(report)s"
)
LIFT = (
    "UPDATE intake_hold SET lifted_by = %(by)s, lifted_at = %(at)s, lift_motive = 'closed'"
    " WHERE report_id = %(report)s"
)

ACTS = {"hold.place": PLACE, "hold.review": KEEP, "hold.lift": LIFT}


@pytest.fixture
def report_id(transactional_db: None) -> UUID:
    habilitated()
    with as_worker():
        return deposit(1)


def run(statement: str, *, report_id: UUID, by: UUID = ONE.person_id, at: object = None) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement, {"report": report_id, "by": by, "at": at or datetime.now(UTC)})


def place(report_id: UUID) -> None:
    holds.place_hold(actor=ONE, report_id=report_id, motive="file 12", now=datetime.now(UTC))


@pytest.mark.usefixtures("servers_clock")
@pytest.mark.parametrize("statement", ACTS.values(), ids=ACTS)
def test_a_hold_is_placed_and_lifted_by_a_supervisor_of_the_desk_and_now(
    report_id: UUID, statement: str
) -> None:
    if statement != PLACE:
        place(report_id)
    now = datetime.now(UTC)
    for by in (ANALYST.person_id, ELSEWHERE.person_id, uuid4()):
        with database_refuses(CHECK):
            run(statement, report_id=report_id, by=by)
    for at in (now + timedelta(days=1), now - timedelta(days=900), "infinity", "-infinity"):
        with database_refuses(CHECK):
            run(statement, report_id=report_id, at=at)


@pytest.mark.parametrize("act", ACTS)
def test_none_goes_without_its_own_entry(report_id: UUID, act: str) -> None:
    place(report_id)

    def write(actor: Actor | None) -> None:
        with transaction.atomic():
            run(ACTS[act], report_id=report_id)
            if actor is not None:
                ledger.record_report(
                    actor=actor, action=act, at=datetime.now(UTC), report_id=report_id
                )

    for actor in (None, ANALYST):
        with pytest.raises(Error) as refused:
            write(actor)
        assert sqlstate_of(refused.value) == CHECK
    write(ONE)


def test_no_hold_is_rewritten_lifted_twice_or_born_lifted(report_id: UUID) -> None:
    place(report_id)
    rewritten = ("motive = 'other'", "placed_by = %(by)s", "placed_at = %(at)s", "id = %(by)s")
    for column in rewritten:
        with database_refuses(NO_RIGHT):
            run(f"UPDATE intake_hold SET {column}", report_id=report_id)
        with as_worker(), database_refuses(NO_RIGHT):
            run(f"UPDATE intake_hold SET {column}", report_id=report_id)
    with database_refuses(NO_RIGHT):
        run("DELETE FROM intake_hold", report_id=report_id)
    with database_refuses(CHECK):
        run(LIFT.replace("'closed'", "' '"), report_id=report_id)
    with database_refuses(CHECK):
        run(
            "INSERT INTO intake_hold"
            " (id, report_id, placed_by, placed_at, motive, review_on, lifted_by, lifted_at)"
            " VALUES (gen_random_uuid(), %(report)s, %(by)s, %(at)s, 'file 12', current_date + 9,"
            " %(by)s, %(at)s)",
            report_id=report_id,
        )
    for day in ("NULL", "current_date", "current_date + 740"):
        for statement in (
            PLACE.replace("current_date + 300", day),
            KEEP.replace("current_date + 400", day),
        ):
            with database_refuses(CHECK):
                run(statement, report_id=report_id)
    with database_refuses(KEPT):
        run(LIFT.replace("SET", "SET review_on = current_date + 500,"), report_id=report_id)
    now = datetime.now(UTC)
    assert holds.lift_holds(actor=ONE, report_id=report_id, motive="closed", now=now) == 1
    for statement in (LIFT, KEEP):
        with database_refuses(KEPT):
            run(statement, report_id=report_id)


def test_an_entry_that_another_transaction_wrote_meanwhile_is_not_its_own(
    report_id: UUID, as_role: Callable[[str], psycopg.Connection[tuple[object, ...]]]
) -> None:
    """A transaction begun before a hold of Claire's placed a second one in her name, under the same entry."""
    app = as_role("app")
    app.execute(
        "SELECT set_config('fanal.scope', 'ALL', false), set_config('fanal.desks', '{1}', false)"
    )
    values = {"report": report_id, "by": ONE.person_id, "at": datetime.now(UTC)}
    app.execute("BEGIN")
    app.execute("SELECT now()")
    place(report_id)
    app.execute(PLACE, values)
    with pytest.raises(psycopg.errors.CheckViolation, match="entry in the ledger"):
        app.execute("COMMIT")
    with transaction.atomic(), transaction.atomic():  # its own, in savepoints
        place(report_id)


def test_no_hold_is_placed_or_lifted_for_no_reason(report_id: UUID) -> None:
    for act in (holds.place_hold, holds.lift_holds):
        with pytest.raises(ledger.MotiveMissing):  # the command line says it in words
            act(actor=ONE, report_id=report_id, motive=" \n", now=datetime.now(UTC))
