"""A reference belongs to its sender: who asks decides whose keys are looked at, by the primary key alone."""

from collections.abc import Callable
from uuid import uuid4

import msgspec
import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from fanal.intake.domain.records import KeyKind, Submission
from fanal.intake.operations.receive import receive_reports
from fanal.intake.queries.envelopes import find_references
from fanal.kernel.actors import Actor, Role, system_actor
from tests.integration.intake.conftest import NOW

pytestmark = pytest.mark.django_db
SYSTEM = system_actor("test")
Make = Callable[..., Submission]


def partner_of() -> Actor:
    return Actor(person_id=uuid4(), roles=frozenset({Role.PARTNER}), partner_id=uuid4())


def sent(make: Make, actor: Actor, reference: str, *, is_test: bool = False) -> object:
    made = make(actor.partner_id, reference=reference, is_test=is_test)
    submission = msgspec.structs.replace(made, keys=((KeyKind.REFERENCE, reference),))
    [answer] = receive_reports(actor=actor, submissions=[submission], now=NOW)
    return answer.report_id


def test_a_partner_finds_its_own_and_the_desk_everybodys(make_submission: Make) -> None:
    one, other = partner_of(), partner_of()
    first, second = (sent(make_submission, who, "A-1") for who in (one, other))
    assert find_references(actor=one, reference="A-1") == [first]
    assert find_references(actor=one, reference="A-1", sender_id=other.partner_id) == [first]
    assert set(find_references(actor=SYSTEM, reference="A-1")) == {first, second}
    assert find_references(actor=SYSTEM, reference="A-1", sender_id=other.partner_id) == [second]
    assert find_references(actor=partner_of(), reference="A-1") == []
    assert find_references(actor=SYSTEM, reference="A-2") == []


def test_the_live_report_counts_before_the_rehearsal(make_submission: Make) -> None:
    one = partner_of()
    rehearsal = sent(make_submission, one, "A-1", is_test=True)
    assert find_references(actor=one, reference="A-1") == [rehearsal]
    live = sent(make_submission, one, "A-1")
    assert find_references(actor=one, reference="A-1") == [live]


def test_the_look_up_reads_no_more_with_more_senders(make_submission: Make) -> None:
    def asked() -> int:
        with CaptureQueriesContext(
            connection,
        ) as seen:
            find_references(actor=SYSTEM, reference="A-1")
        return len(seen)

    sent(make_submission, partner_of(), "A-1")
    few = asked()
    for _ in range(6):
        sent(make_submission, partner_of(), "A-1")
    assert asked() == few


def test_senders_are_found_along_the_primary_key(make_submission: Make) -> None:
    from fanal.intake.queries import envelopes

    one = partner_of()
    sent(make_submission, one, "A-1")
    with connection.cursor() as cursor:
        cursor.execute("SELECT prosrc FROM pg_proc WHERE proname = 'intake_known'")
        (text,) = cursor.fetchone()
        known = text.partition("RETURN QUERY")[2].partition(";")[0]
        assert known
        known = known.replace(
            "unnest(senders, kinds, digests)", "unnest(%s::uuid[], %s::text[], %s::bytea[])"
        )
        cursor.execute("SET LOCAL enable_seqscan = off")
        for query, parameters in (
            (envelopes._SENDERS, []),
            (known, [[one.partner_id], ["REFERENCE"], [b"x" * 32]]),
        ):
            cursor.execute(f"EXPLAIN {query}", parameters)
            plan = "\n".join(row[0] for row in cursor.fetchall())
            assert "Seq Scan on intake_key" not in plan
            assert "intake_key_pkey" in plan
