"""Rounds with a counterpart that shares no code with Fanal, on PostgreSQL: both beginnings, ends, races."""

import json
from datetime import timedelta
from uuid import uuid4

import pytest

from fanal.deconfliction import queries
from fanal.deconfliction.domain.records import HitState, RoundState
from fanal.deconfliction.operations import steps
from fanal.deconfliction.operations.identity import rotate_identity, signing_key
from fanal.deconfliction.operations.receiving import receive
from fanal.deconfliction.operations.rounds import expire_rounds
from fanal.deconfliction.operations.steps import conclude, take_conclusion
from fanal.kernel.refusal import Refusal
from fanal.ledger import queries as ledger
from tests.deconfliction_peer import points_of
from tests.integration.deconfliction.rounds import (
    BOTH,
    OURS,
    THEIRS,
    messages,
    now,
    offer_to,
    sealed,
    state,
    take,
)
from tests.integration.deconfliction.world import (
    SYSTEM,
    holding,
    peer,
    register,
    rows,
)

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.role("worker")]


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [((), ()), ((OURS,), ()), ((), (THEIRS,)), ((BOTH,), (BOTH,)), ((BOTH, OURS), (THEIRS, BOTH))],
)
def test_we_begin(ours: tuple[str, ...], theirs: tuple[str, ...]) -> None:
    if ours:
        holding("r-1", *ours)
    other = peer(*theirs)
    register(other)
    round_id, offer = offer_to(other)
    assert offer_to(other) == (round_id, offer)  # lost on its way: the same again
    assert sealed() == 1
    answer = other.answer(offer)
    assert take(answer) == take(answer) == round_id
    conclusion = conclude(actor=SYSTEM, round_id=round_id, now=now())
    assert conclude(actor=SYSTEM, round_id=round_id, now=now()) == conclusion
    common = sorted(set(ours) & set(theirs))
    assert sorted(value for _, value in other.concluded(conclusion)) == common
    assert len(queries.list_hits(actor=SYSTEM)) == len(common)
    found = queries.get_round(actor=SYSTEM, round_id=round_id)
    assert (found.state, found.held, found.shown, found.asked, found.met) == (
        RoundState.CONCLUDED, len(ours), 64, 64, len(common),
    )  # fmt: skip
    assert sealed() == 0


@pytest.mark.parametrize(
    ("ours", "theirs"), [((), ()), ((OURS,), (BOTH,)), ((BOTH, OURS), (BOTH, THEIRS))]
)
def test_they_begin(ours: tuple[str, ...], theirs: tuple[str, ...]) -> None:
    reports = [holding("r-1", *ours)] if ours else []
    other = peer(*theirs)
    register(other)
    round_id = uuid4()
    assert take(other.offer(round_id)) == take(other.sent) == round_id
    answer = steps.answer(actor=SYSTEM, round_id=round_id, now=now())
    assert steps.answer(actor=SYSTEM, round_id=round_id, now=now()) == answer
    conclusion = other.conclude(answer)
    common = sorted(set(ours) & set(theirs))
    assert sorted(value for _, value in other.met) == common
    take(conclusion)
    assert take_conclusion(actor=SYSTEM, round_id=round_id, now=now()) == len(common)
    assert take(conclusion) == round_id
    assert take_conclusion(actor=SYSTEM, round_id=round_id, now=now()) == len(common)
    assert (state(round_id), sealed()) == (RoundState.CONCLUDED, 0)
    hits = queries.list_hits(actor=SYSTEM)
    assert [hit.report_ids for hit in hits] == [tuple(reports)] * len(common)
    assert all(hit.state is HitState.NEW and hit.contact.startswith("Duty") for hit in hits)


def test_a_second_round_tells_nothing_twice() -> None:
    holding("r-1", BOTH)
    other = peer(BOTH)
    register(other)
    for _ in range(2):
        round_id, offer = offer_to(other)
        take(other.answer(offer))
        conclude(actor=SYSTEM, round_id=round_id, now=now())
    assert len(queries.list_hits(actor=SYSTEM)) == 1
    assert rows("SELECT count(*) FROM deconfliction_hit") == [(1,)]
    shown = [set(points_of(json.loads(body)["message"]["points"])) for body in messages("OFFER")]
    assert shown[0].isdisjoint(shown[1])


def test_the_ledger_names_rounds_and_numbers_alone() -> None:
    holding("r-1", BOTH)
    other = peer(BOTH)
    register(other)
    round_id, offer = offer_to(other)
    take(other.answer(offer))
    conclude(actor=SYSTEM, round_id=round_id, now=now())
    [hit] = queries.list_hits(actor=SYSTEM)
    told = ledger.entries_of(actor=SYSTEM, object_id=round_id)
    assert {entry.action for entry in told} >= {
        "deconfliction.offer", "deconfliction.receive", "deconfliction.conclude",
    }  # fmt: skip
    assert "hit.find" in {e.action for e in ledger.entries_of(actor=SYSTEM, object_id=hit.id)}
    assert ledger.entries_of(actor=SYSTEM, object_id=hit.key) == []
    for entry in told:
        assert set(entry.detail) <= {"instruction", "shown", "asked", "met", "objects"}


