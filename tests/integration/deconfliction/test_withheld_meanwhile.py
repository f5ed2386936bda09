"""A comparison under way leaves out what may not be shared any more when something leaves."""

from collections.abc import Callable
from datetime import timedelta
from uuid import UUID, uuid4

import pytest

from fanal.accounts.operations.instructions import revoke_instruction
from fanal.accounts.queries.people import actor_for, find_user
from fanal.crosscheck.dossiers.queries import dossier_of
from fanal.deconfliction import queries
from fanal.deconfliction.domain import limits
from fanal.deconfliction.domain.records import Counterpart, RoundState
from fanal.deconfliction.operations import steps
from fanal.deconfliction.operations.counterparts import close_counterpart, set_limits
from fanal.deconfliction.operations.receiving import receive
from fanal.deconfliction.operations.rounds import drop_rounds
from fanal.deconfliction.operations.steps import conclude, hand_out, make_offer, undelivered
from fanal.deconfliction.sharing.operations import withhold
from fanal.deconfliction.sharing.queries import answers_out
from fanal.kernel import clock
from fanal.kernel.actors import Role
from fanal.kernel.refusal import Refusal
from fanal.worker import deconfliction_rounds
from tests.deconfliction_peer import Peer
from tests.integration.accounts.people import make_user
from tests.integration.deconfliction.rounds import state
from tests.integration.deconfliction.world import (
    SYSTEM,
    holding,
    instructed,
    peer,
    register,
    rows,
)

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.role("worker")]
BOTH, FREE = "both@mail.example", "free@mail.example"


def hold_back(report_id: UUID, *, counterpart_id: UUID | None = None, ends: bool = False) -> None:
    user = find_user(username="ana") or make_user("ana", Role.ANALYST, at=clock.now())
    dossier = dossier_of(actor=SYSTEM, report_id=report_id)
    assert dossier is not None
    withhold(
        actor=actor_for(user=user, now=clock.now()), dossier_id=dossier, counterpart_id=counterpart_id,
        withheld=not ends, words="Before an arrest.", now=clock.now(),
    )  # fmt: skip


def two_dossiers() -> UUID:
    """Hold one identifier that will be withheld, and one that stays free; return a report of the first."""
    found = holding("r-1", BOTH)
    holding("r-2", BOTH)
    holding("r-3", FREE)
    return found


def _withheld(report_id: UUID, counterpart_id: UUID) -> None:
    hold_back(report_id)


def _withheld_from_it(report_id: UUID, counterpart_id: UUID) -> None:
    hold_back(report_id, counterpart_id=counterpart_id)


def _victims(report_id: UUID, counterpart_id: UUID) -> None:
    holding("r-9", BOTH, role="VICTIM")


def _erased(report_id: UUID, counterpart_id: UUID) -> None:
    from fanal.worker.expiry import erase_reports

    gone = [row[0] for row in rows("SELECT DISTINCT s.report_id FROM harmonise_sighting s JOIN"
                                   f" harmonise_selector k ON k.key = s.key WHERE k.value = '{BOTH}'")]  # fmt: skip
    erase_reports(actor=SYSTEM, report_ids=gone, now=clock.now())


MEANWHILE = [_withheld, _withheld_from_it, _victims, _erased]


@pytest.mark.parametrize("meanwhile", MEANWHILE)
def test_our_conclusion_leaves_it_out(meanwhile: Callable[[UUID, UUID], None]) -> None:
    report_id = two_dossiers()
    other = peer(BOTH, FREE)
    found = register(other)
    round_id, offer = make_offer(actor=SYSTEM, counterpart=found, now=clock.now())
    meanwhile(report_id, found.id)
    receive(actor=SYSTEM, body=other.answer(offer), now=clock.now())
    body = conclude(actor=SYSTEM, round_id=round_id, now=clock.now())
    assert [value for _, value in other.concluded(body)] == [FREE]
    assert len(queries.list_hits(actor=SYSTEM)) == 1
    [round_] = queries.list_rounds(actor=SYSTEM)
    assert round_.met == 1


