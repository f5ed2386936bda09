"""Answering an offer: their set multiplied again, and ours beside it."""

from datetime import datetime
from uuid import UUID

from django.db import connection, transaction

from fanal.accounts.domain.policy import require
from fanal.deconfliction import queries
from fanal.deconfliction.domain import curve
from fanal.deconfliction.domain.message import Answer, Offer, read_message, write_message
from fanal.deconfliction.domain.records import Round
from fanal.deconfliction.domain.refusal import DeconflictionRefused
from fanal.deconfliction.domain.sets import LaidOut, lay_out, multiply_shown
from fanal.deconfliction.domain.states import ANSWERING, MessageKind, RoundState, Side
from fanal.deconfliction.operations import rounds
from fanal.deconfliction.operations.gathering import gather
from fanal.deconfliction.operations.identity import signing_key
from fanal.kernel.actors import Actor
from fanal.kernel.failpoints import failpoint


def answer(*, actor: Actor, round_id: UUID, now: datetime) -> bytes:
    """Return the answer to an offer that was received; asked again, the same one.

    The secret is forgotten here: what stays sealed is which of our identifiers stands behind which point.

    Raises:
        Refused: the actor runs no rounds.
        DeconflictionRefused: NOT_FOUND, CLOSED, NO_INSTRUCTION, NO_KEY, EXPIRED, NOT_NOW; POINTS, the offer
            is no set of points of the curve: the round is refused.
    """
    require(actor, "deconfliction.run")
    found, counterpart = rounds.found_round(actor=actor, round_id=round_id, side=Side.ANSWERING)
    if found.state is RoundState.ANSWERED:
        return _kept(found, MessageKind.ANSWER)
    if found.state is not RoundState.RECEIVED:
        raise DeconflictionRefused("NOT_NOW")
    if now >= found.expires_at:
        raise DeconflictionRefused("EXPIRED")
    rounds.instruction_for(counterpart=counterpart, now=now)
    received = read_message(_kept(found, MessageKind.OFFER))
    offer = received.message
    assert isinstance(offer, Offer)  # noqa: S101 - stored under its kind
    secret = curve.new_secret()
    try:
        twice = multiply_shown(secret, offer.points)
    except curve.PointsRefused:
        with transaction.atomic():
            rounds.close(actor=actor, round_=found, move="refuse", now=now, error="POINTS")
        raise DeconflictionRefused("POINTS") from None
    keys = gather(actor=actor, counterpart=counterpart, now=now)
    laid_out = lay_out(secret, rounds.pair_with(counterpart), [key.bytes for key in keys])
    message = Answer(
        round=found.id,
        sender=counterpart.our_name,
        recipient=counterpart.name,
        at=now.replace(microsecond=0),
        expires=found.expires_at,
        previous=received.digest.hex(),
        twice=twice,
        points=laid_out.points,
    )
    body = write_message(message, key=signing_key(now=now, purpose=rounds.SIGNS))
    return _store(actor, found, laid_out, body, held=len(keys), now=now)


def _store(
    actor: Actor, found: Round, laid_out: LaidOut, body: bytes, *, held: int, now: datetime
) -> bytes:
    """Commit an answer, unless another process did so meanwhile: then that one counts."""
    shown = len(laid_out.points) // curve.SIZE
    with transaction.atomic():
        if rounds.hold(round_id=found.id) != RoundState.RECEIVED:
            return _kept(found, MessageKind.ANSWER)
        with connection.cursor() as cursor:
            cursor.execute(
                "UPDATE deconfliction_round SET state = %s, held = %s, shown = %s WHERE id = %s",
                [ANSWERING.apply(found.state, "answer"), held, shown, found.id],
            )
        rounds.keep_message(round_id=found.id, received=read_message(body), ours=True, now=now)
        rounds.seal(round_id=found.id, kept=rounds.Kept(laid_out=laid_out), now=now)
        rounds.note(actor=actor, action="deconfliction.answer", round_=found, now=now, shown=shown)
        failpoint("deconflict.stored")
    failpoint("deconflict.committed")
    return body


def _kept(found: Round, kind: MessageKind) -> bytes:
    body = queries.message_body(round_id=found.id, kind=kind)
    if body is None:
        raise DeconflictionRefused("EXPIRED")
    return body
