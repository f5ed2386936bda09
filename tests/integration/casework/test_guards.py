"""Acts as PostgreSQL keeps them: raw SQL as the app role, past every operation."""

from uuid import UUID, uuid4

import pytest
from django.db import connection

from fanal.accounts.domain.policy import roles_at_desk
from fanal.casework import queries
from fanal.casework.domain.lifecycle import Lifecycle
from fanal.casework.domain.records import Event
from fanal.casework.operations.acts import take_step
from fanal.config.migration import transitions_of
from fanal.judicial import operations as judicial
from fanal.judicial.domain.kinds import REFERRAL, read_referral
from fanal.kernel.actors import Role
from fanal.kernel.states import TransitionRefused
from fanal.lifecycles import LIFECYCLES
from fanal.measures.removal.kind import REMOVAL
from fanal.orient.domain.records import Choice, Track
from fanal.orient.operations.decisions import reopen_case
from tests.integration.measures.stories import ANALYST, decide
from tests.integration.orient.people import person
from tests.refusals import CHECK, KEPT, NO_RIGHT, database_refuses
from tests.server import as_worker
from tests.unit.orient.items import NOW

OFFICER = person(Role.JUDICIAL_OFFICER)
MEASURES = Choice(tracks=(Track.MEASURES,), bases=("CP 227-23",), reason="read")
KINDS = pytest.mark.parametrize("kind", ["referral", "sheet"])
STEP = (
    "INSERT INTO casework_step (id, act_id, transition, source, target, actor_id, addressee, revision, proof,"
    " happened_at, recorded_at) VALUES (gen_random_uuid(), %s, %s, %s, %s, %s, %s, %s, %s, now(), now())"
)
REVISION = (
    "INSERT INTO casework_document (act_id, revision, content, author_id, written_at)"
    " VALUES (%s, %s, %s, %s, now())"
)


def run(statement: str, *values: object) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)


def refused(sqlstate: str, statement: str, *values: object) -> None:
    with database_refuses(sqlstate):
        run(statement, *values)


def born(
    kind: str, *, author: UUID = ANALYST.person_id, state: str = "DRAFT", document: bool = True
) -> UUID:
    """Insert a draft with its document as the desk does; a referral follows a decision in force."""
    made, subject, decision = uuid4(), uuid4(), None
    if kind == "referral":
        decided = decide(choice=MEASURES, addressee=None).decision
        subject, decision = decided.report_id, decided.id
    run(
        "INSERT INTO casework_act (id, kind, desk_id, subject_id, decision_id, report_ids, state, addressee,"
        " basis, level, author_id, created_at)"
        " VALUES (%s, %s, 1, %s, %s, '{}', %s, 'OFMIN', '', 'NORMAL', %s, now())",
        made, kind, subject, decision, state, author,
    )  # fmt: skip
    if document:
        run(REVISION, made, 1, b"Facts.", author)
    return made


def take(
    made: UUID, *step: object, addressee: str = "OFMIN", revision: int = 1
) -> tuple[object, ...]:
    """Return the statement that takes a step (transition, source, target, actor) and its values."""
    return (STEP, made, *step, addressee, revision, "register no. 12")


def state(made: UUID) -> tuple[str, bool]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT state, sent_at IS NOT NULL FROM casework_act WHERE id = %s", [made])
        found, sent = cursor.fetchone()
    return found, sent


@KINDS
def test_no_state_and_no_instant_is_written_by_hand(kind: str) -> None:
    made = born(kind)
    for column in (
        "state",
        "sent_at",
        "addressee",
        "desk_id",
        "author_id",
        "subject_id",
        "revision",
    ):
        refused(NO_RIGHT, f"UPDATE casework_act SET {column} = {column} WHERE id = %s", made)
    refused(KEPT, "UPDATE casework_act SET id = gen_random_uuid() WHERE id = %s", made)
    refused(NO_RIGHT, "DELETE FROM casework_act WHERE id = %s", made)
    with as_worker():
        refused(NO_RIGHT, "UPDATE casework_act SET state = state WHERE id = %s", made)
    for table in ("casework_kind", "casework_transition"):
        refused(NO_RIGHT, f"DELETE FROM {table}")


@KINDS
def test_a_draft_is_blank_and_of_a_person_of_the_desk(kind: str) -> None:
    with database_refuses(CHECK):
        born(kind, state="READY")
    for nobody in (uuid4(), OFFICER.person_id, person(Role.ANALYST, desk=2).person_id):
        with database_refuses(CHECK):
            born(kind, author=nobody)
    with database_refuses(CHECK):
        born("unheard-of")


