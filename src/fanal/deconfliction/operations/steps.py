"""The steps of a round of private set intersection that compute: offer, answer, conclusion.

Our set is blinded, signed, stored; at the end common identifiers are recorded, secrets erased. What may be
shared is checked again in each transaction after which something leaves.
"""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Final, NoReturn
from uuid import UUID

from django.db import transaction

from fanal.accounts.domain.policy import require
from fanal.accounts.row_scope import across_desks
from fanal.db import sql
from fanal.deconfliction import queries
from fanal.deconfliction.domain import sets
from fanal.deconfliction.domain.message import (
    Answer,
    Conclusion,
    Offer,
    head_of,
    read_message,
    write_message,
)
from fanal.deconfliction.domain.records import (
    ANSWERING,
    Counterpart,
    MessageKind,
    Round,
    RoundState,
    Side,
)
from fanal.deconfliction.domain.sets import LaidOut, keys_at, lay_out, meet, multiply_shown
from fanal.deconfliction.operations import rounds
from fanal.deconfliction.operations.hits import write_hits
from fanal.deconfliction.operations.identity import signing_key
from fanal.deconfliction.sharing import operations as sharing
from fanal.kernel.actors import Actor, system_actor
from fanal.kernel.failpoints import failpoint
from fanal.kernel.ids import new_id
from fanal.kernel.refusal import Refusal

_MACHINE: Final = system_actor("first fetch of an answer of de-confliction")

# Answer to an offer: their set blinded again, and our own.


def answer(*, actor: Actor, round_id: UUID, now: datetime) -> bytes:
    """Return this desk's answer to an offer received in a round of private set intersection.

    A repeated call returns the same message. The secret is not kept afterwards: only the identifiers behind
    our points are sealed until the conclusion.

    Raises:
        Refused: the actor may not run rounds.
        Refusal: NOT_FOUND (no round has this id), CLOSED (the counterpart is closed), NO_INSTRUCTION (no
            standing instruction in force covers the counterpart), NO_KEY (this desk has no key pair yet),
            EXPIRED (the round is past its end), NOT_NOW (the round is in another state, or has no message to
            process); POINTS, the offer is not a valid set of curve points: the round is refused.
        KeyMissing, BlobMissing, BlobDamaged, EnvelopeRefused, VaultAway: the vault does not open the signing
            key.
    """
    require(actor, "deconfliction.run")
    found, counterpart = rounds.found_round(actor=actor, round_id=round_id, side=Side.ANSWERING)
    if found.state is RoundState.ANSWERED:
        return _kept(found, MessageKind.ANSWER)
    if found.state is not RoundState.RECEIVED:
        raise Refusal("deconfliction", "NOT_NOW")
    if now >= found.expires_at:
        raise Refusal("deconfliction", "EXPIRED")
    rounds.instruction_for(counterpart=counterpart, now=now)
    received = read_message(_kept(found, MessageKind.OFFER))
    offer = received.message
    assert isinstance(offer, Offer)  # noqa: S101 - stored under its kind
    secret = sets.new_secret()
    try:
        twice = multiply_shown(secret, offer.points)
    except sets.PointsRefused:
        with transaction.atomic():
            rounds.close(actor=actor, round_=found, move="refuse", now=now, error="POINTS")
        raise Refusal("deconfliction", "POINTS") from None
    keys = sharing.gather(actor=actor, counterpart=counterpart, now=now)
    laid_out = lay_out(secret, rounds.pair_with(counterpart), [key.bytes for key in keys])
    message = Answer(
        **head_of(found, counterpart, now=now),
        previous=received.digest.hex(),
        twice=twice,
        points=laid_out.points,
    )
    body = write_message(message, key=signing_key(now=now, purpose=rounds.SIGNS))
    return _store(actor, (found, counterpart), laid_out, body, keys=keys, now=now)


