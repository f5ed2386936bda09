"""Referrals and sheets as PostgreSQL keeps them: raw SQL as the app role, past every operation."""

import re
from uuid import UUID, uuid4

import pytest
from django.db import connection

from fanal.judicial import operations, queries
from fanal.judicial.domain.records import Event
from fanal.judicial.domain.sheets import SHEET_STATES
from fanal.judicial.domain.states import REFERRAL_STATES
from fanal.kernel.actors import Role
from fanal.kernel.states import StateTable, TransitionRefused
from tests.integration.measures.stories import ANALYST, decide
from tests.integration.orient.people import person
from tests.refusals import CHECK, KEPT, NO_RIGHT, database_refuses
from tests.server import as_worker
from tests.unit.orient.items import NOW

OFFICER = person(Role.JUDICIAL_OFFICER)
TABLES = pytest.mark.parametrize("table", ["judicial_referral", "judicial_sheet"])
STEPS = {
    "judicial_referral": ("judicial_step", "referral_id", "judicial_text"),
    "judicial_sheet": ("judicial_sheet_step", "sheet_id", "judicial_sheet_words"),
}


def run(statement: str, *values: object) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)


def refused(sqlstate: str, statement: str, *values: object) -> None:
    with database_refuses(sqlstate):
        run(statement, *values)


def born(table: str, *, author: UUID = ANALYST.person_id, state: str = "DRAFT") -> UUID:
    """Insert a draft with its words as the desk does."""
    made = uuid4()
    if table == "judicial_referral":
        referral = decide().referral_id
        assert referral is not None
        columns = "report_id, gen_random_uuid(), bases, level FROM judicial_referral WHERE id = %s"
        names, values = "report_id, decision_id, bases, level", [referral]
    else:
        columns, names, values = (
            "gen_random_uuid(), '{}', sha256('')",
            "payer, report_ids, digest",
            [],
        )
    run(
        f"INSERT INTO {table} (id, desk_id, body, author_id, created_at, state, {names})"
        f" SELECT %s, 1, 'OFMIN', %s, now(), %s, {columns}",
        made, author, state, *values,
    )  # fmt: skip
    _, of, words = STEPS[table]
    run(f"INSERT INTO {words} ({of}, facts, summary) VALUES (%s, '', 'Facts.')", made)
    return made


def step(table: str) -> str:
    """Return the statement that takes a step: (id, move, source, target, actor, addressee)."""
    steps, of, _ = STEPS[table]
    return (
        f"INSERT INTO {steps} (id, {of}, move, source, target, actor_id, body, happened_at, recorded_at)"
        " VALUES (gen_random_uuid(), %s, %s, %s, %s, %s, %s, now(), now())"
    )


def state(table: str, made: UUID) -> tuple[str, bool]:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT state, sent_at IS NOT NULL FROM {table} WHERE id = %s", [made])
        found, sent = cursor.fetchone()
    return found, sent


@TABLES
def test_no_state_and_no_instant_is_written_by_hand(table: str) -> None:
    made = born(table)
    for column in ("state", "sent_at", "body", "desk_id", "author_id"):
        refused(NO_RIGHT, f"UPDATE {table} SET {column} = {column} WHERE id = %s", made)
    refused(KEPT, f"UPDATE {table} SET id = gen_random_uuid() WHERE id = %s", made)
    refused(NO_RIGHT, f"DELETE FROM {table} WHERE id = %s", made)
    with as_worker():
        refused(NO_RIGHT, f"UPDATE {table} SET state = state WHERE id = %s", made)


@TABLES
def test_a_draft_is_blank_and_of_a_person_of_the_desk(table: str) -> None:
    with database_refuses(CHECK):
        born(table, state="READY")
    for nobody in (uuid4(), OFFICER.person_id, person(Role.ANALYST, desk=2).person_id):
        with database_refuses(CHECK):
            born(table, author=nobody)


