"""What the role of a public node may ask and do: raw SQL as `fanal_intake`, as one that was taken over sends it."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from uuid import UUID

import psycopg
import pytest
from psycopg import errors

from fanal.accounts.models import PartnerCredential
from fanal.accounts.operations.partners import revoke_credential
from fanal.intake.domain import receipt
from fanal.intake.domain.keys import key_digest
from fanal.intake.domain.records import Arrival, KeyKind, Submission
from fanal.intake.operations.lifecycle import finish_report
from fanal.intake.operations.receive import receive_reports
from fanal.intake.queries.envelopes import get_reports, list_messages
from fanal.kernel.actors import Actor, public_actor
from fanal.kernel.ids import new_id
from tests.integration.intake.node_role import PUBLIC, SYSTEM, present, program

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("installed_keys"),
]
Connect = Callable[[str], psycopg.Connection[tuple[object, ...]]]
Make = Callable[..., Submission]


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT report_id FROM intake_key",
        "SELECT digest FROM intake_key",
        "SELECT report_id FROM intake_wire",
        "SELECT report_id FROM intake_upload",
        "SELECT report_id, signed FROM intake_receipt",
        "SELECT id FROM intake_report",
        "SELECT report_id FROM intake_message",
        "UPDATE intake_upload SET details_id = NULL",
        "UPDATE intake_report SET state = 'RETRACTED'",
        "DELETE FROM intake_work",
    ],
)
def test_it_lists_and_changes_nothing(node, statement: str) -> None:
    with pytest.raises(errors.InsufficientPrivilege):
        node.execute(statement)


@pytest.mark.parametrize("sender", [None, PUBLIC])
@pytest.mark.parametrize(
    "call",
    [
        "intake_hold_state(%(report)s, %(sender)s)",
        "intake_move(%(report)s, %(sender)s, 'OPEN', 'RETRACTED', now())",
        "intake_enqueue(%(report)s, %(sender)s)",
        "intake_withdraw_work(%(report)s, %(sender)s)",
        "intake_by_wire(1000001, %(sender)s)",
        "intake_file_ids(%(report)s, %(sender)s)",
        "intake_describe(%(report)s, %(sender)s, 'x', %(report)s)",
        "orient_state_of(%(report)s, %(sender)s)",
        "orient_withdraw(%(report)s, %(sender)s)",
    ],
)
def test_without_a_sender_it_is_answered_nothing(
    node, sent: tuple[Actor, UUID], call: str, sender: UUID | None
) -> None:
    present(node, sent[0])
    with pytest.raises(errors.InsufficientPrivilege, match="names the sender"):
        node.execute(f"SELECT {call}", {"report": sent[1], "sender": sender})


def test_everybodys_statuses_are_the_systems(node, sent: tuple[Actor, UUID]) -> None:
    actor, report_id = sent
    ask = "SELECT id FROM intake_statuses(%s, %s)"
    with pytest.raises(errors.InsufficientPrivilege):
        node.execute(ask, [[report_id], None])
    for sender in (new_id(datetime.now(UTC)), actor.partner_id):
        with pytest.raises(errors.InsufficientPrivilege, match="names the sender"):
            node.execute(ask, [[report_id], sender])
    present(node, actor)
    assert node.execute(ask, [[report_id], actor.partner_id]).fetchall() == [(report_id,)]
    assert node.execute(ask, [[report_id], PUBLIC]).fetchall() == []


@pytest.mark.parametrize(
    "call",
    [
        "intake_hold_state(%(report)s, %(sender)s)",
        "intake_move(%(report)s, %(sender)s, 'OPEN', 'RETRACTED', now())",
        "intake_by_wire(1000001, %(sender)s)",
        "intake_known(ARRAY[%(sender)s]::uuid[], '{REFERENCE}', ARRAY['\\x00']::bytea[])",
        "intake_statuses(ARRAY[%(report)s]::uuid[], %(sender)s)",
        "intake_describe(%(report)s, %(sender)s, 'x', %(report)s)",
        "orient_state_of(%(report)s, %(sender)s)",
        "orient_withdraw(%(report)s, %(sender)s)",
        "orient_newest_feedback(%(sender)s, %(report)s, now(), 9)",
        "orient_feedback_for(%(sender)s, NULL, %(report)s, now(), 9)",
    ],
)
@pytest.mark.parametrize("shown", [None, "other", "revoked"])
def test_a_sender_is_spoken_for_by_its_own_secret_alone(
    node, sent: tuple[Actor, UUID], call: str, shown: str | None
) -> None:
    """Whoever learnt an organisation's id has not its reports."""
    actor, report_id = sent
    if shown == "other":
        present(node, program("other"))
    if shown == "revoked":
        present(node, actor)
        revoke_credential(actor=SYSTEM, login="house", now=datetime.now(UTC))
    with pytest.raises(errors.InsufficientPrivilege, match="names the sender"):
        node.execute(f"SELECT {call}", {"report": report_id, "sender": actor.partner_id})


