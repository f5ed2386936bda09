"""Rounds with a counterpart that shares no code with Fanal, on PostgreSQL; and what is refused."""

import json
from datetime import timedelta
from uuid import UUID, uuid4

import pytest

from fanal.deconfliction import operations, queries
from fanal.deconfliction.domain import limits
from fanal.deconfliction.domain.refusal import DeconflictionRefused
from fanal.deconfliction.domain.states import HitState, RoundState
from fanal.kernel import clock
from fanal.kernel.actors import public_actor
from fanal.ledger import queries as ledger
from tests.deconfliction_peer import Peer, base64_of, points_of, stamp
from tests.integration.deconfliction.world import (
    SYSTEM,
    holding,
    peer,
    receive,
    register,
    rows,
)

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.role("worker")]
BOTH, OURS, THEIRS = "both@mail.example", "ours@mail.example", "theirs@mail.example"


def now():
    return clock.now()


def offer_to(other: Peer) -> tuple[UUID, bytes]:
    found = queries.find_counterpart(name=other.name)
    assert found is not None
    return operations.make_offer(actor=SYSTEM, counterpart=found, now=now())


def take(body: bytes) -> UUID:
    return operations.receive(actor=SYSTEM, body=body, now=now())


def refused(code: str, body: bytes) -> None:
    before = rows("SELECT count(*) FROM deconfliction_message")
    with pytest.raises(DeconflictionRefused, match=f"^{code}$"):
        take(body)
    assert rows("SELECT count(*) FROM deconfliction_message") == before


def sealed() -> int:
    """Return how many secrets of rounds can still be opened."""
    found = rows(
        "SELECT count(*) FROM vault_object WHERE kind = 'deconfliction_round' AND wrapped_key IS NOT NULL"
    )
    return int(str(found[0][0]))


def state(round_id: UUID) -> RoundState:
    found = queries.get_round(actor=SYSTEM, round_id=round_id)
    assert found is not None
    return found.state


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
    conclusion = operations.conclude(actor=SYSTEM, round_id=round_id, now=now())
    assert operations.conclude(actor=SYSTEM, round_id=round_id, now=now()) == conclusion
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
    answer = operations.answer(actor=SYSTEM, round_id=round_id, now=now())
    assert operations.answer(actor=SYSTEM, round_id=round_id, now=now()) == answer
    conclusion = other.conclude(answer)
    common = sorted(set(ours) & set(theirs))
    assert sorted(value for _, value in other.met) == common
    take(conclusion)
    assert operations.take_conclusion(actor=SYSTEM, round_id=round_id, now=now()) == len(common)
    assert take(conclusion) == round_id
    assert operations.take_conclusion(actor=SYSTEM, round_id=round_id, now=now()) == len(common)
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
        operations.conclude(actor=SYSTEM, round_id=round_id, now=now())
    assert len(queries.list_hits(actor=SYSTEM)) == 1
    assert rows("SELECT count(*) FROM deconfliction_hit") == [(1,)]
    shown = [set(points_of(json.loads(body)["message"]["points"])) for body in messages("OFFER")]
    assert shown[0].isdisjoint(shown[1])


def messages(kind: str) -> list[bytes]:
    found = rows(f"SELECT body FROM deconfliction_message WHERE kind = '{kind}'")
    return [bytes(row[0]) for row in found]


def test_the_ledger_names_rounds_and_numbers_alone() -> None:
    holding("r-1", BOTH)
    other = peer(BOTH)
    register(other)
    round_id, offer = offer_to(other)
    take(other.answer(offer))
    operations.conclude(actor=SYSTEM, round_id=round_id, now=now())
    [hit] = queries.list_hits(actor=SYSTEM)
    told = ledger.entries_of(actor=SYSTEM, object_id=round_id)
    assert {entry.action for entry in told} >= {
        "deconfliction.offer", "deconfliction.receive", "deconfliction.conclude",
    }  # fmt: skip
    assert "hit.find" in {e.action for e in ledger.entries_of(actor=SYSTEM, object_id=hit.id)}
    assert ledger.entries_of(actor=SYSTEM, object_id=hit.key) == []
    for entry in told:
        assert set(entry.detail) <= {"instruction", "shown", "asked", "met", "objects"}