def test_narrowed_limits_hold_at_our_conclusion() -> None:
    two_dossiers()
    other = peer(BOTH, FREE)
    found = register(other)
    round_id, offer = make_offer(actor=SYSTEM, counterpart=found, now=clock.now())
    narrow = limits.checked(kinds=["PHONE"], roles=["SUSPECT"], desk_ids=[], months=12)
    set_limits(actor=SYSTEM, counterpart_id=found.id, limits=narrow, now=clock.now())
    receive(actor=SYSTEM, body=other.answer(offer), now=clock.now())
    assert other.concluded(conclude(actor=SYSTEM, round_id=round_id, now=clock.now())) == []


@pytest.mark.parametrize("meanwhile", MEANWHILE)
def test_a_conclusion_that_did_not_arrive_is_not_delivered_any_more(
    meanwhile: Callable[[UUID, UUID], None],
) -> None:
    report_id = two_dossiers()
    other = peer(BOTH, FREE)
    found = register(other)
    round_id, offer = make_offer(actor=SYSTEM, counterpart=found, now=clock.now())
    receive(actor=SYSTEM, body=other.answer(offer), now=clock.now())
    body = conclude(actor=SYSTEM, round_id=round_id, now=clock.now())
    assert undelivered(actor=SYSTEM, round_id=round_id, now=clock.now()) == body
    meanwhile(report_id, found.id)
    for code in ("WITHHELD", "EXPIRED"):
        with pytest.raises(Refusal, match=f"^{code}$"):
            undelivered(actor=SYSTEM, round_id=round_id, now=clock.now())
    assert not queries.is_undelivered(round_id=round_id)


@pytest.mark.parametrize("meanwhile", MEANWHILE)
def test_an_answer_that_nobody_fetched_is_made_again(
    meanwhile: Callable[[UUID, UUID], None],
) -> None:
    report_id = two_dossiers()
    other = peer(BOTH, FREE)
    found = register(other)
    round_id = uuid4()
    receive(actor=SYSTEM, body=other.offer(round_id), now=clock.now())
    steps.answer(actor=SYSTEM, round_id=round_id, now=clock.now())
    meanwhile(report_id, found.id)
    later = clock.now() + (timedelta() if "withheld" in meanwhile.__name__ else timedelta(hours=2))
    with pytest.raises(Refusal, match=r"^NOT_NOW$"):
        hand_out(round_id=round_id, now=later)
    assert state(round_id) is RoundState.RECEIVED
    with pytest.raises(Refusal, match=r"^NOT_NOW$"):  # not the one of before
        hand_out(round_id=round_id, now=later)
    assert deconfliction_rounds.work(actor=SYSTEM) == 1
    receive(
        actor=SYSTEM,
        body=other.conclude(hand_out(round_id=round_id, now=clock.now())),
        now=clock.now(),
    )
    assert [value for _, value in other.met] == [FREE]
    steps.take_conclusion(actor=SYSTEM, round_id=round_id, now=clock.now())
    assert len(queries.list_hits(actor=SYSTEM)) == 1


def test_a_conclusion_is_checked_also_after_a_round_the_other_way() -> None:
    report_id = two_dossiers()
    other = peer(BOTH, FREE)
    found = register(other)
    round_id, offer = make_offer(actor=SYSTEM, counterpart=found, now=clock.now())
    receive(actor=SYSTEM, body=other.answer(offer), now=clock.now())
    conclude(actor=SYSTEM, round_id=round_id, now=clock.now())
    theirs = uuid4()
    receive(actor=SYSTEM, body=other.offer(theirs), now=clock.now())
    steps.answer(actor=SYSTEM, round_id=theirs, now=clock.now())
    answered = hand_out(round_id=theirs, now=clock.now())
    receive(actor=SYSTEM, body=other.conclude(answered), now=clock.now())
    assert steps.take_conclusion(actor=SYSTEM, round_id=theirs, now=clock.now()) == 2
    hold_back(report_id)
    with pytest.raises(Refusal, match=r"^WITHHELD$"):
        undelivered(actor=SYSTEM, round_id=round_id, now=clock.now())


def _waiting_answer(other: Peer) -> UUID:
    round_id = uuid4()
    receive(actor=SYSTEM, body=other.offer(round_id), now=clock.now())
    steps.answer(actor=SYSTEM, round_id=round_id, now=clock.now())
    return round_id