ASKED_BY_SENDER = """
    SELECT p.oid::regprocedure::text FROM pg_proc p
    WHERE p.pronamespace = 'public'::regnamespace AND has_function_privilege('fanal_intake', p.oid, 'EXECUTE')
      AND EXISTS (SELECT FROM unnest(p.proargnames[1:p.pronargs]) AS a (name)
                  WHERE a.name IN ('sender', 'senders'))
"""


def test_every_function_that_takes_a_sender_asks_for_its_secret(
    node, as_role: Connect, sent: tuple[Actor, UUID]
) -> None:
    """Walk the catalogue, so that the next function is bound too."""
    found = [str(name) for (name,) in as_role("owner").execute(ASKED_BY_SENDER).fetchall()]
    assert any(name.startswith("intake_known(") for name in found)
    for name in found:
        of, _, types = name.removesuffix(")").partition("(")
        values = ", ".join(
            f"'{{{sent[0].partner_id}}}'::uuid[]"
            if kind == "uuid[]"
            else f"'{sent[0].partner_id}'::uuid"
            if kind == "uuid"
            else f"NULL::{kind}"
            for kind in types.split(",")
        )
        if of == "intake_move":  # asks first which move it is
            values = values.replace("NULL::text", "'OPEN'")
        with pytest.raises(errors.InsufficientPrivilege, match="names the sender"):
            node.execute(f"SELECT {of}({values})")


def test_nothing_is_added_to_the_report_of_another(node, sent: tuple[Actor, UUID]) -> None:
    """Files and keys come with a deposit of one's own, or while the report is open."""
    actor, report_id = sent
    file = (
        "INSERT INTO intake_upload (report_id, file_id, position, object_id, name, size, md5, sha1,"
        " sha256) VALUES (%s, %s, 1, %s, 'n', 1, '\\x00', '\\x00', '\\x00')"
    )
    key = (
        "INSERT INTO intake_key (sender_id, kind, digest, fingerprint, report_id)"
        " VALUES (%s, 'REFERENCE', %s, '\\x00', %s)"
    )
    other = program("other")
    present(node, other)
    with pytest.raises(errors.InsufficientPrivilege):
        node.execute(file, [report_id, "f1", report_id])
    for sender in (other.partner_id, actor.partner_id):
        with pytest.raises(errors.InsufficientPrivilege):
            node.execute(key, [sender, bytes(32), report_id])
    finish_report(actor=actor, report_id=report_id, now=datetime.now(UTC))
    present(node, actor)
    with pytest.raises(errors.InsufficientPrivilege, match="adds to what it deposits"):
        node.execute(file, [report_id, "f2", report_id])
    with pytest.raises(errors.InsufficientPrivilege, match="adds to what it deposits"):
        node.execute(key, [actor.partner_id, bytes(32), report_id])


def test_use_is_counted_for_the_credential_that_is_shown(node, sent: tuple[Actor, UUID]) -> None:
    actor, _ = sent
    count = "SELECT accounts_count_use(%s, date_trunc('minute', now() + %s))"
    credential = PartnerCredential.objects.get(login="house").id
    with pytest.raises(errors.InsufficientPrivilege):
        node.execute(count, [credential, timedelta(0)])
    present(node, actor)
    assert node.execute(count, [credential, timedelta(0)]).fetchone() == (1,)
    assert node.execute(count, [credential, timedelta(0)]).fetchone() == (2,)
    with pytest.raises(errors.InsufficientPrivilege):
        node.execute(count, [credential, timedelta(days=400)])
    with pytest.raises(errors.InsufficientPrivilege), node.transaction():
        node.execute("LOCK TABLE accounts_partnerusage")