@pytest.mark.parametrize("lifecycle", LIFECYCLES, ids=lambda one: one.kind)
def test_what_follows_a_decision_names_one(lifecycle: Lifecycle) -> None:
    proposer = person(*roles_at_desk(lifecycle.proposes))
    values = (uuid4(), lifecycle.kind, lifecycle.initial, proposer.person_id)
    insert = (
        "INSERT INTO casework_act (id, kind, desk_id, subject_id, report_ids, state, addressee, basis, level,"
        " author_id, created_at)"
        " VALUES (%s, %s, 1, gen_random_uuid(), '{}', %s, 'OFMIN', '', 'NORMAL', %s, now())"
    )
    if lifecycle.decided:
        refused(CHECK, insert, *values)
    else:
        run(insert, *values)


@pytest.mark.parametrize("level", ["X", "", "danger"])
def test_an_act_has_a_level_that_its_deadlines_know(level: str) -> None:
    refused(
        CHECK,
        "INSERT INTO casework_act (id, kind, desk_id, subject_id, report_ids, state, addressee, basis, level,"
        " author_id, created_at) VALUES (gen_random_uuid(), 'sheet', 1, gen_random_uuid(), '{}', 'DRAFT',"
        " 'OFMIN', '', %s, %s, now())",
        level, ANALYST.person_id,
    )  # fmt: skip


@KINDS
def test_a_step_leaves_the_present_state_by_whoever_may(kind: str) -> None:
    made, officer = born(kind), OFFICER.person_id
    refused(CHECK, *take(made, "send", "READY", "SENT", officer))
    refused(CHECK, *take(made, "send", "DRAFT", "SENT", officer))
    for nobody in (
        uuid4(),
        ANALYST.person_id,
        person(Role.SUPERVISOR).person_id,
        person(Role.JUDICIAL_OFFICER, desk=2).person_id,
    ):
        refused(CHECK, *take(made, "prepare", "DRAFT", "READY", nobody))
    refused(CHECK, *take(made, "prepare", "DRAFT", "READY", officer, addressee="TRACFIN"))
    run(REVISION, made, 2, b"Facts, and an account.", officer)
    run(*take(made, "amend", "DRAFT", "DRAFT", officer, addressee="TRACFIN", revision=2))
    run(*take(made, "prepare", "DRAFT", "READY", officer, addressee="TRACFIN", revision=2))
    assert state(made) == ("READY", False)
    sent = take(made, "send", "READY", "SENT", officer, addressee="TRACFIN", revision=2)
    refused(CHECK, *sent[:-1], "  ")  # without a proof
    run(*sent)
    assert state(made) == ("SENT", True)


def test_an_outcome_is_one_of_its_transition() -> None:
    made, officer = born("referral"), OFFICER.person_id
    run(*take(made, "prepare", "DRAFT", "READY", officer))
    run(*take(made, "send", "READY", "SENT", officer))
    closing = STEP.replace("proof,", "outcome, proof,").replace(
        "%s, now(), now()", "%s, %s, now(), now()"
    )
    closed = (made, "close", "SENT", "CLOSED", officer, "OFMIN", 1)
    for outcome in ("", "FORGOTTEN"):
        refused(CHECK, closing, *closed, outcome, "letter")
    run(closing, *closed, "DISMISSED", "letter")
    assert state(made) == ("CLOSED", True)


@KINDS
def test_a_role_that_ended_takes_no_step(kind: str) -> None:
    made, officer = born(kind), person(Role.JUDICIAL_OFFICER).person_id
    with as_worker():
        run(
            "INSERT INTO accounts_revocation (habilitation_id, revoked_at, revoked_by_id, reason_code)"
            " SELECT id, now() - interval '1 minute', %s, 'LEFT' FROM accounts_habilitation"
            " WHERE person_id = %s",
            ANALYST.person_id,
            officer,
        )
    statement, *values = take(made, "prepare", "DRAFT", "READY", officer)
    refused(CHECK, statement, *values)
    backdated = str(statement).replace(
        "now(), now()", "now() - interval '1 hour', now() - interval '1 hour'"
    )
    refused(CHECK, backdated, *values)


@KINDS
def test_what_was_sent_keeps_its_words(kind: str) -> None:
    """A document is never changed, only followed by a revision, and what was sent by none."""
    made, officer = born(kind), OFFICER.person_id
    refused(NO_RIGHT, "UPDATE casework_document SET content = content WHERE act_id = %s", made)
    refused(NO_RIGHT, "DELETE FROM casework_document WHERE act_id = %s", made)
    refused(CHECK, REVISION, made, 3, b"Others.", officer)
    refused(CHECK, *take(made, "amend", "DRAFT", "DRAFT", officer, revision=2))  # there is none
    run(REVISION, made, 2, b"Others.", officer)
    somebody = person(Role.JUDICIAL_OFFICER).person_id
    refused(CHECK, *take(made, "amend", "DRAFT", "DRAFT", somebody, revision=2))
    run(*take(made, "prepare", "DRAFT", "READY", officer))
    run(*take(made, "send", "READY", "SENT", officer))
    refused(CHECK, REVISION, made, 2, b"Later.", officer)
    refused(CHECK, *take(made, "amend", "READY", "DRAFT", officer, revision=2))