def _store(
    actor: Actor,
    of: tuple[Round, Counterpart],
    laid_out: LaidOut,
    body: bytes,
    *,
    keys: Sequence[UUID],
    now: datetime,
) -> bytes:
    """Store our answer in a round of private set intersection, and return it.

    `of` is the round and the counterpart, `body` the signed answer, `laid_out` our blinded set, `keys` our
    selector keys in it. If another process stored an answer meanwhile, that one is returned. An earlier
    answer that was never fetched is replaced.

    Raises:
        Refusal: NOT_NOW: an identifier in the answer may no longer be shared; a later call leaves it out.
    """
    found, counterpart = of
    shown = len(laid_out.points) // sets.SIZE
    with transaction.atomic():
        if rounds.hold(round_id=found.id) != RoundState.RECEIVED:
            return _kept(found, MessageKind.ANSWER)
        sharing.hold_sharing()
        allowed = sharing.still_allowed(actor=actor, counterpart=counterpart, keys=keys, now=now)
        if not allowed.issuperset(keys):
            raise Refusal("deconfliction", "NOT_NOW")
        sql.run(
            "UPDATE deconfliction_round SET state = %s, held = %s, shown = %s WHERE id = %s",
            [ANSWERING.apply(found.state, "answer"), len(keys), shown, found.id],
        )
        sql.run(
            "DELETE FROM deconfliction_message WHERE round_id = %s AND kind = 'ANSWER'", [found.id]
        )
        rounds.keep_message(
            round_id=found.id,
            received=read_message(body),
            ours=True,
            now=now,
            keys=keys,
        )
        rounds.seal(round_id=found.id, kept=rounds.RoundSecret(laid_out=laid_out), now=now)
        rounds.note(actor=actor, action="deconfliction.answer", round_=found, now=now, shown=shown)
        failpoint("deconflict.stored")
    failpoint("deconflict.committed")
    return body


FRESH: Final = timedelta(hours=1)
"""Maximum age of our answer when it is fetched for the first time; an older one is made again first."""


def hand_out(*, round_id: UUID, now: datetime) -> bytes:
    """Return our answer in a round of private set intersection, to the organisation that began the round.

    From then on the answer cannot be withdrawn; a later call returns the same bytes. At the first fetch, the
    standing instruction and every identifier in the answer are checked again. If an identifier may no longer
    be shared, or if the answer is older than `FRESH`, it is not returned: the worker computes a new one. The
    caller has checked access with `get_round`.

    Raises:
        Refusal: NOT_NOW, the answer is not made yet, or must be made again; EXPIRED, the round is over;
            CLOSED (the counterpart is closed), NO_INSTRUCTION, no standing instruction in force covers it.
    """
    with transaction.atomic():
        state = rounds.hold(round_id=round_id)
        sharing.hold_sharing()
        row = sql.row(
            "SELECT m.body, m.delivered_at, m.at, m.keys FROM deconfliction_message m"
            " WHERE m.round_id = %s AND m.kind = 'ANSWER' AND m.ours",
            [round_id],
        )
        if state == RoundState.RECEIVED:
            raise Refusal("deconfliction", "NOT_NOW")
        if row is None or row[0] is None or (row[1] is None and state != RoundState.ANSWERED):
            raise Refusal("deconfliction", "EXPIRED")
        body, delivered_at, made_at, keys = row
        if delivered_at is not None:
            return bytes(body)
        stale = now - made_at > FRESH or not _still_as_made(round_id, keys, now)
        if stale:
            sql.run(
                "UPDATE deconfliction_round SET state = %s WHERE id = %s",
                [ANSWERING.apply(RoundState(state), "renew"), round_id],
            )
        else:
            sql.run(
                "UPDATE deconfliction_message SET delivered_at = %s, keys = NULL"
                " WHERE round_id = %s AND kind = 'ANSWER'",
                [now, round_id],
            )
    if stale:
        raise Refusal("deconfliction", "NOT_NOW")
    return bytes(body)


@across_desks()  # a partner's program asks; identifiers are only compared with what may be shared
def _still_as_made(round_id: UUID, keys: Collection[UUID] | None, now: datetime) -> bool:
    """Return whether all identifiers in our answer in a round of private set intersection may be shared.

    `keys` are their selector keys; None, for an answer made before they were stored, gives False.

    Raises:
        Refusal: CLOSED, NO_INSTRUCTION as `rounds.instruction_for`.
    """
    _, counterpart = rounds.found_round(actor=_MACHINE, round_id=round_id, side=Side.ANSWERING)
    rounds.instruction_for(counterpart=counterpart, now=now)
    if keys is None:
        return False
    allowed = sharing.still_allowed(actor=_MACHINE, counterpart=counterpart, keys=keys, now=now)
    return allowed.issuperset(keys)


