"""The two-person rule, held by PostgreSQL itself: raw SQL as the app role, in every order."""

import itertools
from uuid import UUID, uuid4

import pytest
from django.db import connection

from fanal.accounts.domain.policy import POLICY, Refused
from fanal.casework.domain.records import Addressee
from fanal.kernel.actors import Actor, Role
from fanal.kernel.refusal import Refusal
from fanal.measures import queries
from fanal.measures.addressees.acts import confirm_entry, write_entry
from fanal.measures.addressees.records import Field, NewEntry
from fanal.measures.domain.records import MEASURE_STATES, MeasureState
from fanal.measures.operations import drafts as operations
from fanal.orient.domain.records import QueueFilter, QueueView
from fanal.orient.queue.queries import list_queue
from tests.actors import desk_actor
from tests.integration.measures.raw import (
    APPROVE,
    CHECK,
    PRIVILEGE,
    RESTRICT,
    REVISION,
    approve,
    born,
    change,
    other_bytes,
    revise,
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
GENERATED = "428C9"
"""generated_always: the column is PostgreSQL's own."""


def waiting() -> UUID:
    """A measure that waits for its second person."""
    (measure_id,) = decide().opened["measure"]
    return measure_id


def test_the_role_under_test_is_the_app() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_user")
        assert cursor.fetchone() == ("fanal_app",)


def test_self_approval_is_refused() -> None:
    assert approve(waiting(), by=ANALYST.person_id) == CHECK


def test_a_forged_proposer_is_refused() -> None:
    """Who proposed stands in the act alone, and is nobody's to change: an approval names no proposer."""
    measure_id = waiting()
    for forged in (uuid4(), OFFICER.person_id):
        statement = "UPDATE casework_act SET author_id = %s WHERE id = %s"
        assert sqlstate(statement, [forged, measure_id]) == PRIVILEGE
        statement = "UPDATE casework_document SET author_id = %s WHERE act_id = %s"
        assert sqlstate(statement, [forged, measure_id]) == PRIVILEGE
    assert approve(measure_id, by=ANALYST.person_id) == CHECK


def test_no_bytes_are_the_second_where_none_were_the_first() -> None:
    """Of a measure whose first bytes nobody read, the host would be compared with nothing."""
    measure_id = waiting()
    assert born(measure_id, first=2) == CHECK
    assert born(measure_id) == ""


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
        cursor.execute("CREATE TEMPORARY TABLE casework_act ON COMMIT DROP AS TABLE casework_act")
        cursor.execute("UPDATE pg_temp.casework_act SET desk_id = 2")
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
    assert sqlstate(backdated, [officer.person_id, measure_id]) == CHECK


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
        with pytest.raises(Refusal, match="GRANTED_BY_PROPOSER"):
            operations.approve_measure(actor=grantee, measure_id=measure_id, digest=digest, now=NOW)
    assert approve(measure_id, by=grantee.person_id) == (CHECK if theirs else "")


def test_nobody_confirms_an_addressee_of_who_granted_their_role() -> None:
    grantee = _granted(OFFICER, SUPERVISOR)
    stated = {
        Field.KIND: ("HOST",),
        Field.NAME: ("Example Host",),
        Field.CONTACT_POINT: ("a@host.example",),
    }
    asked = NewEntry(values=stated, source="Notice", dated_on=NOW.date())
    entry_id = write_entry(actor=OFFICER, entry=asked, now=NOW)
    with pytest.raises(Refusal, match="GRANTED_BY_PROPOSER"):
        confirm_entry(actor=grantee, addressee_id=entry_id, version=1, now=NOW)
    confirm = (
        "INSERT INTO measures_addressee_second (addressee_id, version, second_id, seconded_at)"
        " VALUES (%s, 1, %s, now())"
    )
    assert sqlstate(confirm, [entry_id, grantee.person_id]) == CHECK
    other = _granted(SUPERVISOR, ANALYST)
    assert sqlstate(confirm, [entry_id, other.person_id]) == ""


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
    wanted = {
        role.value
        for rule in POLICY.rules
        if "measure.approve" in rule.actions
        for role in rule.roles
    }
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT roles FROM casework_transition"
            " WHERE kind = 'measure' AND name IN ('approve', 'refuse')"
        )
        found = [set(roles) for (roles,) in cursor.fetchall()]
    assert found == [wanted, wanted]