def test_it_takes_no_locks_that_others_would_miss(node) -> None:
    """Advisory locks lie in memory that all sessions share."""
    for call in (
        "pg_advisory_lock(1)", "pg_advisory_lock(1, 1)", "pg_try_advisory_lock(1)",
        "pg_advisory_xact_lock_shared(1)", "pg_try_advisory_xact_lock(1, 1)", "pg_advisory_unlock_all()",
    ):  # fmt: skip
        with pytest.raises(errors.InsufficientPrivilege, match="permission denied for function"):
            node.execute(f"SELECT {call}")
    lock = (
        "SELECT intake_lock_keys(%s,"
        " ARRAY(SELECT sha256(n::text::bytea) FROM generate_series(%s::int, %s) n))"
    )
    with node.transaction():
        assert node.execute(lock, [PUBLIC, 1, 16]).fetchone() == (True,)
        with pytest.raises(errors.InsufficientPrivilege), node.transaction():
            node.execute(lock, [PUBLIC, 17, 17])
    assert node.execute(lock, [PUBLIC, 17, 17]).fetchone() == (True,)


def test_another_senders_report_is_neither_moved_nor_withdrawn(
    node, sent: tuple[Actor, UUID]
) -> None:
    actor, report_id = sent
    stranger = program("other")
    other = stranger.partner_id
    present(node, stranger)
    move = "SELECT intake_move(%s, %s, 'OPEN', 'RETRACTED', now())"
    assert node.execute(move, [report_id, other]).fetchone() == (False,)
    number = get_reports(actor=SYSTEM, report_ids=[report_id])[report_id].wire_id
    by_wire = "SELECT intake_by_wire(%s, %s)"
    assert node.execute(by_wire, [number, other]).fetchone() == (None,)
    for call in ("orient_withdraw", "intake_file_ids"):
        (answer,) = node.execute(f"SELECT {call}(%s, %s)", [report_id, other]).fetchone() or (None,)
        assert not answer
    finish_report(actor=actor, report_id=report_id, now=datetime.now(UTC))
    assert node.execute("SELECT orient_state_of(%s, %s)", [report_id, other]).fetchone() == (None,)
    present(node, actor)
    assert node.execute(by_wire, [number, actor.partner_id]).fetchone() == (report_id,)


def test_a_key_is_found_by_its_digest_alone(node, sent: tuple[Actor, UUID]) -> None:
    actor, report_id = sent
    assert actor.partner_id is not None
    digest = key_digest(sender_id=actor.partner_id, kind=KeyKind.REFERENCE, key="A-1")
    present(node, actor)
    ask = "SELECT report_id FROM intake_known(ARRAY[%s]::uuid[], '{REFERENCE}', ARRAY[%s]::bytea[])"
    assert node.execute(ask, [actor.partner_id, digest]).fetchall() == [(report_id,)]
    assert node.execute(ask, [actor.partner_id, bytes(32)]).fetchall() == []
    assert node.execute(ask, [actor.partner_id, None]).fetchall() == []


def test_keys_of_one_sender_do_not_come_with_those_of_another(
    node, sent: tuple[Actor, UUID]
) -> None:
    """A batch of one's own that also names somebody else's key is refused whole; the public's drafts are asked for."""
    actor, other = sent[0], program("other")
    ask = "SELECT report_id FROM intake_known(%s, %s, %s)"
    present(node, actor)
    for stranger in (other.partner_id, None):
        with pytest.raises(errors.InsufficientPrivilege, match="names the sender"):
            node.execute(
                ask, [[actor.partner_id, stranger], ["REFERENCE"] * 2, [bytes(32), bytes(32)]]
            )
    assert node.execute(ask, [[PUBLIC], ["SUBMISSION"], [bytes(32)]]).fetchall() == []


def test_it_answers_with_the_code_and_never_as_the_desk(node, make_submission: Make) -> None:
    code, now = receipt.new_code(), datetime.now(UTC)
    (answer,) = receive_reports(
        actor=public_actor(),
        submissions=[make_submission(PUBLIC, arrival=Arrival.FORM, code=code)],
        now=now,
    )
    message = (
        "INSERT INTO intake_message (id, report_id, from_desk, author_id, created_at, object_id,"
    )
    for from_desk in (True, False):
        with pytest.raises(errors.InsufficientPrivilege):
            node.execute(
                f"{message} for_reporter) VALUES (%s, %s, %s, %s, now(), %s, 'x')",
                [new_id(now), answer.report_id, from_desk, new_id(now), new_id(now)],
            )
    call = "SELECT intake_answer(%s, %s, now(), %s)"
    wrong = node.execute(call, [bytes(32), new_id(now), new_id(now)]).fetchone()
    assert wrong == (None,)
    lookup = receipt.lookup_hash(code)
    sealed = new_id(now)
    with pytest.raises(errors.InsufficientPrivilege, match="objects of its own report"):
        node.execute(call, [lookup, new_id(now), sealed])
    node.execute(SEALED, {"object": sealed, "owner": answer.report_id})
    assert node.execute(call, [lookup, new_id(now), sealed]).fetchone() == (answer.report_id,)
    assert answer.report_id is not None
    (left,) = list_messages(actor=SYSTEM, report_id=answer.report_id)
    assert (left.from_desk, left.author_id, left.for_reporter) == (False, None, None)