def _kept(found: Round, kind: MessageKind) -> bytes:
    body = queries.message_body(round_id=found.id, kind=kind)
    if body is None:
        raise Refusal("deconfliction", "EXPIRED")
    return body


def make_offer(*, actor: Actor, counterpart: Counterpart, now: datetime) -> tuple[UUID, bytes]:
    """Begin a round of private set intersection with an organisation; return its id and the offer to deliver.

    The offer is a signed message. If a round of ours is already open, its offer is returned again: a message
    may be lost.

    Raises:
        Refused: the actor may not run rounds.
        Refusal: CLOSED (the counterpart is closed), NO_INSTRUCTION (no standing instruction in force covers
            the counterpart), NO_KEY (this desk has no key pair yet), UNDER_WAY (another process began one),
            THEIR_KEY (the organisation's key was replaced meanwhile).
        KeyMissing, BlobMissing, BlobDamaged, EnvelopeRefused, VaultAway: the vault does not open the signing
            key.
    """
    require(actor, "deconfliction.run")
    instruction = rounds.instruction_for(counterpart=counterpart, now=now)
    known = _under_way(actor, counterpart, now)
    if known is not None:
        return known
    keys = sharing.gather(actor=actor, counterpart=counterpart, now=now)
    secret, started = sets.new_secret(), now.replace(microsecond=0)
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
        shown=len(laid_out.points) // sets.SIZE,
        asked=0,
        met=None,
        error="",
    )
    offer = Offer(
        **head_of(made, counterpart, now=now),
        points=laid_out.points,
    )
    body = write_message(offer, key=signing_key(now=now, purpose=rounds.SIGNS))
    kept = rounds.RoundSecret(laid_out=laid_out, secret=secret.private_bytes_raw())
    with sql.unique(Refusal("deconfliction", "UNDER_WAY")):
        rounds.hold_counterpart(counterpart)
        rounds.store_round(made)
        rounds.keep_message(round_id=made.id, received=read_message(body), ours=True, now=now)
        rounds.seal(round_id=made.id, kept=kept, now=now)
        rounds.note(
            actor=actor, action="deconfliction.offer", round_=made, now=now, shown=made.shown
        )
        failpoint("deconflict.stored")
    failpoint("deconflict.committed")
    return made.id, body


def _under_way(actor: Actor, counterpart: Counterpart, now: datetime) -> tuple[UUID, bytes] | None:
    found = queries.open_rounds(
        actor=actor, state=RoundState.OFFERED, counterpart_id=counterpart.id
    )
    for one in found:
        if now < one.expires_at:
            body = queries.message_body(round_id=one.id, kind=MessageKind.OFFER)
            return None if body is None else (one.id, body)
    return None


