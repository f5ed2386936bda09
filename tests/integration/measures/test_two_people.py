"""The two-person rule, held by PostgreSQL itself: raw SQL as the app role, in every order."""

import itertools
import re
from uuid import UUID, uuid4

import pytest
from django.db import connection

from fanal.accounts.domain.policy import POLICY, Refused
from fanal.kernel.actors import Actor, Role
from fanal.measures import operations, queries
from fanal.measures.domain.drafting import MeasureRefused
from fanal.measures.domain.records import Addressee
from fanal.measures.domain.states import MEASURE_STATES, MeasureState
from fanal.measures.operations import seconding
from fanal.orient import queries as orient_queries
from fanal.orient.domain.records import QueueFilter, QueueView
from tests.actors import desk_actor
from tests.integration.measures.raw import (
    APPROVE,
    CHANGE,
    CHECK,
    FOREIGN_KEY,
    PRIVILEGE,
    approve,
    born,
    change,
    other_bytes,
    sqlstate,
    step,
)
from tests.integration.measures.stories import (
    ADDRESSEE,
    ANALYST,
    OFFICER,
    OVERSEER,
    decide,
    measure,
    seconded,
)
from tests.integration.orient.people import person
from tests.server import as_worker
from tests.unit.orient.items import NOW

SUPERVISOR = person(Role.SUPERVISOR)


def waiting() -> UUID:
    """A measure that waits for its second person."""
    (measure_id,) = decide().measure_ids
    return measure_id


def test_the_role_under_test_is_the_app() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_user")
        assert cursor.fetchone() == ("fanal_app",)


def test_self_approval_is_refused() -> None:
    assert approve(waiting(), by=ANALYST.person_id) == CHECK


def test_a_forged_proposer_is_refused() -> None:
    """The proposer approves and names somebody else as proposer."""
    for forged in (uuid4(), OFFICER.person_id):
        assert sqlstate(APPROVE, [forged, ANALYST.person_id, waiting()]) in {CHECK, FOREIGN_KEY}


def test_nobody_is_no_second_person() -> None:
    assert approve(waiting(), by=uuid4()) == CHECK


def test_the_second_person_is_in_office_at_the_desk() -> None:
    """Neither an overseer, nor another desk's officer, nor who works on the other track."""
    for other in (
        OVERSEER,
        person(Role.MEASURES_OFFICER, desk=2),
        person(Role.JUDICIAL_OFFICER),
        person(Role.ANALYST),
        person(),
    ):
        assert approve(waiting(), by=other.person_id) == CHECK
    assert approve(waiting(), by=SUPERVISOR.person_id) == ""


def test_a_temporary_table_answers_to_no_guard() -> None:
    """Named like ours it comes first where a function names no schema: another desk's officer would pass."""
    measure_id, elsewhere = waiting(), person(Role.MEASURES_OFFICER, desk=2)
    with connection.cursor() as cursor:
        cursor.execute(
            "CREATE TEMPORARY TABLE measures_measure ON COMMIT DROP AS TABLE measures_measure"
        )
        cursor.execute("UPDATE pg_temp.measures_measure SET desk_id = 2")
    assert approve(measure_id, by=elsewhere.person_id) == CHECK


def test_a_role_that_ended_seconds_nothing() -> None:
    """Neither now nor, by a date of before, in the past."""
    officer = person(Role.MEASURES_OFFICER)
    measure_id = waiting()
    with as_worker(), connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO accounts_revocation (habilitation_id, revoked_at, revoked_by_id, reason_code)"
            " SELECT id, now() - interval '1 minute', %s, 'LEFT' FROM accounts_habilitation"
            " WHERE person_id = %s",
            [OFFICER.person_id, officer.person_id],
        )
    assert approve(measure_id, by=officer.person_id) == CHECK
    backdated = APPROVE.replace("now()", "now() - interval '1 hour'")
    assert sqlstate(backdated, [ANALYST.person_id, officer.person_id, measure_id]) == CHECK


@pytest.mark.parametrize("granter", [ANALYST, OFFICER])
@pytest.mark.parametrize("second", [ANALYST, OFFICER])
def test_whoever_the_proposer_habilitated_seconds_nothing_of_theirs(
    granter: Actor, second: Actor
) -> None:
    """Granted or approved by the proposer, a role does not reach their acts: operation and database."""
    if granter is second:
        second = SUPERVISOR
    grantee = _granted(granter, second)
    measure_id = waiting()
    theirs = ANALYST in {granter, second}
    digest = measure(measure_id).digest
    if theirs:
        with pytest.raises(MeasureRefused, match="GRANTED_BY_PROPOSER"):
            operations.approve_measure(actor=grantee, measure_id=measure_id, digest=digest, now=NOW)
    assert approve(measure_id, by=grantee.person_id) == (CHECK if theirs else "")