def test_a_report_that_joins_a_withheld_dossier_is_left_out_of_the_waiting_answer() -> None:
    hold_back(two_dossiers())
    other = peer(BOTH, FREE)
    register(other)
    round_id = _waiting_answer(other)
    holding("r-4", BOTH, FREE)
    with pytest.raises(Refusal, match=r"^NOT_NOW$"):
        hand_out(round_id=round_id, now=clock.now())
    assert deconfliction_rounds.work(actor=SYSTEM) == 1
    other.conclude(hand_out(round_id=round_id, now=clock.now()))
    assert other.met == []


def test_a_report_that_joins_no_withheld_dossier_does_not_delay_the_waiting_answer() -> None:
    two_dossiers()
    other = peer(BOTH, FREE)
    register(other)
    round_id = _waiting_answer(other)
    keys = "SELECT cardinality(keys) FROM deconfliction_message WHERE kind = 'ANSWER'"
    assert rows(keys) == [(2,)]
    holding("r-4", "new@mail.example")
    other.conclude(hand_out(round_id=round_id, now=clock.now()))
    assert {value for _, value in other.met} == {BOTH, FREE}
    assert rows(keys) == [(None,)], "not stored after the fetch"


def test_the_keys_of_an_answer_that_nobody_fetched_end_with_the_round() -> None:
    two_dossiers()
    other = peer(BOTH, FREE)
    register(other)
    _waiting_answer(other)
    assert drop_rounds(actor=SYSTEM, now=clock.now(), error="OUR_KEY") == 1
    assert rows("SELECT count(*) FROM deconfliction_message WHERE keys IS NOT NULL") == [(0,)]


def _revoked(found: Counterpart) -> None:
    """Revoke the standing instruction for rounds with a counterpart."""
    standing = queries.standing_with(counterpart=found, now=clock.now())
    proposer = find_user(username="proposer")
    assert standing is not None
    assert proposer is not None
    revoke_instruction(
        actor=actor_for(user=proposer, now=clock.now()), instruction_id=standing.id,
        reason="Ended.", now=clock.now(),
    )  # fmt: skip


@pytest.mark.parametrize("how", [undelivered, conclude])
def test_no_conclusion_leaves_after_its_instruction_was_revoked(
    how: Callable[..., bytes],
) -> None:
    two_dossiers()
    other = peer(BOTH, FREE)
    found = register(other)
    round_id, offer = make_offer(actor=SYSTEM, counterpart=found, now=clock.now())
    receive(actor=SYSTEM, body=other.answer(offer), now=clock.now())
    body = conclude(actor=SYSTEM, round_id=round_id, now=clock.now())
    _revoked(found)
    with pytest.raises(Refusal, match=r"^NO_INSTRUCTION$"):
        how(actor=SYSTEM, round_id=round_id, now=clock.now())
    instructed(other)
    assert how(actor=SYSTEM, round_id=round_id, now=clock.now()) == body
    close_counterpart(actor=SYSTEM, counterpart_id=found.id, now=clock.now())
    with pytest.raises(Refusal, match=r"^CLOSED$"):
        how(actor=SYSTEM, round_id=round_id, now=clock.now())


def test_no_answer_leaves_after_its_instruction_was_revoked() -> None:
    two_dossiers()
    other = peer(BOTH, FREE)
    found = register(other)
    round_id = _waiting_answer(other)
    _revoked(found)
    with pytest.raises(Refusal, match=r"^NO_INSTRUCTION$"):
        hand_out(round_id=round_id, now=clock.now())
    instructed(other)
    other.conclude(hand_out(round_id=round_id, now=clock.now()))
    assert {value for _, value in other.met} == {BOTH, FREE}


def test_an_answer_that_was_fetched_is_said_to_be_out() -> None:
    report_id = two_dossiers()
    other = peer(BOTH, FREE)
    found = register(other)
    round_id = uuid4()
    receive(actor=SYSTEM, body=other.offer(round_id), now=clock.now())
    steps.answer(actor=SYSTEM, round_id=round_id, now=clock.now())
    assert answers_out(actor=SYSTEM, now=clock.now()) == []
    body = hand_out(round_id=round_id, now=clock.now())
    hold_back(report_id)
    assert hand_out(round_id=round_id, now=clock.now()) == body
    [(who, _, ends)] = answers_out(actor=SYSTEM, now=clock.now())
    assert (who, answers_out(actor=SYSTEM, now=ends)) == (found.id, [])