@pytest.mark.parametrize("at", ["1850-01-01", "0001-01-01", "-infinity"])
def test_no_step_happened_in_another_age(at: str) -> None:
    """No page could show it, nor the step be taken back."""
    made = born("referral")
    statement, *values = take(made, "prepare", "DRAFT", "READY", OFFICER.person_id)
    refused(CHECK, str(statement).replace("now(), now()", f"'{at}', now()"), *values)


def test_the_order_of_steps_is_the_database_s_own() -> None:
    made = born("referral")
    statement, *values = take(made, "prepare", "DRAFT", "READY", OFFICER.person_id)
    earlier = str(statement).replace("recorded_at)", "recorded_at, db_at)")
    run(earlier.replace("now(), now()", "now(), now(), '1999-01-01'"), *values)
    with connection.cursor() as cursor:
        cursor.execute("SELECT min(db_at) > now() - interval '1 hour' FROM casework_step")
        assert cursor.fetchone() == (True,)


@KINDS
def test_nothing_is_sent_that_says_nothing(kind: str) -> None:
    made = born(kind, document=False)
    run(*take(made, "prepare", "DRAFT", "READY", OFFICER.person_id))
    refused(CHECK, *take(made, "send", "READY", "SENT", OFFICER.person_id))
    assert state(made) == ("READY", False)


def test_nothing_is_prepared_for_a_decision_that_does_not_stand() -> None:
    """Its report waits for another one."""
    decided = decide()
    prepared = take(decided.opened["referral"][0], "prepare", "DRAFT", "READY", OFFICER.person_id)
    reopen_case(actor=ANALYST, report_id=decided.decision.report_id, now=NOW)
    refused(CHECK, *prepared)
    assert state(decided.opened["referral"][0]) == ("DRAFT", False)


@KINDS
def test_a_revision_is_of_a_person_who_amends_at_the_desk(kind: str) -> None:
    """Nobody could amend after a revision that no step takes."""
    made = born(kind)
    for nobody in (ANALYST.person_id, person(Role.JUDICIAL_OFFICER, desk=2).person_id):
        refused(CHECK, REVISION, made, 2, b"Words.", nobody)


def test_transitions_are_those_of_the_program() -> None:
    """The guards know the kinds, transitions and roles of the program's lifecycles, and no other."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT kind, name, source, target, roles, proof, approved, sends, outcomes, in_force, lapsed,"
            " everywhere FROM casework_transition"
        )
        found = {repr(row) for row in cursor.fetchall()}
        cursor.execute("SELECT kind, initial FROM casework_kind")
        kinds = dict(cursor.fetchall())
    assert found == {repr(row) for one in LIFECYCLES for row in transitions_of(one)}
    assert kinds == {one.kind: one.initial for one in LIFECYCLES}


@pytest.mark.parametrize(
    ("kind", "states"),
    [
        (REFERRAL, {"DRAFT", "READY", "RETURNED"}),
        (REMOVAL, {"DRAFT", "TO_SECOND", "APPROVED"}),
    ],
)
def test_a_newer_decision_withdraws_what_nobody_outside_holds(
    kind: Lifecycle, states: set[str]
) -> None:
    """What was sent stays, though a person may withdraw it."""
    assert kind.unsent == states


def test_people_are_persons_of_the_installation() -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT conrelid::regclass::text || '.' || conname FROM pg_constraint"
            " WHERE contype = 'f' AND confrelid = 'accounts_person'::regclass"
            " AND conrelid::regclass::text LIKE 'casework%'"
        )
        found = {name for (name,) in cursor.fetchall()}
    assert found == {
        "casework_act.casework_act_author",
        "casework_document.casework_document_author",
        "casework_approval.casework_approval_approver",
        "casework_step.casework_step_actor",
    }


def test_an_amendment_of_what_was_sent_is_refused_in_words() -> None:
    """By the lifecycle, not by the database; what earlier revisions said stays until it expires."""
    referral = decide().opened["referral"][0]
    assert referral is not None
    judicial.amend_referral(
        actor=OFFICER, referral_id=referral, body="OFMIN", summary="Facts.", now=NOW
    )
    for transition in ("prepare", "send"):
        take_step(
            actor=OFFICER, lifecycle=REFERRAL, act_id=referral, transition=transition,
            event=Event(happened_at=NOW, proof="register no. 12"), now=NOW,
        )  # fmt: skip
    with pytest.raises(TransitionRefused):
        judicial.amend_referral(
            actor=OFFICER, referral_id=referral, body="OFMIN", summary="Others.", now=NOW
        )
    found = queries.get_act(actor=OFFICER, lifecycle=REFERRAL, act_id=referral)
    assert found is not None
    assert found.content is not None
    assert (found.act.revision, read_referral(found.content).summary) == (2, "Facts.")