SEALED = (
    "INSERT INTO vault_object (id, owner_id, kind, sha256, size, length, wrapped_key, wrap_key_id, created_at)"
    " VALUES (%(object)s, %(owner)s, 'report', sha256('x'), 1, 1, '\\x00', '\\x00', now())"
)
DEPOSIT = (
    "WITH sealed AS (INSERT INTO vault_object"
    " (id, owner_id, kind, sha256, size, length, wrapped_key, wrap_key_id, created_at)"
    " VALUES (%(id)s, %(id)s, 'report', sha256('x'), 1, 1, '\\x00', '\\x00', now()))"
    " INSERT INTO intake_report (id, desk_id, sender_id, arrival, format, reference, wire_id, state,"
    " received_at, changed_at, object_id, size, urgent, is_test, slow_lane, language, correlation_id)"
    " VALUES (%(id)s, 1, %(sender)s, %(arrival)s, 'report/1', 'A-2', %(wire)s, %(state)s, %(at)s, %(at)s, %(id)s, 1,"
    " true, false, false, '', '')"
)


def deposit_of(now: datetime, **more: object) -> dict[str, object]:
    """The values of `DEPOSIT`: a finished report of the public form, made and received now."""
    values = {"id": new_id(now), "at": now, "state": "FINISHED", "wire": None}
    return values | {"sender": PUBLIC, "arrival": Arrival.FORM} | more


@pytest.mark.parametrize("arrival", Arrival)
@pytest.mark.parametrize("sender", ["public", "house"])
def test_it_deposits_the_publics_forms_and_a_partners_interfaces_alone(
    node, sender: str, arrival: Arrival
) -> None:
    """A call, a letter, a visit and an import are entered by a person of the desk: the desk trusts who told it."""
    house = program("house")
    present(node, house)
    partner = sender == "house"
    values = deposit_of(
        datetime.now(UTC), sender=house.partner_id if partner else PUBLIC, arrival=arrival
    )
    if arrival in ({Arrival.API, Arrival.WIRE} if partner else {Arrival.FORM}):
        node.execute(DEPOSIT, values)
    else:
        with pytest.raises(errors.CheckViolation, match="arrive by a public node"):
            node.execute(DEPOSIT, values)


def test_it_deposits_neither_in_other_times_nor_as_expired(node, as_role: Connect) -> None:
    """An id of next year would keep that month's partition from being made, here and in every table."""
    now = datetime.now(UTC)
    for away in (timedelta(days=200), timedelta(days=-200)):
        for made, at in ((now + away, now), (now, now + away)):
            with pytest.raises(errors.CheckViolation):
                node.execute(DEPOSIT, deposit_of(now, id=new_id(made), at=at))
    with pytest.raises(errors.CheckViolation):
        node.execute(DEPOSIT, deposit_of(now, state="EXPIRED"))
    node.execute(DEPOSIT, deposit_of(now))
    as_role("worker").execute("SELECT fanal_next_months((now() + interval '10 months')::date)")


def test_it_takes_no_wire_number_that_was_not_given_to_its_report(node, as_role: Connect) -> None:
    now = datetime.now(UTC)
    house = program("house")
    present(node, house)
    opened = {"state": "OPEN", "sender": house.partner_id, "arrival": Arrival.WIRE}
    insert = (
        "INSERT INTO intake_wire (wire_id, report_id, sender_id)"
        " VALUES (%(wire)s, %(id)s, %(sender)s)"
    )
    (number,) = node.execute("SELECT nextval('intake_wire_id_seq')").fetchone() or (0,)
    for wire in (number, number + 1):  # not of the report; not given out yet
        values = deposit_of(now, wire=number + 1, **opened)
        node.execute(DEPOSIT, values)
        with pytest.raises(errors.CheckViolation):
            node.execute(insert, values | {"wire": wire})
    values = deposit_of(now, wire=number, **opened)
    for others in ("intake", "app"):  # drawn by another, who has not written it down yet
        drawn = as_role(others).execute("SELECT nextval('intake_wire_id_seq')").fetchone() or (0,)
        for session in (node, as_role("intake")):
            present(session, house)
            taken = deposit_of(now, wire=drawn[0], **opened)
            session.execute(DEPOSIT, taken)
            with pytest.raises(errors.CheckViolation):
                session.execute(insert, taken)
    node.execute(DEPOSIT, values)
    node.execute(insert, values)