def test_a_measure_is_proposed_by_a_person_of_the_desk() -> None:
    of_the_desk = waiting()
    assert born(of_the_desk) == ""
    nobody = uuid4()
    assert born(of_the_desk, author_id=nobody) == CHECK
    for other in (OVERSEER.person_id, person(Role.ANALYST, desk=2).person_id):
        assert born(of_the_desk, author_id=other) == CHECK


def test_a_measure_is_born_a_blank_draft_of_its_proposer() -> None:
    of_the_desk = waiting()
    assert born(of_the_desk, state="SENT") == CHECK
    assert born(of_the_desk, sent_at=NOW) == CHECK
    assert born(of_the_desk, revision=2) == CHECK
    assert born(of_the_desk) == ""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT num_nonnulls(submitted_at, approved_at, sent_at, received_at, executed_at)"
            " FROM measures_request ORDER BY created_at DESC LIMIT 1"
        )
        assert cursor.fetchone() == (0,)


def test_an_act_without_bytes_breaks_no_list_and_goes_nowhere() -> None:
    measure_id, made = waiting(), uuid4()
    report_id = measure(measure_id).report_id
    statement = (
        "INSERT INTO casework_act (id, kind, desk_id, subject_id, report_ids, decision_id, state, addressee,"
        " basis, level, author_id, created_at) SELECT %s, kind, desk_id, subject_id, report_ids, decision_id,"
        " 'DRAFT', addressee, basis, level, author_id, now() FROM casework_act WHERE id = %s"
    )
    assert sqlstate(statement, [made, measure_id]) == ""
    listed = queries.measures_of(actor=ANALYST, report_ids=[report_id])[report_id]
    assert [(one.id, one.request.targets) for one in listed if one.id == made] == [(made, ())]
    with pytest.raises(Refusal, match="EXPIRED"):
        operations.submit_measure(actor=ANALYST, measure_id=made, now=NOW)
    assert step(made, "send", "APPROVED", "SENT") == CHECK


def test_the_first_bytes_are_the_proposer_s() -> None:
    """Somebody else's would leave nobody who may approve but the proposer."""
    measure_id, written = waiting(), REVISION.replace("%s, %s, %s, %s", "%s, 1, %s, %s")
    assert sqlstate(written, [measure_id, other_bytes(measure_id), OFFICER.person_id]) == CHECK


def test_the_host_is_the_one_that_the_bytes_name() -> None:
    measure_id = waiting()
    statement = "SELECT host FROM measures_request WHERE act_id = %s"
    with connection.cursor() as cursor:
        cursor.execute(statement, [measure_id])
        assert cursor.fetchone() == (measure(measure_id).request.host,)
    assert born(measure_id, content=b"no JSON") == CHECK
    assert born(measure_id, content=other_bytes(measure_id)) == CHECK, "another one's"
    for changed in ({"host": "elsewhere.example"}, {"revision": 9}, {"measure_id": str(uuid4())}):
        assert revise(measure_id, other_bytes(measure_id, **changed)) == CHECK
    assert revise(measure_id, other_bytes(measure_id)) == ""


def test_what_a_measure_is_never_changes() -> None:
    measure_id = waiting()
    for column in ("author_id", "subject_id", "decision_id"):
        statement = f"UPDATE casework_act SET {column} = %s WHERE id = %s"
        assert sqlstate(statement, [uuid4(), measure_id]) == PRIVILEGE
    assert (
        sqlstate("UPDATE casework_act SET id = %s WHERE id = %s", [uuid4(), measure_id]) == RESTRICT
    )
    for statement in (
        "UPDATE casework_act SET desk_id = 9 WHERE id = %s",
        "UPDATE casework_act SET kind = 'notice' WHERE id = %s",
        "UPDATE measures_request SET host = 'x' WHERE act_id = %s",
        "UPDATE measures_request SET kind = 'BLOCKING' WHERE act_id = %s",
        "UPDATE measures_request SET author_id = gen_random_uuid() WHERE act_id = %s",
        "DELETE FROM measures_request WHERE act_id = %s",
        "DELETE FROM casework_act WHERE id = %s",
    ):
        assert sqlstate(statement, [measure_id]) == PRIVILEGE