def conclude(*, actor: Actor, round_id: UUID, now: datetime) -> bytes:
    """Compute the matches of a round that we began and that was answered; return the conclusion message.

    A round is one run of private set intersection; the message is signed bytes to send. A match on an
    identifier that may no longer be shared is left out of the message, and is not recorded at this desk
    either. A repeated call returns the same message.

    Raises:
        Refused: the actor may not run rounds.
        Refusal: NOT_FOUND (no round has this id), NOT_NOW (no answer was received), EXPIRED (the round is
            past its end), CLOSED (the counterpart is closed), NO_INSTRUCTION (no standing instruction in
            force covers the counterpart), NO_KEY (this desk has no key pair yet); POINTS, the answer is not a
            valid set: the round is refused; WITHHELD, as `undelivered`.
        KeyMissing, BlobMissing, BlobDamaged, EnvelopeRefused, VaultAway: the vault does not open the secret
            of the round or the signing key.
    """
    require(actor, "deconfliction.run")
    found, counterpart = rounds.found_round(actor=actor, round_id=round_id, side=Side.OFFERING)
    if found.state is RoundState.CONCLUDED:
        return undelivered(actor=actor, round_id=round_id, now=now)
    stored = _open(found, counterpart, RoundState.OFFERED, MessageKind.ANSWER, now=now)
    received = read_message(stored)
    answer = received.message
    assert isinstance(answer, Answer)  # noqa: S101 - stored under its kind
    kept = rounds.unseal(round_id=found.id, now=now)
    try:
        met = meet(kept.key, kept.laid_out, twice=answer.twice, theirs=answer.points)
    except sets.PointsRefused:
        _refuse(actor, found, now)
    signer = signing_key(now=now, purpose=rounds.SIGNS)
    with transaction.atomic():
        if rounds.hold(round_id=found.id) != RoundState.OFFERED:
            raise Refusal("deconfliction", "NOT_NOW")  # another process concluded it meanwhile
        sharing.hold_sharing()
        keys = [UUID(bytes=key) for key in met.keys]
        allowed = sharing.still_allowed(actor=actor, counterpart=counterpart, keys=keys, now=now)
        pairs = [
            (key, place)
            for key, place in zip(met.keys, met.places, strict=True)
            if UUID(bytes=key) in allowed
        ]
        message = Conclusion(
            **head_of(found, counterpart, now=now),
            previous=received.digest.hex(),
            met=tuple(place for _, place in pairs),
        )
        body = write_message(message, key=signer)
        rounds.keep_message(round_id=found.id, received=read_message(body), ours=True, now=now)
        shared = tuple(key for key, _ in pairs)
        _end(actor, found, shared, now=now, action="deconfliction.conclude")
        failpoint("deconflict.stored")
    failpoint("deconflict.committed")
    return body


def undelivered(*, actor: Actor, round_id: UUID, now: datetime) -> bytes:
    """Return our conclusion, the last message of a round of private set intersection, for delivery.

    The standing instruction and every identifier in the conclusion are checked again first. If one may not be
    shared any more, the message is erased and never delivered; the next round finds the other matches again.

    Raises:
        Refused: the actor may not run rounds.
        Refusal: NOT_FOUND (no such round); EXPIRED (no conclusion is stored); WITHHELD (it was erased
            just now); CLOSED (the counterpart is closed); NO_INSTRUCTION (no standing instruction is in
            force).
    """
    require(actor, "deconfliction.run")
    found, counterpart = rounds.found_round(actor=actor, round_id=round_id, side=Side.OFFERING)
    with transaction.atomic():
        rounds.hold(round_id=round_id)
        sharing.hold_sharing()
        row = sql.row(
            "SELECT body, at, delivered_at FROM deconfliction_message"
            " WHERE round_id = %s AND kind = 'CONCLUSION' AND ours",
            [found.id],
        )
        if row is None or row[0] is None:
            raise Refusal("deconfliction", "EXPIRED")
        body, at, delivered_at = row
        if delivered_at is not None or _may_leave(actor, counterpart, at, now):
            return bytes(body)
        sql.run(
            "UPDATE deconfliction_message SET body = NULL WHERE round_id = %s AND kind = 'CONCLUSION'",
            [found.id],
        )
        rounds.note(
            actor=actor, action="deconfliction.refuse", round_=found, now=now, error="WITHHELD"
        )
    raise Refusal("deconfliction", "WITHHELD")


def _may_leave(actor: Actor, counterpart: Counterpart, at: datetime, now: datetime) -> bool:
    """Return whether every identifier in a conclusion that is not delivered yet may still be shared.

    `counterpart` is the organisation to which it is addressed, `at` the instant of the conclusion. The result
    is False if the reports of a match were erased since, because its key is gone. A match of `at` that a
    later round found again is checked too, since it may be in the conclusion.

    Raises:
        Refusal: CLOSED, NO_INSTRUCTION as `rounds.instruction_for`.
    """
    rounds.instruction_for(counterpart=counterpart, now=now)
    found = sql.rows(
        "SELECT key FROM deconfliction_hit"
        " WHERE counterpart_id = %(of)s AND met_at <= %(at)s AND last_met_at >= %(at)s",
        {"of": counterpart.id, "at": at},
    )
    keys = [key for (key,) in found if key is not None]
    if len(keys) != len(found):
        return False
    allowed = sharing.still_allowed(actor=actor, counterpart=counterpart, keys=keys, now=now)
    return allowed.issuperset(keys)