def _granted(granter: Actor, second: Actor) -> Actor:
    """An officer whose habilitation, at both instants of the tests, two supervisors signed."""
    for signer in (granter, second):
        person(Role.SUPERVISOR, person_id=signer.person_id)
    grantee = person()
    with connection.cursor() as cursor:
        cursor.execute(
            "WITH made AS (INSERT INTO accounts_habilitation (id, person_id, role, desk_id, act_reference,"
            " valid_from, valid_until, granted_by_id, granted_at, needs_approval)"
            " SELECT gen_random_uuid(), %s, 'MEASURES_OFFICER', 1, 'TEST', t - interval '180 days',"
            " t + interval '180 days', %s, t, true FROM (VALUES (now()), (%s)) AS x (t)"
            " RETURNING id, granted_by_id, granted_at) SELECT * FROM made",
            [grantee.person_id, granter.person_id, NOW],
        )
        made = cursor.fetchall()
        cursor.executemany(
            "INSERT INTO accounts_habilitation_approval"
            " (habilitation_id, granted_by_id, approved_at, approver_id) VALUES (%s, %s, %s, %s)",
            [(*row, second.person_id) for row in made],
        )
    return desk_actor(
        person_id=grantee.person_id,
        roles=frozenset({Role.MEASURES_OFFICER}),
        desks={1},
        motive="test",
    )


def test_the_roles_that_second_are_those_of_the_policy() -> None:
    found = {
        role.value
        for rule in POLICY.rules
        if "measure.approve" in rule.actions
        for role in rule.roles
    }
    assert found == {role.value for role in seconding._SECONDS}
    with connection.cursor() as cursor:
        cursor.execute("SELECT prosrc FROM pg_proc WHERE proname = 'measures_approver_in_office'")
        (source,) = cursor.fetchone()
    assert set(re.findall(r"'([A-Z_]+)'", source)) - {"check_violation"} == found


def test_a_measure_is_proposed_by_a_person_of_the_desk() -> None:
    of_the_desk = waiting()
    assert born(of_the_desk) == ""
    nobody = uuid4()
    assert born(of_the_desk, proposer_id=nobody, author_id=nobody) == FOREIGN_KEY
    for other in (OVERSEER.person_id, person(Role.ANALYST, desk=2).person_id):
        assert born(of_the_desk, proposer_id=other, author_id=other) == CHECK


def test_a_measure_is_born_a_blank_draft_of_its_proposer() -> None:
    of_the_desk = waiting()
    assert born(of_the_desk, state="SENT") == CHECK
    assert born(of_the_desk, approved_at=NOW) == CHECK
    assert born(of_the_desk, author_id=OFFICER.person_id) == CHECK


def test_the_host_is_the_one_that_the_bytes_name() -> None:
    measure_id = waiting()
    assert born(measure_id, host="elsewhere.example") == CHECK
    assert born(measure_id, request=b"no JSON") == CHECK
    assert step(measure_id, "amend", "TO_SECOND", "DRAFT", by=ANALYST.person_id) == ""
    for changed in ({"host": "elsewhere.example"}, {"revision": 9}, {"measure_id": str(uuid4())}):
        other = other_bytes(measure_id, **changed)
        assert sqlstate(CHANGE, [other, other, measure_id]) == CHECK


def test_what_a_measure_is_never_changes() -> None:
    measure_id = waiting()
    for column in ("proposer_id", "report_id", "decision_id", "id"):
        statement = f"UPDATE measures_measure SET {column} = %s WHERE id = %s"
        assert sqlstate(statement, [uuid4(), measure_id]) == PRIVILEGE
    for column in ("desk_id = 9", "host = 'x'", "kind = 'BLOCKING'"):
        statement = f"UPDATE measures_measure SET {column} WHERE id = %s"
        assert sqlstate(statement, [measure_id]) == PRIVILEGE
    assert sqlstate("DELETE FROM measures_measure WHERE id = %s", [measure_id]) == PRIVILEGE


@pytest.mark.parametrize(
    "column", ["state", "submitted_at", "approved_at", "sent_at", "received_at", "executed_at"]
)
def test_no_state_and_no_instant_is_written_by_hand(column: str) -> None:
    measure_id = seconded(waiting())
    statement = f"UPDATE measures_measure SET {column} = {column} WHERE id = %s"
    assert sqlstate(statement, [measure_id]) == PRIVILEGE