class TestRefused:
    def test_strangers_and_forgers(self) -> None:
        other = peer(BOTH)
        refused("UNKNOWN", other.offer(uuid4()))
        found = register(other)
        forger = peer(BOTH)
        refused("SIGNATURE", forger.offer(uuid4()))
        refused("UNKNOWN", other.offer(uuid4(), sender="East desk"))
        refused("UNKNOWN", other.offer(uuid4(), recipient="West desk"))
        operations.close_counterpart(actor=SYSTEM, counterpart_id=found.id, now=now())
        refused("UNKNOWN", other.offer(uuid4()))
        with pytest.raises(DeconflictionRefused, match="CLOSED"):
            operations.make_offer(
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
        answer = operations.answer(actor=SYSTEM, round_id=round_id, now=now())
        refused("PREVIOUS", conclusion)
        take(other.conclude(answer))
        refused("SECOND", other.conclude(answer, met=[1]))
        operations.take_conclusion(actor=SYSTEM, round_id=round_id, now=now())
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
        register(third)
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
        with pytest.raises(DeconflictionRefused, match="POINTS"):
            operations.answer(actor=SYSTEM, round_id=round_id, now=now())
        assert (state(round_id), sealed()) == (RoundState.REFUSED, 0)
        with pytest.raises(DeconflictionRefused, match="NOT_NOW"):
            operations.answer(actor=SYSTEM, round_id=round_id, now=now())

    def test_a_conclusion_that_lies_about_what_nobody_holds(self) -> None:
        holding("r-1", OURS)
        other = peer(BOTH)
        register(other)
        round_id = uuid4()
        take(other.offer(round_id))
        answer = operations.answer(actor=SYSTEM, round_id=round_id, now=now())
        take(other.conclude(answer, met=list(range(64))))
        with pytest.raises(DeconflictionRefused, match="POINTS"):
            operations.take_conclusion(actor=SYSTEM, round_id=round_id, now=now())
        assert (state(round_id), sealed()) == (RoundState.REFUSED, 0)
        assert queries.list_hits(actor=SYSTEM) == []

    def test_an_answer_that_lies(self) -> None:
        other = peer(BOTH)
        register(other)
        round_id, offer = offer_to(other)
        asked = json.loads(offer)["message"]["points"]
        take(other.answer(offer, twice=asked))  # not multiplied: nothing meets, nothing is learned
        operations.conclude(actor=SYSTEM, round_id=round_id, now=now())
        assert queries.list_hits(actor=SYSTEM) == []
        round_id, offer = offer_to(other)
        points = base64_of(sorted([*other.lay_out()[1:], bytes(32)]))
        take(other.answer(offer, points=points))
        with pytest.raises(DeconflictionRefused, match="POINTS"):
            operations.conclude(actor=SYSTEM, round_id=round_id, now=now())
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
        from fanal.accounts.domain.instructions import InstructionKind
        from tests.integration.exchange.sharing import instruct

        other = peer(BOTH)
        found = register(other)
        round_id = uuid4()
        take(other.offer(round_id))
        held, offer = offer_to(other)
        revoke_all()
        refused("NO_INSTRUCTION", other.offer(uuid4()))
        refused("NO_INSTRUCTION", other.answer(offer))
        for step in (
            lambda: operations.answer(actor=SYSTEM, round_id=round_id, now=now()),
            lambda: operations.make_offer(actor=SYSTEM, counterpart=found, now=now()),
        ):
            with pytest.raises(DeconflictionRefused, match="NO_INSTRUCTION"):
                step()
        instruct(InstructionKind.DECONFLICTION, "Another desk")
        refused("NO_INSTRUCTION", other.answer(offer))
        assert state(held) is RoundState.OFFERED

    def test_nobody_else_runs_rounds(self) -> None:
        from fanal.accounts.domain.policy import Refused

        other = peer(BOTH)
        found = register(other)
        for step in (
            lambda: operations.make_offer(actor=public_actor(), counterpart=found, now=now()),
            lambda: operations.receive(actor=public_actor(), body=other.offer(uuid4()), now=now()),
            lambda: operations.ensure_identity(actor=public_actor(), now=now()),
            lambda: queries.list_counterparts(actor=public_actor()),
            lambda: queries.list_rounds(actor=public_actor()),
        ):
            with pytest.raises(Refused):
                step()


def revoke_all() -> None:
    from fanal.accounts import operations as accounts, queries as people

    actor = people.actor_for(user=people.find_user(username="proposer"), now=now())
    for found in people.list_instructions(actor=SYSTEM):
        accounts.revoke_instruction(actor=actor, instruction_id=found.id, reason="Test.", now=now())


class TestTime:
    def test_a_round_ends_and_its_secrets_go(self) -> None:
        holding("r-1", BOTH)
        other = peer(BOTH)
        register(other)
        begun, offer = offer_to(other)
        received, answered = uuid4(), uuid4()
        take(other.offer(received))
        take(other.offer(answered))
        answer = operations.answer(actor=SYSTEM, round_id=answered, now=now())
        assert sealed() == 2
        assert operations.expire_rounds(actor=SYSTEM, now=now()) == 0
        later = now() + timedelta(days=7, seconds=1)
        assert operations.expire_rounds(actor=SYSTEM, now=later) == 3
        assert {state(r) for r in (begun, received, answered)} == {RoundState.EXPIRED}
        assert sealed() == 0
        assert rows("SELECT count(*) FROM deconfliction_message WHERE body IS NOT NULL") == [(0,)]
        for late in (other.answer(offer), other.conclude(answer)):
            with pytest.raises(DeconflictionRefused):
                operations.receive(actor=SYSTEM, body=late, now=later)
        assert offer_to(other)[0] != begun


class TestWhatEnters:
    def found_by(self, *guesses: str, kind: str = "EMAIL") -> set[str]:
        """Return which of its guesses a counterpart learns that we hold."""
        other = peer(*guesses, kind=kind)
        known = queries.find_counterpart(name=other.name)
        if known is not None:
            operations.close_counterpart(actor=SYSTEM, counterpart_id=known.id, now=now())
        register(other)
        round_id = uuid4()
        take(other.offer(round_id))
        answer = operations.answer(actor=SYSTEM, round_id=round_id, now=now())
        other.conclude(answer)
        return {value for _, value in other.met}

    def test_never_a_victims_or_a_witness(self) -> None:
        holding("r-1", "suspect@mail.example", "twice@mail.example")
        holding("r-2", "victim@mail.example", "twice@mail.example", role="VICTIM")
        holding("r-3", "witness@mail.example", role="WITNESS")
        holding("r-4", "reporter@mail.example", role="REPORTER")
        guesses = [
            f"{w}@mail.example" for w in ("suspect", "twice", "victim", "witness", "reporter")
        ]
        assert self.found_by(*guesses) == {"suspect@mail.example"}

    def test_no_test_no_free_text_no_other_kind(self) -> None:
        holding("r-1", "tried@mail.example", test=True)
        receive("r-2", description="Written to said@mail.example, neutral words.")
        receive("r-3", persons=[{"role": "SUSPECT", "phones": ["+33639980001"]}])
        assert self.found_by("tried@mail.example", "said@mail.example") == set()
        assert self.found_by("+33639980001", kind="PHONE") == {"+33639980001"}

    def test_limits_of_the_counterpart_hold(self) -> None:
        from fanal.accounts import operations as accounts

        accounts.ensure_desk(actor=SYSTEM, desk_id=2, code="WEST", name="West")
        holding("r-1", "near@mail.example")
        holding("r-2", "west@mail.example", desk=2)
        holding("r-3", "content@mail.example", role="RECIPIENT")
        guesses = ["near@mail.example", "west@mail.example", "content@mail.example"]

        def with_limits(**change: object) -> set[str]:
            other = peer(*guesses)
            for known in queries.list_counterparts(actor=SYSTEM):
                if known.closed_at is None:
                    operations.close_counterpart(actor=SYSTEM, counterpart_id=known.id, now=now())
            found = register(other)
            said = {"kinds": ["EMAIL"], "roles": ["SUSPECT"], "desk_ids": [], "months": 12}
            operations.set_limits(
                actor=SYSTEM,
                counterpart_id=found.id,
                limits=limits.checked(**said | change),
                now=now(),
            )
            round_id = uuid4()
            take(other.offer(round_id))
            other.conclude(operations.answer(actor=SYSTEM, round_id=round_id, now=now()))
            return {value.partition("@")[0] for _, value in other.met}

        assert with_limits() == {"near", "west"}
        assert with_limits(desk_ids=[2]) == {"west"}
        assert with_limits(kinds=["PHONE"]) == set()
        assert with_limits(roles=["RECIPIENT", "SUSPECT"]) == {"near", "west", "content"}

    def test_what_very_many_reports_hold_tells_nothing(self) -> None:
        """A value that very many reports hold enters no set, whatever its kind."""
        from django.db import connection

        holding("r-1", "shared@mail.example", "own@mail.example")
        with connection.cursor() as cursor:
            cursor.execute(
                "INSERT INTO harmonise_sighting (key, report_id, desk_id, role, weak)"
                " SELECT s.key, gen_random_uuid(), 1, 1, false FROM harmonise_sighting s"
                " JOIN harmonise_selector k ON k.key = s.key CROSS JOIN generate_series(1, 1000)"
                " WHERE k.value = 'shared@mail.example'"
            )
        assert self.found_by("shared@mail.example", "own@mail.example") == {"own@mail.example"}


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
            lambda: operations.answer(actor=SYSTEM, round_id=round_id, now=now()), times=3
        )
        assert len(set(answers)) == 1
        assert queries.asked_on(counterpart_ids=[found.id], now=now()) == {found.id: 64}
        conclusion = other.conclude(answers[0])
        together(lambda: take(conclusion), times=3)
        counts = together(
            lambda: operations.take_conclusion(actor=SYSTEM, round_id=round_id, now=now()), times=3
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

    from fanal.accounts import rows as bounded

    def run() -> object:
        bounded.show_to(SYSTEM)
        try:
            return step()
        except DeconflictionRefused as refused:
            return refused.code
        finally:
            connection.close()

    with ThreadPoolExecutor(times) as pool:
        return [future.result() for future in [pool.submit(run) for _ in range(times)]]