def note_delivered(*, actor: Actor, round_id: UUID, now: datetime) -> None:
    """Record that the other organisation received our conclusion, the last message of a round of comparison.

    It is then not delivered again. Nothing happens without a conclusion of ours.

    Raises:
        Refused: the actor may not run rounds.
    """
    require(actor, "deconfliction.run")
    sql.run(
        "UPDATE deconfliction_message SET delivered_at = %s"
        " WHERE round_id = %s AND kind = 'CONCLUSION' AND ours AND delivered_at IS NULL",
        [now, round_id],
    )


def take_conclusion(*, actor: Actor, round_id: UUID, now: datetime) -> int:
    """Record the matches that the other organisation reports at the end of a round; return their number.

    A round is a private set intersection; that organisation began it, this desk answered it, and its
    conclusion was received. A round already concluded returns its stored number. The result cannot be
    verified: a false match shows at the first contact, a concealed match never. A conclusion that names a
    padding point (a random point without identifier) closes the round as refused.

    Raises:
        Refused: the actor may not run rounds.
        Refusal: NOT_FOUND (no round has this id); NOT_NOW, no conclusion was received or the round is in
            another state; EXPIRED (the round is past its end); CLOSED, the counterpart is closed;
            NO_INSTRUCTION, no standing instruction is in force; POINTS, the round is refused.
        KeyMissing, BlobMissing, BlobDamaged, EnvelopeRefused, VaultAway: the vault does not open the secret
            of the round.
    """
    require(actor, "deconfliction.run")
    found, counterpart = rounds.found_round(actor=actor, round_id=round_id, side=Side.ANSWERING)
    if found.state is RoundState.CONCLUDED:
        return found.met or 0
    stored = _open(found, counterpart, RoundState.ANSWERED, MessageKind.CONCLUSION, now=now)
    message = read_message(stored).message
    assert isinstance(message, Conclusion)  # noqa: S101 - stored under its kind
    kept = rounds.unseal(round_id=found.id, now=now)
    try:
        keys = keys_at(kept.laid_out, message.met)
    except sets.PointsRefused:
        _refuse(actor, found, now)
    with transaction.atomic():
        if rounds.hold(round_id=found.id) != RoundState.ANSWERED:
            raise Refusal("deconfliction", "NOT_NOW")
        _end(actor, found, keys, now=now, action="deconfliction.take")
        failpoint("deconflict.stored")
    failpoint("deconflict.committed")
    return len(keys)


def _open(
    found: Round,
    counterpart: Counterpart,
    state: RoundState,
    kind: MessageKind,
    *,
    now: datetime,
) -> bytes:
    """Return the bytes of the received message that the next step of a round processes.

    `found` is the round (of private set intersection): it must be in `state`, not past its end, and have
    received a message of `kind`; its counterpart (the other organisation) must be open and a standing
    instruction in force.

    Raises:
        Refusal: NOT_NOW, EXPIRED, CLOSED, NO_INSTRUCTION.
    """
    body = queries.message_body(round_id=found.id, kind=kind)
    if found.state is not state or body is None:
        raise Refusal("deconfliction", "NOT_NOW")
    if now >= found.expires_at:
        raise Refusal("deconfliction", "EXPIRED")
    rounds.instruction_for(counterpart=counterpart, now=now)
    return body


def _refuse(actor: Actor, found: Round, now: datetime) -> NoReturn:
    with transaction.atomic():
        rounds.close(actor=actor, round_=found, move="refuse", now=now, error="POINTS")
    raise Refusal("deconfliction", "POINTS")


def _end(
    actor: Actor, found: Round, keys: tuple[bytes, ...], *, now: datetime, action: str
) -> None:
    """Record the end of a round of private set intersection and its matches, in the caller's transaction.

    `keys` are the selector keys of the identifiers that both sides hold, `action` is the name of the ledger
    entry.
    """
    write_hits(actor=actor, round_=found, keys=[UUID(bytes=key) for key in keys], now=now)
    rounds.close(actor=actor, round_=found, move="conclude", now=now, met=len(keys))
    rounds.note(actor=actor, action=action, round_=found, now=now, met=len(keys))
