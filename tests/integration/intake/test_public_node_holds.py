"""What the role of a public node may hold until its transaction ends: nothing that another sender waits for."""

from collections.abc import Callable
from datetime import UTC, datetime
from uuid import UUID

import psycopg
import pytest
from psycopg import errors

from fanal.intake.domain.keys import key_digest
from fanal.intake.domain.records import KeyKind, Outcome, Submission
from fanal.intake.operations.lifecycle import finish_report
from fanal.intake.operations.receive import receive_reports
from fanal.kernel.actors import Actor
from tests.integration.intake.node_role import PUBLIC, present, program

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("installed_keys"),
]
Connect = Callable[[str], psycopg.Connection[tuple[object, ...]]]
Make = Callable[..., Submission]

KEY = (
    "INSERT INTO intake_key (sender_id, kind, digest, fingerprint, report_id)"
    " VALUES (%s, 'REFERENCE', %s, '\\x00', gen_random_uuid())"
)
LOCK = "SELECT intake_lock_keys(%s, %s)"


def reference_of_house(name: str, sender: UUID) -> bytes:
    """As whoever took over a node computes it: digests are the same on all of them."""
    return key_digest(sender_id=sender, kind=KeyKind.REFERENCE, key=name, is_test=False)


@pytest.mark.parametrize("shown", [None, "other"])
def test_it_keeps_no_reference_of_a_partner_that_did_not_show_its_secret(
    node, make_submission: Make, shown: str | None
) -> None:
    """What it may hold without that is its own: the partner's deposits do not wait for it."""
    house, other = program("house"), program("other")
    assert house.partner_id is not None
    if shown:
        present(node, other)
    keys = [reference_of_house(f"SEQ-{n}", house.partner_id) for n in range(2)]
    refused = pytest.raises(errors.InsufficientPrivilege, match="names the sender")
    with node.transaction():
        for statement, key in ((KEY, keys[0]), (LOCK, [keys[0]]), (KEY, keys[1])):
            with refused, node.transaction():
                node.execute(statement, [house.partner_id, key])
        for sender in (PUBLIC, *([other.partner_id] if shown else [])):
            assert node.execute(LOCK, [sender, keys]).fetchone() == (True,)
        for n in range(2):
            submission = make_submission(
                house.partner_id,
                reference=f"SEQ-{n}",
                keys=((KeyKind.REFERENCE, f"SEQ-{n}"),),
                urgent=True,
            )
            (answer,) = receive_reports(
                actor=house, submissions=[submission], now=datetime.now(UTC)
            )
            assert answer.outcome is Outcome.CREATED


@pytest.mark.parametrize(
    "part",
    [
        "work (report_id, stage, urgent, slow_lane) VALUES (%(report)s, 'HARMONISE', true, false)",
        "receipt VALUES (%(report)s, NULL, NULL, 'x')",
        "upload (report_id, file_id, position, details_id) VALUES (%(report)s, 'f', 1, %(report)s)",
    ],
)
def test_it_holds_no_part_of_the_report_of_another_till_its_transaction_ends(
    node, sent: tuple[Actor, UUID], part: str
) -> None:
    """The first work of an open report would keep its sender from finishing it."""
    actor, report_id = sent
    present(node, program("other"))
    with node.transaction():
        with (
            pytest.raises(errors.InsufficientPrivilege, match="names the sender"),
            node.transaction(),
        ):
            node.execute(f"INSERT INTO intake_{part}", {"report": report_id})
        finish_report(actor=actor, report_id=report_id, now=datetime.now(UTC))


def test_two_requests_of_one_sender_with_one_key_are_told_apart_from_all_others(
    node, as_role: Connect
) -> None:
    house = program("house")
    key, lock = [bytes(range(32))], LOCK
    present(node, house)
    second = as_role("app")
    with node.transaction(), second.transaction():
        assert node.execute(lock, [house.partner_id, key]).fetchone() == (True,)
        assert second.execute(lock, [house.partner_id, key]).fetchone() == (False,)
        assert second.execute(lock, [PUBLIC, key]).fetchone() == (True,)