@TABLES
def test_a_step_leaves_the_present_state_by_whoever_may(table: str) -> None:
    made, officer = born(table), OFFICER.person_id
    take = step(table)
    refused(CHECK, take, made, "send", "READY", "SENT", officer, "OFMIN")
    refused(CHECK, take, made, "send", "DRAFT", "SENT", officer, "OFMIN")
    for nobody in (
        uuid4(),
        ANALYST.person_id,
        person(Role.SUPERVISOR).person_id,
        person(Role.JUDICIAL_OFFICER, desk=2).person_id,
    ):
        refused(CHECK, take, made, "prepare", "DRAFT", "READY", nobody, "OFMIN")
    refused(CHECK, take, made, "prepare", "DRAFT", "READY", officer, "TRACFIN")
    run(take, made, "amend", "DRAFT", "DRAFT", officer, "TRACFIN")
    run(take, made, "prepare", "DRAFT", "READY", officer, "TRACFIN")
    assert state(table, made) == ("READY", False)
    run(take, made, "send", "READY", "SENT", officer, "TRACFIN")
    assert state(table, made) == ("SENT", True)


@TABLES
def test_a_role_that_ended_takes_no_step(table: str) -> None:
    made, officer = born(table), person(Role.JUDICIAL_OFFICER).person_id
    run(
        "INSERT INTO accounts_revocation (habilitation_id, revoked_at, revoked_by_id, reason_code)"
        " SELECT id, now() - interval '1 minute', %s, 'LEFT' FROM accounts_habilitation"
        " WHERE person_id = %s",
        ANALYST.person_id,
        officer,
    )
    take = step(table)
    refused(CHECK, take, made, "prepare", "DRAFT", "READY", officer, "OFMIN")
    backdated = take.replace("now(), now()", "now() - interval '1 hour', now() - interval '1 hour'")
    refused(CHECK, backdated, made, "prepare", "DRAFT", "READY", officer, "OFMIN")


@TABLES
def test_what_was_sent_keeps_its_words(table: str) -> None:
    made, officer = born(table), OFFICER.person_id
    _, of, words = STEPS[table]
    change = f"UPDATE {words} SET summary = 'Others.' WHERE {of} = %s"
    run(change, made)
    refused(NO_RIGHT, f"UPDATE {words} SET facts = facts WHERE {of} = %s", made)
    run(step(table), made, "prepare", "DRAFT", "READY", officer, "OFMIN")
    run(step(table), made, "send", "READY", "SENT", officer, "OFMIN")
    refused(KEPT, change, made)


@pytest.mark.parametrize(
    ("step_table", "table"),
    [("judicial_step", REFERRAL_STATES), ("judicial_sheet_step", SHEET_STATES)],
)
def test_steps_are_those_of_the_program(step_table: str, table: StateTable[object]) -> None:
    """The database takes the moves of the program's table, and no other."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conname = %s",
            [f"{step_table}_move"],
        )
        (definition,) = cursor.fetchone()
    found = re.findall(
        r"move = '(\w+)'::text\) AND \(source = '(\w+)'::text\) AND \(target = '(\w+)'", definition
    )
    assert set(found) == {
        (move.name, source.value, move.target.value)
        for move in table.transitions
        for source in move.sources
    }


def test_people_are_persons_of_the_installation() -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT conrelid::regclass::text || '.' || conname FROM pg_constraint"
            " WHERE contype = 'f' AND confrelid = 'accounts_person'::regclass"
            " AND conrelid::regclass::text LIKE 'judicial%'"
        )
        found = {name for (name,) in cursor.fetchall()}
    assert found == {
        "judicial_referral.judicial_referral_author",
        "judicial_step.judicial_step_actor",
        "judicial_sheet.judicial_sheet_author",
        "judicial_sheet_step.judicial_sheet_step_actor",
    }


def test_an_amendment_of_what_was_sent_is_refused_in_words() -> None:
    """By the table of states, not by the database."""
    referral = decide().referral_id
    assert referral is not None
    for move in ("amend", "prepare", "send"):
        if move == "amend":
            operations.amend_referral(
                actor=OFFICER, referral_id=referral, body="OFMIN", summary="Facts.", now=NOW
            )
        else:
            operations.move_referral(
                actor=OFFICER,
                referral_id=referral,
                move=move,
                event=Event(happened_at=NOW, proof="register no. 12"),
                now=NOW,
            )
    with pytest.raises(TransitionRefused):
        operations.amend_referral(
            actor=OFFICER, referral_id=referral, body="OFMIN", summary="Others.", now=NOW
        )
    found = queries.get_referral(actor=OFFICER, referral_id=referral)
    assert found is not None
    assert found.summary == "Facts."
