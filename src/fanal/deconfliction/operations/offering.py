"""Beginning a round: our set under a fresh secret, signed, kept until it is answered."""

from datetime import datetime
from uuid import UUID

from django.db import IntegrityError, connection, transaction

from fanal.accounts.domain.policy import require
from fanal.deconfliction import queries
from fanal.deconfliction.domain import curve
from fanal.deconfliction.domain.message import Offer, read_message, write_message
from fanal.deconfliction.domain.records import Counterpart, Round
from fanal.deconfliction.domain.refusal import DeconflictionRefused
from fanal.deconfliction.domain.sets import lay_out
from fanal.deconfliction.domain.states import MessageKind, RoundState, Side
from fanal.deconfliction.operations import rounds
from fanal.deconfliction.operations.gathering import gather
from fanal.deconfliction.operations.identity import signing_key
from fanal.kernel.actors import Actor
from fanal.kernel.failpoints import failpoint
from fanal.kernel.ids import new_id


def make_offer(*, actor: Actor, counterpart: Counterpart, now: datetime) -> tuple[UUID, bytes]:
    """Begin a round with a counterpart; return its id and the message to hand in there.

    Where one that we began is under way, that one is returned again: a message may be lost.

    Raises:
        Refused: the actor runs no rounds.
        DeconflictionRefused: CLOSED, NO_INSTRUCTION, NO_KEY.
    """
    require(actor, "deconfliction.run")
    instruction = rounds.instruction_for(counterpart=counterpart, now=now)
    known = _under_way(actor, counterpart, now)
    if known is not None:
        return known
    keys = gather(actor=actor, counterpart=counterpart, now=now)
    secret, started = curve.new_secret(), now.replace(microsecond=0)
    laid_out = lay_out(secret, rounds.pair_with(counterpart), [key.bytes for key in keys])
    made = Round(
        id=new_id(now),
        counterpart_id=counterpart.id,
        side=Side.OFFERING,
        state=RoundState.OFFERED,
        instruction_id=instruction.id,
        started_at=started,
        expires_at=started + rounds.LASTS,
        closed_at=None,
        held=len(keys),
        shown=len(laid_out.points) // curve.SIZE,
        asked=0,
        met=None,
        error="",
    )
    offer = Offer(
        round=made.id,
        sender=counterpart.our_name,
        recipient=counterpart.name,
        at=made.started_at,
        expires=made.expires_at,
        points=laid_out.points,
    )
    body = write_message(offer, key=signing_key(now=now, purpose=rounds.SIGNS))
    kept = rounds.Kept(laid_out=laid_out, secret=secret.private_bytes_raw())
    try:
        with transaction.atomic():
            store_round(made)
            rounds.keep_message(round_id=made.id, received=read_message(body), ours=True, now=now)
            rounds.seal(round_id=made.id, kept=kept, now=now)
            rounds.note(
                actor=actor, action="deconfliction.offer", round_=made, now=now, shown=made.shown
            )
            failpoint("deconflict.stored")
    except IntegrityError:
        raise DeconflictionRefused("UNDER_WAY") from None
    failpoint("deconflict.committed")
    return made.id, body


def store_round(made: Round) -> None:
    """Insert the row of a round."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO deconfliction_round (id, counterpart_id, side, state, instruction_id,"
            " started_at, expires_at, held, shown, asked) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
            [
                made.id, made.counterpart_id, made.side, made.state, made.instruction_id, made.started_at,
                made.expires_at, made.held, made.shown, made.asked,
            ],
        )  # fmt: skip


def _under_way(actor: Actor, counterpart: Counterpart, now: datetime) -> tuple[UUID, bytes] | None:
    found = queries.open_rounds(
        actor=actor, state=RoundState.OFFERED, counterpart_id=counterpart.id
    )
    for one in found:
        if now < one.expires_at:
            body = queries.message_body(round_id=one.id, kind=MessageKind.OFFER)
            return None if body is None else (one.id, body)
    return None
