"""Reception of another organisation's message: verified and stored, processed later; idempotent."""

from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from django.db import IntegrityError, transaction

from fanal.accounts.domain.policy import Resource, may, require
from fanal.db import sql
from fanal.deconfliction import queries
from fanal.deconfliction.domain import sets
from fanal.deconfliction.domain.limits import MOST_ROUNDS
from fanal.deconfliction.domain.message import (
    Answer,
    Conclusion,
    Message,
    Offer,
    Received,
    check_signature,
    read_message,
)
from fanal.deconfliction.domain.records import Counterpart, MessageKind, Round, RoundState, Side
from fanal.deconfliction.domain.sets import shown_points
from fanal.deconfliction.operations import rounds
from fanal.kernel.actors import Actor, system_actor
from fanal.kernel.refusal import Refusal

_AHEAD: Final = timedelta(minutes=10)
"""Tolerance for a counterpart's clock that runs ahead of ours."""
_FOLLOWS: Final = {
    MessageKind.ANSWER: (Side.OFFERING, RoundState.OFFERED, MessageKind.OFFER),
    MessageKind.CONCLUSION: (Side.ANSWERING, RoundState.ANSWERED, MessageKind.ANSWER),
}
"""For each kind of message: our side, the state of the round, and the message that it must refer to."""
_MACHINE: Final = system_actor("take a message of a counterpart")


def receive(*, actor: Actor, body: bytes, now: datetime, expected: UUID | None = None) -> UUID:
    """Verify and store a message of another organisation (a counterpart); it is processed later.

    Return the id of its round of private set intersection. `body` is the signed message as received. A
    program of an organisation may deliver only the messages of its own counterpart. The same message received
    again is accepted. `expected` is the round that the message must belong to, if known.

    Raises:
        Refused: the actor may neither deliver messages nor run rounds.
        Refusal: TOO_LARGE or MALFORMED, see `read_message`; UNKNOWN, no such open counterpart; SIGNATURE, not
            valid; EXPIRED, past the end of the round, or a round that would last too long; FUTURE, dated
            ahead; NO_INSTRUCTION, no standing instruction is in force; POINTS, not a valid set of curve
            points; QUOTA, too many points or rounds on this day; NOT_FOUND, no such round; PREVIOUS, it
            refers to another message than ours, or to another end; SECOND, another message of its kind was
            received, or it belongs to another round than `expected`; NOT_NOW, the round is in another state;
            THEIR_KEY, the counterpart's key was replaced meanwhile.
    """
    if not may(actor, "deconfliction.run"):
        require(actor, "deconfliction.exchange", Resource(partner_id=actor.partner_id))
    received = read_message(body)
    counterpart = _sender(actor, received)
    message = received.message
    if expected not in (None, message.round):
        raise Refusal("deconfliction", "SECOND")
    if _is_known(received, counterpart):
        return message.round
    _check_time(message, now)
    instruction = rounds.instruction_for(counterpart=counterpart, now=now)
    try:
        with transaction.atomic():
            rounds.hold_counterpart(counterpart)
            if isinstance(message, Offer):
                _begin(actor, received, counterpart, instruction_id=instruction.id, now=now)
            else:
                _follow(actor, received, counterpart, now=now)
    except IntegrityError:
        if _is_known(received, counterpart):  # the same message twice, concurrently
            return message.round
        raise Refusal("deconfliction", "SECOND") from None
    return message.round


def _check_time(message: Message, now: datetime) -> None:
    """Check that a message is neither past the end of its round nor dated in the future.

    A round is one run of private set intersection.

    Raises:
        Refusal: EXPIRED, also for an offer whose round would last too long; FUTURE.
    """
    too_long = isinstance(message, Offer) and message.expires - message.at > rounds.LASTS
    if now >= message.expires or too_long:
        raise Refusal("deconfliction", "EXPIRED")
    if message.at > now + _AHEAD:
        raise Refusal("deconfliction", "FUTURE")


