"""What a desk refuses of a counterpart and of its own people in a round, on PostgreSQL."""

import json
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from fanal.accounts.domain.instructions import InstructionKind
from fanal.deconfliction import queries
from fanal.deconfliction.domain import limits
from fanal.deconfliction.domain.records import MessageKind, NewCounterpart, RoundState
from fanal.deconfliction.operations import steps
from fanal.deconfliction.operations.counterparts import add_counterpart, close_counterpart
from fanal.deconfliction.operations.identity import ensure_identity
from fanal.deconfliction.operations.receiving import receive
from fanal.deconfliction.operations.steps import conclude, take_conclusion
from fanal.kernel.actors import public_actor
from fanal.kernel.refusal import Refusal
from tests.deconfliction_peer import base64_of, stamp
from tests.integration.deconfliction.rounds import (
    BOTH,
    OURS,
    now,
    offer_to,
    refused,
    revoke_all,
    sealed,
    state,
    take,
)
from tests.integration.deconfliction.world import (
    SYSTEM,
    holding,
    peer,
    register,
)
from tests.integration.exchange.sharing import instruct

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.role("worker")]


class TestRefused:
    def test_strangers_and_forgers(self) -> None:
        other = peer(BOTH)
        refused("UNKNOWN", other.offer(uuid4()))
        found = register(other)
        forger = peer(BOTH)
        refused("SIGNATURE", forger.offer(uuid4()))
        refused("UNKNOWN", other.offer(uuid4(), sender="East desk"))
        refused("UNKNOWN", other.offer(uuid4(), recipient="West desk"))
        close_counterpart(actor=SYSTEM, counterpart_id=found.id, now=now())
        refused("UNKNOWN", other.offer(uuid4()))
        with pytest.raises(Refusal, match="CLOSED"):
            steps.make_offer(
                actor=SYSTEM,
                counterpart=queries.get_counterpart(actor=SYSTEM, counterpart_id=found.id),
                now=now(),
            )

    def test_time(self) -> None:
        other = peer(BOTH)
        register(other)
        today = other.now
        refused(
            "EXPIRED",
            other.offer(
                uuid4(),
                at=stamp(today - timedelta(days=8)),
                expires=stamp(today - timedelta(days=1)),
            ),
        )
        refused("EXPIRED", other.offer(uuid4(), expires=stamp(today + timedelta(days=8))))
        first, last = (end.replace(tzinfo=UTC) for end in (datetime.min, datetime.max))
        refused("MALFORMED", other.offer(uuid4(), at=stamp(last), expires=stamp(first)))
        refused("FUTURE", other.offer(uuid4(), at="9999-12-31T00:00:00Z", expires=stamp(last)))
        later = today + timedelta(hours=1)
        refused("FUTURE", other.offer(uuid4(), at=stamp(later)))
        refused("MALFORMED", other.offer(uuid4(), at=stamp(today), expires=stamp(today)))

    def test_second_offers_answers_and_conclusions(self) -> None:
        other = peer(BOTH)
        register(other)
        round_id = uuid4()
        take(other.offer(round_id))
        refused("SECOND", other.offer(round_id, at=stamp(other.now - timedelta(seconds=5))))
        conclusion = other.write(other.head("CONCLUSION", round_id, met=[], previous="0" * 64))
        refused("NOT_NOW", conclusion)
        answer = steps.answer(actor=SYSTEM, round_id=round_id, now=now())
        refused("PREVIOUS", conclusion)
        concluded = other.conclude(answer)
        with pytest.raises(Refusal, match="SECOND"):  # at another round's address
            receive(actor=SYSTEM, body=concluded, now=now(), expected=uuid4())
        assert state(round_id) is RoundState.ANSWERED
        assert queries.message_body(round_id=round_id, kind=MessageKind.CONCLUSION) is None
        take(concluded)
        refused("SECOND", other.conclude(answer, met=[1]))
        take_conclusion(actor=SYSTEM, round_id=round_id, now=now())
        refused("SECOND", other.conclude(answer, met=[1]))
        ours, offer = offer_to(other)
        refused("SECOND", other.offer(ours))  # a round of ours is none of theirs
        refused("PREVIOUS", other.answer(offer, previous="0" * 64))
        take(other.answer(offer))
        refused("SECOND", other.answer(offer, at=stamp(other.now - timedelta(seconds=9))))
        refused("NOT_FOUND", other.answer(offer, round=str(uuid4())))

    def test_a_message_of_another_counterpart(self) -> None:
        other = peer(BOTH)
        register(other)
        third = peer(BOTH)
        third.name = "East desk"
        register(third, contact="Duty officer of the East desk")
        _, offer = offer_to(other)
        refused("NOT_FOUND", third.answer(offer))
        round_id = uuid4()
        take(other.offer(round_id))
        refused("SECOND", third.offer(round_id))

    @pytest.mark.parametrize(
        "spoil",
        [
            lambda points: points[:-1],
            lambda points: points[:32],
            lambda points: [*points[:-1], points[0]],
            lambda points: points[::-1],
            lambda points: [],
            lambda points: points + points,
        ],
    )
    def test_sets_that_are_none(self, spoil) -> None:
        other = peer(BOTH)
        register(other)
        points = base64_of(spoil(other.lay_out()))
        refused("POINTS", other.offer(uuid4(), points=points))

    @pytest.mark.parametrize("u", [0, 1, 2**255 - 20, 2**255 - 19, 2**256 - 1, 2])
    def test_points_that_are_none_end_the_round(self, u: int) -> None:
        other = peer(BOTH)
        register(other)
        round_id = uuid4()
        points = sorted([*other.lay_out()[1:], u.to_bytes(32, "little")])
        take(other.offer(round_id, points=base64_of(points)))
        with pytest.raises(Refusal, match="POINTS"):
            steps.answer(actor=SYSTEM, round_id=round_id, now=now())
        assert (state(round_id), sealed()) == (RoundState.REFUSED, 0)
        with pytest.raises(Refusal, match="NOT_NOW"):
            steps.answer(actor=SYSTEM, round_id=round_id, now=now())

    def test_a_conclusion_that_lies_about_what_nobody_holds(self) -> None:
        holding("r-1", OURS)
        other = peer(BOTH)
        register(other)
        round_id = uuid4()
        take(other.offer(round_id))
        answer = steps.answer(actor=SYSTEM, round_id=round_id, now=now())
        take(other.conclude(answer, met=list(range(64))))
        with pytest.raises(Refusal, match="POINTS"):
            take_conclusion(actor=SYSTEM, round_id=round_id, now=now())
        assert (state(round_id), sealed()) == (RoundState.REFUSED, 0)
        assert queries.list_hits(actor=SYSTEM) == []

    def test_an_answer_that_lies(self) -> None:
        other = peer(BOTH)
        register(other)
        round_id, offer = offer_to(other)
        asked = json.loads(offer)["message"]["points"]
        take(other.answer(offer, twice=asked))  # not multiplied: nothing meets, nothing is learned
        conclude(actor=SYSTEM, round_id=round_id, now=now())
        assert queries.list_hits(actor=SYSTEM) == []
        round_id, offer = offer_to(other)
        points = base64_of(sorted([*other.lay_out()[1:], bytes(32)]))
        take(other.answer(offer, points=points))
        with pytest.raises(Refusal, match="POINTS"):
            conclude(actor=SYSTEM, round_id=round_id, now=now())
        assert (state(round_id), sealed()) == (RoundState.REFUSED, 0)

    def test_more_guesses_than_a_day_allows(self) -> None:
        other = peer(BOTH)
        found = register(other, daily_points=128)
        for _ in range(2):
            take(other.offer(uuid4()))
        refused("QUOTA", other.offer(uuid4()))
        assert queries.asked_on(counterpart_ids=[found.id], now=now()) == {found.id: 128}
        assert queries.asked_on(counterpart_ids=[found.id], now=now() + timedelta(days=1)) == {}
        _, offer = offer_to(other)
        refused("QUOTA", other.answer(offer))

    def test_more_rounds_than_a_day_allows(self) -> None:
        other = peer()
        register(other, daily_points=1 << 20)
        for _ in range(limits.MOST_ROUNDS):
            take(other.offer(uuid4()))
        refused("QUOTA", other.offer(uuid4()))

    def test_nothing_runs_without_an_instruction(self) -> None:
        other = peer(BOTH)
        found = register(other)
        round_id = uuid4()
        take(other.offer(round_id))
        held, offer = offer_to(other)
        revoke_all()
        refused("NO_INSTRUCTION", other.offer(uuid4()))
        refused("NO_INSTRUCTION", other.answer(offer))
        for step in (
            lambda: steps.answer(actor=SYSTEM, round_id=round_id, now=now()),
            lambda: steps.make_offer(actor=SYSTEM, counterpart=found, now=now()),
        ):
            with pytest.raises(Refusal, match="NO_INSTRUCTION"):
                step()
        instruct(InstructionKind.DECONFLICTION, "Another desk")
        refused("NO_INSTRUCTION", other.answer(offer))
        assert state(held) is RoundState.OFFERED

    @pytest.mark.parametrize("named", [True, False])
    def test_who_bears_a_name_next_has_an_instruction_of_their_own(self, named: bool) -> None:
        """Else one supervisor gives what two signed for a key to another key."""
        first, then = peer(BOTH), peer(BOTH)
        known = register(first)
        if not named:
            revoke_all()
            instruct(InstructionKind.DECONFLICTION)  # for everybody
        close_counterpart(actor=SYSTEM, counterpart_id=known.id, now=now())
        add_counterpart(
            actor=SYSTEM,
            counterpart=NewCounterpart(
                name=then.name, our_name=then.fanal_name, contact="Duty", public_key=then.public
            ),
            another=True,
            now=now(),
        )
        found = queries.find_counterpart(name=then.name)
        assert found is not None
        assert queries.standing_with(counterpart=found, now=now()) is None
        with pytest.raises(Refusal, match="NO_INSTRUCTION"):
            steps.make_offer(actor=SYSTEM, counterpart=found, now=now())
        refused("NO_INSTRUCTION", then.offer(uuid4()))
        instruct(InstructionKind.DECONFLICTION, then.name)
        take(then.offer(uuid4()))

    def test_nobody_else_runs_rounds(self) -> None:
        from fanal.accounts.domain.policy import Refused

        other = peer(BOTH)
        found = register(other)
        for step in (
            lambda: steps.make_offer(actor=public_actor(), counterpart=found, now=now()),
            lambda: receive(actor=public_actor(), body=other.offer(uuid4()), now=now()),
            lambda: ensure_identity(actor=public_actor(), now=now()),
            lambda: queries.list_counterparts(actor=public_actor()),
            lambda: queries.list_rounds(actor=public_actor()),
        ):
            with pytest.raises(Refused):
                step()