def test_steps_are_those_of_the_table() -> None:
    """The database takes the moves of the program's table, and no other."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conname = 'measures_step_move'"
        )
        (definition,) = cursor.fetchone()
    found = set(
        re.findall(
            r"move = '(\w+)'::text\) AND \(source = '(\w+)'::text\) AND \(target = '(\w+)'",
            definition,
        )
    )
    assert found == {
        (move.name, source.value, move.target.value)
        for move in MEASURE_STATES.transitions
        for source in move.sources
    }


def test_a_step_leaves_the_present_state_by_whoever_may() -> None:
    measure_id = waiting()
    assert step(measure_id, "send", "APPROVED", "SENT") == CHECK, "it is not approved"
    assert step(measure_id, "send", "TO_SECOND", "SENT") == CHECK, "no such move"
    assert step(measure_id, "approve", "TO_SECOND", "APPROVED") == CHECK, "nobody signed"
    assert approve(measure_id) == ""
    other = person(Role.MEASURES_OFFICER).person_id
    assert step(measure_id, "approve", "TO_SECOND", "APPROVED", by=other) == CHECK, "another signed"
    assert step(measure_id, "approve", "TO_SECOND", "APPROVED") == ""
    for nobody in (uuid4(), OVERSEER.person_id, ANALYST.person_id):
        assert step(measure_id, "send", "APPROVED", "SENT", by=nobody) == CHECK
    assert step(measure_id, "send", "APPROVED", "SENT") == ""
    found = measure(measure_id)
    assert found.state is MeasureState.SENT
    assert found.sent_at is not None


def test_every_order_of_the_four_acts() -> None:
    """Approve, change the bytes, submit, send: sent only when approved after the last change."""
    for order in itertools.permutations(("approve", "change", "submit", "send")):
        measure_id, state = waiting(), "TO_SECOND"
        if measure(measure_id).state is MeasureState.DRAFT:  # others stand on the same address
            assert step(measure_id, "submit", "DRAFT", state, by=ANALYST.person_id) == ""
        for act in order:
            if act == "approve":
                taken = approve(measure_id) == ""
                assert taken is (state == "TO_SECOND"), order
                if taken:
                    assert step(measure_id, "approve", "TO_SECOND", "APPROVED") == ""
                    state = "APPROVED"
            elif act == "change":
                answer = change(measure_id, source=state)
                assert (answer == "") is (state != "SENT"), order
                state = state if answer else "DRAFT"
            elif act == "submit":
                answer = step(measure_id, "submit", "DRAFT", "TO_SECOND", by=ANALYST.person_id)
                assert (answer == "") is (state == "DRAFT"), order
                state = state if answer else "TO_SECOND"
            else:
                answer = step(measure_id, "send", "APPROVED", "SENT")
                assert (answer == "") is (state == "APPROVED"), order
                state = state if answer else "SENT"


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE measures_approval SET approver_id = gen_random_uuid()",
        "DELETE FROM measures_approval",
        "TRUNCATE measures_approval",
        "UPDATE measures_step SET actor_id = gen_random_uuid()",
        "DELETE FROM measures_step",
        "TRUNCATE measures_measure CASCADE",
    ],
)
def test_history_is_append_only(statement: str) -> None:
    seconded(waiting())
    assert sqlstate(statement, []) == PRIVILEGE


def test_digest_is_that_of_the_bytes() -> None:
    measure_id = waiting()
    assert step(measure_id, "amend", "TO_SECOND", "DRAFT", by=ANALYST.person_id) == ""
    statement = CHANGE.replace("sha256(%s)", "%s")
    assert sqlstate(statement, [other_bytes(measure_id), b"0" * 32, measure_id]) == CHECK


def test_approval_of_other_bytes_is_refused() -> None:
    measure_id = waiting()
    statement = (
        "INSERT INTO measures_approval (measure_id, revision, verdict, digest, proposer_id,"
        " approver_id, at) VALUES (%s, 1, 'APPROVED', %s, %s, %s, now())"
    )
    values = [measure_id, b"1" * 32, ANALYST.person_id, OFFICER.person_id]
    assert sqlstate(statement, values) == CHECK


def test_operations_refuse_the_proposer_whatever_their_roles() -> None:
    everything = person(Role.ANALYST, Role.SUPERVISOR, Role.MEASURES_OFFICER)
    (measure_id,) = decide(author=everything).measure_ids
    digest = measure(measure_id, everything).digest
    with pytest.raises(Refused):
        operations.approve_measure(actor=everything, measure_id=measure_id, digest=digest, now=NOW)
    with pytest.raises(Refused):
        operations.approve_measure(actor=ANALYST, measure_id=measure_id, digest=digest, now=NOW)
    elsewhere = person(Role.MEASURES_OFFICER, desk=2)
    with pytest.raises(Refused):
        operations.approve_measure(actor=elsewhere, measure_id=measure_id, digest=digest, now=NOW)


def test_who_changed_the_bytes_may_not_second_them() -> None:
    """An officer who amends becomes the author: neither the operation nor the database lets them approve."""
    measure_id = waiting()
    amend(measure_id, OFFICER)
    operations.submit_measure(actor=OFFICER, measure_id=measure_id, now=NOW)
    digest = measure(measure_id).digest
    with pytest.raises(MeasureRefused, match="OWN_BYTES"):
        operations.approve_measure(actor=OFFICER, measure_id=measure_id, digest=digest, now=NOW)
    assert approve(measure_id) == CHECK
    another = person(Role.MEASURES_OFFICER)
    operations.approve_measure(actor=another, measure_id=measure_id, digest=digest, now=NOW)
    assert measure(measure_id).state is MeasureState.APPROVED


def amend(measure_id: UUID, actor: object = ANALYST, **values: object) -> int:
    fields: dict[str, object] = {
        "addressee": Addressee(name="Other Ltd", contact="abuse@other.example"),
        "targets": ["https://pictures.example/a"],
        "non_disclosure": False,
    }
    return operations.amend_measure(
        actor=actor, measure_id=measure_id, now=NOW, **(fields | values)
    )


def test_any_change_voids_the_approval() -> None:
    measure_id = waiting()
    before = measure(measure_id)
    operations.approve_measure(actor=OFFICER, measure_id=measure_id, digest=before.digest, now=NOW)
    assert amend(measure_id) == 2
    after = measure(measure_id)
    assert after.state is MeasureState.DRAFT
    assert after.approved_at is None
    operations.submit_measure(actor=ANALYST, measure_id=measure_id, now=NOW)
    with pytest.raises(MeasureRefused, match="BYTES_CHANGED"):
        operations.approve_measure(
            actor=OFFICER, measure_id=measure_id, digest=before.digest, now=NOW
        )
    operations.approve_measure(actor=OFFICER, measure_id=measure_id, digest=after.digest, now=NOW)


def test_refusal_comes_back_to_the_proposer_and_needs_a_reason() -> None:
    measure_id = waiting()
    digest = measure(measure_id).digest
    with pytest.raises(MeasureRefused, match="NO_REASON"):
        operations.refuse_measure(
            actor=OFFICER, measure_id=measure_id, digest=digest, reason=" ", now=NOW
        )
    operations.refuse_measure(
        actor=OFFICER, measure_id=measure_id, digest=digest, reason="wrong host", now=NOW
    )
    assert measure(measure_id).state is MeasureState.DRAFT
    found = queries.get_measure(actor=ANALYST, measure_id=measure_id)
    assert found is not None
    assert [a.reason for a in found.approvals] == ["wrong host"]
    # The refused revision cannot be approved by sending it again: it must change.
    with pytest.raises(MeasureRefused, match="ALREADY_JUDGED"):
        operations.submit_measure(actor=ANALYST, measure_id=measure_id, now=NOW)


def test_amending_only_narrows() -> None:
    measure_id = waiting()
    with pytest.raises(MeasureRefused, match="FOREIGN_TARGET"):
        amend(measure_id, targets=["https://elsewhere.example/"])
    with pytest.raises(MeasureRefused, match="NO_TARGET"):
        amend(measure_id, targets=[])


def test_the_case_follows_its_measures() -> None:
    measure_id = waiting()
    view = {"filters": QueueFilter(), "now": NOW, "actor": ANALYST}
    assert len(orient_queries.list_queue(view=QueueView.TO_SECOND, **view).cases) == 1
    digest = measure(measure_id).digest
    operations.approve_measure(actor=OFFICER, measure_id=measure_id, digest=digest, now=NOW)
    assert orient_queries.list_queue(view=QueueView.TO_SECOND, **view).cases == ()
    assert len(orient_queries.list_queue(view=QueueView.DECIDED, **view).cases) == 1


def test_without_addressee_it_stays_a_draft() -> None:
    (measure_id,) = decide(addressee=None).measure_ids
    assert measure(measure_id).state is MeasureState.DRAFT
    with pytest.raises(MeasureRefused, match="ADDRESSEE_INCOMPLETE"):
        operations.submit_measure(actor=ANALYST, measure_id=measure_id, now=NOW)
    amend(measure_id, addressee=ADDRESSEE)
    operations.submit_measure(actor=ANALYST, measure_id=measure_id, now=NOW)
    assert measure(measure_id).state is MeasureState.TO_SECOND