def _sender(actor: Actor, received: Received) -> Counterpart:
    """Return the registered organisation (counterpart) whose signature a message carries.

    Raises:
        Refusal: UNKNOWN (none of that name, or not the actor's organisation), SIGNATURE.
    """
    message = received.message
    found = queries.find_counterpart(name=message.sender, our_name=message.recipient)
    foreign = not may(actor, "deconfliction.run") and (
        found is None or found.organisation_id != actor.partner_id
    )
    if found is None or foreign:
        raise Refusal("deconfliction", "UNKNOWN")
    check_signature(received, key=found.public_key)
    return found


def _is_known(received: Received, counterpart: Counterpart) -> bool:
    """Return whether exactly this message was received from this organisation (counterpart) before.

    Raises:
        Refusal: SECOND, another message of its kind was received in the round; or the round belongs to
            another counterpart or to us.
    """
    message = received.message
    kept = rounds.digest_of(round_id=message.round, kind=message.kind_of)
    if kept is None:
        return False
    found = queries.get_round(actor=_MACHINE, round_id=message.round)
    if kept != received.digest or found is None or found.counterpart_id != counterpart.id:
        raise Refusal("deconfliction", "SECOND")
    return True


def _begin(
    actor: Actor,
    received: Received,
    counterpart: Counterpart,
    *,
    instruction_id: UUID,
    now: datetime,
) -> None:
    offer = received.message
    assert isinstance(offer, Offer)  # noqa: S101 - the caller has checked
    if queries.begun_on(counterpart_id=counterpart.id, now=now) >= MOST_ROUNDS:
        raise Refusal("deconfliction", "QUOTA")
    made = Round(
        id=offer.round,
        counterpart_id=counterpart.id,
        side=Side.ANSWERING,
        state=RoundState.RECEIVED,
        instruction_id=instruction_id,
        started_at=now,
        expires_at=offer.expires,
        closed_at=None,
        held=None,
        shown=0,
        asked=_asked(offer.points, counterpart, now=now),
        met=None,
        error="",
    )
    rounds.store_round(made)
    rounds.keep_message(round_id=made.id, received=received, ours=False, now=now)
    rounds.note(actor=actor, action="deconfliction.receive", round_=made, now=now, asked=made.asked)


def _follow(actor: Actor, received: Received, counterpart: Counterpart, *, now: datetime) -> None:
    message = received.message
    assert isinstance(message, Answer | Conclusion)  # noqa: S101 - the caller has checked
    side, state, before = _FOLLOWS[message.kind_of]
    found = queries.get_round(actor=_MACHINE, round_id=message.round)
    if found is None or found.counterpart_id != counterpart.id or found.side is not side:
        raise Refusal("deconfliction", "NOT_FOUND")
    if rounds.hold(round_id=found.id) != state:
        raise Refusal("deconfliction", "NOT_NOW")
    ours = rounds.digest_of(round_id=found.id, kind=before)
    if (message.previous, message.expires) != (ours.hex() if ours else None, found.expires_at):
        raise Refusal("deconfliction", "PREVIOUS")
    if isinstance(message, Answer):
        asked = _asked(message.points, counterpart, now=now)
        if len(message.twice) != found.shown * sets.SIZE:
            raise Refusal("deconfliction", "POINTS")
        sql.run("UPDATE deconfliction_round SET asked = %s WHERE id = %s", [asked, found.id])
    rounds.keep_message(round_id=found.id, received=received, ours=False, now=now)
    rounds.note(actor=actor, action="deconfliction.receive", round_=found, now=now)


def _asked(points: bytes, counterpart: Counterpart, *, now: datetime) -> int:
    """Return the number of points (blinded identifiers) in a set; check the sender's daily quota.

    `points` are concatenated points of 32 bytes, `counterpart` is the organisation that sent them.

    Raises:
        Refusal: POINTS, not a valid set; QUOTA, too many points on this day.
    """
    try:
        number = len(shown_points(points))
    except sets.PointsRefused:
        raise Refusal("deconfliction", "POINTS") from None
    today = queries.asked_on(counterpart_ids=[counterpart.id], now=now).get(counterpart.id, 0)
    if today + number > counterpart.daily_points:
        raise Refusal("deconfliction", "QUOTA")
    return number