@pytest.mark.parametrize("at", ["1999-01-01", "2099-01-01", "infinity", None])
@pytest.mark.parametrize(
    "call",
    [
        "intake_move(%(report)s, %(sender)s, 'OPEN', 'RETRACTED', %(at)s)",
        "intake_answer(%(code)s, %(report)s, %(at)s, %(report)s)",
        "intake_count_refusal(%(sender)s, %(at)s, 'POST', 'BUSY')",
        "orient_danger_written(%(code)s, %(at)s)",
    ],
)
def test_what_it_does_is_done_now(
    node, sent: tuple[Actor, UUID], call: str, at: str | None
) -> None:
    """A message of another century would never end; a report moved in one would at once."""
    present(node, sent[0])
    values = {"report": sent[1], "sender": sent[0].partner_id, "code": bytes(32), "at": at}
    with pytest.raises(errors.CheckViolation, match="acts now"):
        node.execute(f"SELECT {call}", values)


def test_refusals_are_counted_for_who_showed_its_secret_and_in_codes(
    node, sent: tuple[Actor, UUID]
) -> None:
    count = "SELECT intake_count_refusal(%s, now(), %s, 'BUSY')"
    with pytest.raises(errors.InsufficientPrivilege, match="names the sender"):
        node.execute(count, [sent[0].partner_id, "POST"])
    present(node, sent[0])
    with pytest.raises(errors.CheckViolation, match="a step and a code"):
        node.execute(count, [sent[0].partner_id, "words of somebody"])
    node.execute(count, [sent[0].partner_id, "POST"])


def test_no_receipt_and_no_work_is_made_for_the_report_of_another(
    node, sent: tuple[Actor, UUID], as_role: Connect
) -> None:
    """A receipt opens the conversation; work runs the stages again."""
    actor, report_id = sent
    owner = as_role("owner")
    owner.execute("DELETE FROM intake_receipt WHERE report_id = %s", [report_id])
    receipt = "INSERT INTO intake_receipt VALUES (%s, %s, %s, 'x')"
    work = (
        "INSERT INTO intake_work (report_id, stage, urgent, slow_lane) VALUES (%s, %s, true, false)"
    )
    with pytest.raises(errors.InsufficientPrivilege):
        node.execute(receipt, [report_id, bytes(32), bytes(32)])
    with pytest.raises(errors.InsufficientPrivilege):
        node.execute(work, [report_id, "HARMONISE"])
    finish_report(actor=actor, report_id=report_id, now=datetime.now(UTC))
    owner.execute("DELETE FROM intake_work WHERE report_id = %s", [report_id])
    present(node, actor)
    with pytest.raises(errors.InsufficientPrivilege, match="adds to what it deposits"):
        node.execute(receipt, [report_id, bytes(32), bytes(32)])
    with pytest.raises(errors.InsufficientPrivilege, match="adds to what it deposits"):
        node.execute(work, [report_id, "HARMONISE"])
    with pytest.raises(errors.CheckViolation, match="first stage"):
        node.execute(work, [report_id, "ORIENT"])


def test_it_names_no_object_of_another_report(node) -> None:
    """The worker would open it for the desk that the node names."""
    now = datetime.now(UTC)
    first, second = new_id(now), new_id(now)
    node.execute(DEPOSIT, deposit_of(now, id=first))
    alone = DEPOSIT.partition(" INSERT INTO intake_report")[2]
    values = deposit_of(now, id=second)
    theirs = ("INSERT INTO intake_report" + alone).replace(
        "%(at)s, %(at)s, %(id)s, 1,", "%(at)s, %(at)s, %(object)s, 1,"
    )
    assert "%(object)s" in theirs
    for sealed in (first, new_id(now)):  # another's, and none
        with pytest.raises(errors.InsufficientPrivilege, match="objects of its own report"):
            node.execute(theirs, values | {"object": sealed})
    own = new_id(now)
    node.execute(SEALED, {"object": own, "owner": second})
    node.execute(theirs, values | {"object": own})
