"""The two-person rule, held by PostgreSQL itself: raw SQL as the app role, in every order."""

import hashlib
import itertools
from uuid import UUID, uuid4

import pytest
from django.db import connection

from fanal.accounts.domain.policy import Refused
from fanal.kernel.actors import Role
from fanal.measures import operations, queries
from fanal.measures.domain.drafting import MeasureRefused
from fanal.measures.domain.records import Addressee
from fanal.measures.domain.states import NEEDS_APPROVAL, MeasureState
from fanal.orient import queries as orient_queries
from fanal.orient.domain.records import QueueFilter, QueueView
from tests.integration.measures.stories import ADDRESSEE, ANALYST, OFFICER, decide, measure
from tests.integration.orient.people import person
from tests.refusals import is_refused
from tests.unit.orient.items import NOW


def waiting() -> UUID:
    """A measure that waits for its second person."""
    (measure_id,) = decide().measure_ids
    return measure_id


APPROVE = (
    "INSERT INTO measures_approval (measure_id, revision, verdict, digest, proposer_id, approver_id, at)"
    " SELECT id, revision, 'APPROVED', digest, %s, %s, now() FROM measures_measure WHERE id = %s"
)
STATE = "UPDATE measures_measure SET state = %s, approved_at = now(), sent_at = now() WHERE id = %s"


def test_the_role_under_test_is_the_app() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_user")
        assert cursor.fetchone() == ("fanal_app",)


def test_self_approval_is_refused() -> None:
    measure_id = waiting()
    proposer = ANALYST.person_id
    assert is_refused(APPROVE, [proposer, proposer, measure_id])


def test_a_forged_proposer_is_refused() -> None:
    """The proposer approves and names somebody else as proposer."""
    assert is_refused(APPROVE, [uuid4(), ANALYST.person_id, waiting()])


def test_the_proposer_never_changes() -> None:
    measure_id = waiting()
    for column in ("proposer_id", "report_id", "decision_id", "id"):
        assert is_refused(
            f"UPDATE measures_measure SET {column} = %s WHERE id = %s", [uuid4(), measure_id]
        )
    assert is_refused("UPDATE measures_measure SET desk_id = 9 WHERE id = %s", [measure_id])
    assert is_refused("DELETE FROM measures_measure WHERE id = %s", [measure_id])


@pytest.mark.parametrize("state", sorted(NEEDS_APPROVAL))
def test_no_state_beyond_without_approval(state: MeasureState) -> None:
    assert is_refused(
        "UPDATE measures_measure SET state = %s, approved_at = now(), sent_at = now(),"
        " received_at = now(), executed_at = now() WHERE id = %s",
        [state, waiting()],
    )


def test_a_measure_is_born_a_draft() -> None:
    measure_id = waiting()
    assert is_refused(
        "INSERT INTO measures_measure (id, desk_id, report_id, decision_id, kind, host, state, level,"
        " request, digest, proposer_id, author_id, created_at, approved_at, sent_at)"
        " SELECT gen_random_uuid(), desk_id, report_id, decision_id, kind, host, 'SENT', level, request,"
        " digest, proposer_id, author_id, now(), now(), now() FROM measures_measure WHERE id = %s",
        [measure_id],
    )


def test_another_person_may_and_then_it_can_be_sent() -> None:
    measure_id = waiting()
    assert not is_refused(APPROVE, [ANALYST.person_id, OFFICER.person_id, measure_id])
    assert not is_refused(STATE, ["SENT", measure_id])


def test_every_order_of_the_three_acts() -> None:
    """Approve, change the bytes, send: sent only when approved after the last change."""
    other = b"other bytes"
    acts: dict[str, tuple[str, list[object]]] = {
        "approve": (APPROVE, [ANALYST.person_id, OFFICER.person_id]),
        "change": (
            (
                "UPDATE measures_measure SET request = %s, digest = %s, revision = revision + 1,"
                " state = 'DRAFT' WHERE id = %s"
            ),
            [other, hashlib.sha256(other).digest()],
        ),
        "submit": ("UPDATE measures_measure SET state = 'TO_SECOND' WHERE id = %s", []),
        "send": (STATE, ["SENT"]),
    }
    for order in itertools.permutations(acts):
        measure_id = waiting()
        approved = False
        pending = True
        for act in order:
            statement, values = acts[act]
            no = is_refused(statement, [*values, measure_id])
            if act == "change":
                approved, pending = (False, False) if not no else (approved, pending)
            elif act == "submit":
                pending = pending or not no
            elif act == "approve":
                assert no is (not pending)
                approved = approved or not no
            else:
                assert no is (not approved), order


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
    measure_id = waiting()
    digest = measure(measure_id).digest
    operations.approve_measure(actor=OFFICER, measure_id=measure_id, digest=digest, now=NOW)
    assert is_refused(statement, [])


def test_digest_is_that_of_the_bytes() -> None:
    assert is_refused(
        "UPDATE measures_measure SET digest = %s, revision = revision + 1, state = 'DRAFT'"
        " WHERE id = %s",
        [b"0" * 32, waiting()],
    )


def test_approval_of_other_bytes_is_refused() -> None:
    measure_id = waiting()
    assert is_refused(
        "INSERT INTO measures_approval (measure_id, revision, verdict, digest, proposer_id,"
        " approver_id, at) VALUES (%s, 1, 'APPROVED', %s, %s, %s, now())",
        [measure_id, b"1" * 32, ANALYST.person_id, OFFICER.person_id],
    )


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
    assert is_refused(APPROVE, [ANALYST.person_id, OFFICER.person_id, measure_id])
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