@pytest.mark.parametrize(
    "column", ["submitted_at", "approved_at", "sent_at", "received_at", "executed_at"]
)
def test_no_state_and_no_instant_is_written_by_hand(column: str) -> None:
    measure_id = seconded(waiting())
    statement = f"UPDATE measures_request SET {column} = {column} WHERE act_id = %s"
    assert sqlstate(statement, [measure_id]) == PRIVILEGE
    for kept in ("state", "sent_at"):
        statement = f"UPDATE casework_act SET {kept} = {kept} WHERE id = %s"
        assert sqlstate(statement, [measure_id]) == PRIVILEGE


def test_steps_are_those_of_the_table() -> None:
    """The database takes the moves of the program's table, and no other."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT name, source, target FROM casework_transition WHERE kind = 'measure'"
        )
        found = set(cursor.fetchall())
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
        "UPDATE casework_approval SET approver_id = gen_random_uuid()",
        "DELETE FROM casework_approval",
        "TRUNCATE casework_approval",
        "UPDATE casework_step SET actor_id = gen_random_uuid()",
        "DELETE FROM casework_step",
        "TRUNCATE casework_act CASCADE",
        "TRUNCATE measures_request CASCADE",
    ],
)
def test_history_is_append_only(statement: str) -> None:
    seconded(waiting())
    assert sqlstate(statement, []) == PRIVILEGE


def test_digest_is_that_of_the_bytes() -> None:
    """PostgreSQL makes it: nobody writes another."""
    measure_id = waiting()
    statement = REVISION.replace("written_at)", "written_at, digest)").replace("now()", "now(), %s")
    values = [measure_id, 2, other_bytes(measure_id), ANALYST.person_id, b"0" * 32]
    assert sqlstate(statement, values) == GENERATED


def test_approval_of_other_bytes_is_refused() -> None:
    measure_id = waiting()
    statement = APPROVE.replace("digest,", "%s,", 2).replace("%s,", "digest,", 1)
    values = [b"1" * 32, OFFICER.person_id, measure_id]
    assert sqlstate(statement, values) == CHECK


def test_operations_refuse_the_proposer_whatever_their_roles() -> None:
    everything = person(Role.ANALYST, Role.SUPERVISOR, Role.MEASURES_OFFICER)
    (measure_id,) = decide(author=everything).opened["measure"]
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
    with pytest.raises(Refusal, match="OWN_BYTES"):
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
    with pytest.raises(Refusal, match="BYTES_CHANGED"):
        operations.approve_measure(
            actor=OFFICER, measure_id=measure_id, digest=before.digest, now=NOW
        )
    operations.approve_measure(actor=OFFICER, measure_id=measure_id, digest=after.digest, now=NOW)


def test_refusal_comes_back_to_the_proposer_and_needs_a_reason() -> None:
    measure_id = waiting()
    digest = measure(measure_id).digest
    with pytest.raises(Refusal, match="NO_REASON"):
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
    with pytest.raises(Refusal, match="ALREADY_JUDGED"):
        operations.submit_measure(actor=ANALYST, measure_id=measure_id, now=NOW)


def test_amending_only_narrows() -> None:
    measure_id = waiting()
    with pytest.raises(Refusal, match="FOREIGN_TARGET"):
        amend(measure_id, targets=["https://elsewhere.example/"])
    with pytest.raises(Refusal, match="NO_TARGET"):
        amend(measure_id, targets=[])


def test_the_case_follows_its_measures() -> None:
    measure_id = waiting()
    view = {"filters": QueueFilter(), "now": NOW, "actor": ANALYST}
    assert len(list_queue(view=QueueView.TO_SECOND, **view).cases) == 1
    digest = measure(measure_id).digest
    operations.approve_measure(actor=OFFICER, measure_id=measure_id, digest=digest, now=NOW)
    assert list_queue(view=QueueView.TO_SECOND, **view).cases == ()
    assert len(list_queue(view=QueueView.DECIDED, **view).cases) == 1


def test_without_addressee_it_stays_a_draft() -> None:
    (measure_id,) = decide(addressee=None).opened["measure"]
    assert measure(measure_id).state is MeasureState.DRAFT
    with pytest.raises(Refusal, match="ADDRESSEE_INCOMPLETE"):
        operations.submit_measure(actor=ANALYST, measure_id=measure_id, now=NOW)
    amend(measure_id, addressee=ADDRESSEE)
    operations.submit_measure(actor=ANALYST, measure_id=measure_id, now=NOW)
    assert measure(measure_id).state is MeasureState.TO_SECOND