class TestOurKey:
    def test_another_key_ends_every_round_and_the_one_before_cannot_be_opened(self) -> None:
        holding("r-1", BOTH)
        other = peer(BOTH)
        register(other)
        begun, _offer = offer_to(other)
        received, answered = uuid4(), uuid4()
        take(other.offer(received))
        take(other.offer(answered))
        steps.answer(actor=SYSTEM, round_id=answered, now=now())
        before = queries.public_key()
        made = rotate_identity(actor=SYSTEM, now=now())
        assert queries.public_key() == made != before
        assert [key for key, _since in queries.own_keys()] == [made, before]
        assert {state(r) for r in (begun, received, answered)} == {RoundState.REFUSED}
        errors = {found.error for found in queries.list_rounds(actor=SYSTEM)}
        assert (errors, sealed()) == ({"OUR_KEY"}, 0)
        kept = "SELECT wrapped_key IS NOT NULL FROM vault_object WHERE kind = 'deconfliction_key'"
        assert rows(f"{kept} ORDER BY id") == [(False,), (True,)]
        signer = signing_key(now=now(), purpose="test")
        assert signer.public_key().public_bytes_raw() == made

    def test_whoever_pins_the_new_one_meets_as_before(self) -> None:
        holding("r-1", BOTH)
        peer(BOTH)
        rotate_identity(actor=SYSTEM, now=now())
        other = peer(BOTH)
        assert other.fanal_key == queries.public_key()
        register(other)
        round_id, offer = offer_to(other)
        take(other.answer(offer))
        conclusion = conclude(actor=SYSTEM, round_id=round_id, now=now())
        assert [value for _, value in other.concluded(conclusion)] == [BOTH]

    def test_without_a_key_there_is_none_to_replace(self) -> None:
        with pytest.raises(Refusal, match="NO_KEY"):
            rotate_identity(actor=SYSTEM, now=now())


class TestTime:
    def test_a_round_ends_and_its_secrets_go(self) -> None:
        holding("r-1", BOTH)
        other = peer(BOTH)
        register(other)
        begun, offer = offer_to(other)
        received, answered = uuid4(), uuid4()
        take(other.offer(received))
        take(other.offer(answered))
        answer = steps.answer(actor=SYSTEM, round_id=answered, now=now())
        assert sealed() == 2
        assert expire_rounds(actor=SYSTEM, now=now()) == 0
        later = now() + timedelta(days=7, seconds=1)
        assert expire_rounds(actor=SYSTEM, now=later) == 3
        assert {state(r) for r in (begun, received, answered)} == {RoundState.EXPIRED}
        assert sealed() == 0
        assert rows("SELECT count(*) FROM deconfliction_message WHERE body IS NOT NULL") == [(0,)]
        for late in (other.answer(offer), other.conclude(answer)):
            with pytest.raises(Refusal):
                receive(actor=SYSTEM, body=late, now=later)
        assert offer_to(other)[0] != begun


class TestAtOnce:
    def test_two_processes_take_and_answer_the_same_offer(self) -> None:
        """Whoever comes second finds it done: one round, one answer, one count."""
        holding("r-1", BOTH)
        other = peer(BOTH)
        found = register(other)
        round_id = uuid4()
        offer = other.offer(round_id)
        taken = together(lambda: take(offer), times=4)
        assert taken == [round_id] * 4
        answers = together(
            lambda: steps.answer(actor=SYSTEM, round_id=round_id, now=now()), times=3
        )
        assert len(set(answers)) == 1
        assert queries.asked_on(counterpart_ids=[found.id], now=now()) == {found.id: 64}
        conclusion = other.conclude(answers[0])
        together(lambda: take(conclusion), times=3)
        counts = together(
            lambda: take_conclusion(actor=SYSTEM, round_id=round_id, now=now()), times=3
        )
        assert 1 in counts
        assert rows("SELECT count(*) FROM deconfliction_hit") == [(1,)]
        assert sealed() == 0

    def test_two_offers_at_once_are_one(self) -> None:
        other = peer(BOTH)
        register(other)
        made = together(lambda: offer_to(other), times=3)
        begun = {one[0] for one in made if isinstance(one, tuple)}
        assert len(begun) == 1
        assert rows("SELECT count(*) FROM deconfliction_round") == [(1,)]


def together(step, *, times: int) -> list[object]:
    """Run a step in threads at once; what it refused is told by its code."""
    from concurrent.futures import ThreadPoolExecutor

    from django.db import connection

    from fanal.accounts import row_scope as bounded

    def run() -> object:
        bounded.show_to(SYSTEM)
        try:
            return step()
        except Refusal as refused:
            return refused.code
        finally:
            connection.close()

    with ThreadPoolExecutor(times) as pool:
        return [future.result() for future in [pool.submit(run) for _ in range(times)]]
