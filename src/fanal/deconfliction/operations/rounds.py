"""Shared functions of the steps of a round of private set intersection, and the expiry of rounds.

They lock the row of the round, store its messages and its sealed secret. Messages and matches expire with
their round or report. Internal to the package.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import msgspec
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from django.db import connection, transaction
from msgspec import Struct

from fanal.accounts.domain.instructions import StandingInstruction
from fanal.accounts.domain.policy import require
from fanal.db import sql
from fanal.deconfliction import queries
from fanal.deconfliction.domain.message import Received, pair_of
from fanal.deconfliction.domain.records import (
    ROUNDS,
    Counterpart,
    MessageKind,
    Round,
    RoundState,
    Side,
)
from fanal.deconfliction.domain.sets import LaidOut
from fanal.kernel.actors import Actor, system_actor
from fanal.kernel.ids import new_id
from fanal.kernel.refusal import Refusal
from fanal.ledger import operations as ledger
from fanal.ledger.domain.records import ObjectRef
from fanal.vault import queries as vaulted
from fanal.vault.domain.records import Sealable
from fanal.vault.operations.erase import erase as erase_sealed
from fanal.vault.operations.opening import ObjectUnknown, open_batch
from fanal.vault.operations.sealing import seal_batch

LASTS: Final = timedelta(days=7)
"""Maximum duration of a round: its messages may travel as files, by hand."""
SIGNS: Final = "sign a message of de-confliction"
"""Purpose recorded when the signing key is unsealed."""
_KIND: Final = "deconfliction_round"
_PURPOSE: Final = "go on with a round of de-confliction"


class RoundSecret(Struct, frozen=True, kw_only=True):
    """The secret data of a round of private set intersection, encrypted in the vault until it closes.

    `laid_out` is our set with the selector keys behind its points (blinded identifiers). `secret` (the
    scalar, 32 bytes) is kept only by the side that began the round; else it is empty.
    """

    laid_out: LaidOut
    secret: bytes = b""

    @property
    def key(self) -> X25519PrivateKey:
        """The secret scalar of the round of private set intersection, as an X25519 private key."""
        return X25519PrivateKey.from_private_bytes(self.secret)


def instruction_for(*, counterpart: Counterpart, now: datetime) -> StandingInstruction:
    """Return the standing instruction that permits comparisons with a counterpart (another organisation).

    Raises:
        Refusal: NO_INSTRUCTION (no standing instruction in force covers the counterpart); CLOSED, the
            counterpart is closed.
    """
    if counterpart.closed_at is not None:
        raise Refusal("deconfliction", "CLOSED")
    found = queries.standing_with(counterpart=counterpart, now=now)
    if found is None:
        raise Refusal("deconfliction", "NO_INSTRUCTION")
    return found


def pair_with(counterpart: Counterpart) -> bytes:
    """Return the domain separator (32 bytes) of the curve points for this desk and a counterpart.

    It is derived from the public keys of both organisations: see `message.pair_of`.

    Raises:
        Refusal: NO_KEY, this desk has no key pair yet.
    """
    own = queries.public_key()
    if own is None:
        raise Refusal("deconfliction", "NO_KEY")
    return pair_of(own, counterpart.public_key)


def hold_counterpart(counterpart: Counterpart) -> None:
    """Lock the row of a counterpart (organisation with which identifiers are compared) for the transaction.

    Its messages are thus processed one at a time, and the check of its daily quota is exact.

    Raises:
        Refusal: THEIR_KEY, it was closed or got another key since `counterpart` was read.
    """
    row = sql.row(
        "SELECT public_key = %s AND closed_at IS NULL FROM deconfliction_counterpart"
        " WHERE id = %s FOR UPDATE",
        [counterpart.public_key, counterpart.id],
    )
    if row is None or not row[0]:
        raise Refusal("deconfliction", "THEIR_KEY")


def hold(*, round_id: UUID) -> str:
    """Lock the row of a round (of private set intersection) until the end of the transaction.

    Return its state, a `RoundState` value.

    Raises:
        Refusal: NOT_FOUND (no round has this id).
    """
    row = sql.row("SELECT state FROM deconfliction_round WHERE id = %s FOR UPDATE", [round_id])
    if row is None:
        raise Refusal("deconfliction", "NOT_FOUND")
    return str(row[0])


def store_round(made: Round) -> None:
    """Insert the row of a new round of private set intersection, begun by this desk or another organisation.

    Raises:
        IntegrityError: the round exists, or the counterpart has an open round that we began.
    """
    sql.run(
        "INSERT INTO deconfliction_round (id, counterpart_id, side, state, instruction_id,"
        " started_at, expires_at, held, shown, asked) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
        [
            made.id,
            made.counterpart_id,
            made.side,
            made.state,
            made.instruction_id,
            made.started_at,
            made.expires_at,
            made.held,
            made.shown,
            made.asked,
        ],
    )


def keep_message(
    *,
    round_id: UUID,
    received: Received,
    ours: bool,
    now: datetime,
    keys: Sequence[UUID] | None = None,
) -> None:
    """Store a message of a round (of private set intersection) as signed bytes with their digest.

    `ours`: it was sent by us, else received. `keys`: the selector keys of the identifiers in our answer,
    stored until its first fetch or the end of the round.
    """
    sql.run(
        "INSERT INTO deconfliction_message (round_id, kind, ours, at, digest, body, keys)"
        " VALUES (%s, %s, %s, %s, %s, %s, %s::uuid[])",
        [
            round_id,
            received.message.kind_of,
            ours,
            now,
            received.digest,
            received.body,
            None if keys is None else list(keys),
        ],
    )


def digest_of(*, round_id: UUID, kind: MessageKind) -> bytes | None:
    """Return the SHA-256 of the message of `kind` in a round of private set intersection.

    The result is None if there is none.
    """
    row = sql.row(
        "SELECT digest FROM deconfliction_message WHERE round_id = %s AND kind = %s",
        [round_id, kind],
    )
    return None if row is None else bytes(row[0])


def seal(*, round_id: UUID, kept: RoundSecret, now: datetime) -> None:
    """Encrypt the secret data of a round of private set intersection and store it in the vault.

    `kept` is the data; the object belongs to the id of the round. Data sealed before are erased.
    """
    machine = system_actor(_PURPOSE)
    if vaulted.list_objects(actor=machine, owner_ids=[round_id]):
        erase_sealed(actor=machine, owner_ids=[round_id], now=now, kinds=[_KIND])
    sealable = Sealable(
        id=new_id(now), owner_id=round_id, kind=_KIND, plaintext=msgspec.msgpack.encode(kept)
    )
    seal_batch(items=[sealable], now=now)


def unseal(*, round_id: UUID, now: datetime) -> RoundSecret:
    """Return the decrypted secret data of a round of private set intersection.

    The vault records the access and its purpose.

    Raises:
        Refusal: NOT_NOW, another process has ended the round and erased its data.
        KeyMissing, BlobMissing, BlobDamaged, EnvelopeRefused, VaultAway: the vault does not hold the key, or
            the bytes are missing, altered or out of reach.
    """
    machine = system_actor(_PURPOSE)
    sealed = vaulted.list_objects(actor=machine, owner_ids=[round_id])
    try:
        opened = open_batch(
            actor=machine, object_ids=[one.id for one in sealed], now=now, purpose=_PURPOSE
        )
    except ObjectUnknown:
        raise Refusal("deconfliction", "NOT_NOW") from None
    if not opened:
        raise Refusal("deconfliction", "NOT_NOW")
    return msgspec.msgpack.decode(opened[sealed[-1].id], type=RoundSecret)


def close(
    *,
    actor: Actor,
    round_: Round,
    move: str,
    now: datetime,
    met: int | None = None,
    error: str = "",
) -> None:
    """Move a round of private set intersection to a final state; erase its secret and the keys of our answer.

    In the caller's transaction. `move` is the transition (conclude, expire, refuse), `met` the number of
    matches, `error` the code of a refusal.
    """
    state = ROUNDS[round_.side].apply(round_.state, move)
    sql.run(
        "UPDATE deconfliction_round SET state = %s, closed_at = %s, met = %s, error = %s"
        " WHERE id = %s",
        [state, now, met, error, round_.id],
    )
    sql.run(
        "UPDATE deconfliction_message SET keys = NULL WHERE round_id = %s AND keys IS NOT NULL",
        [round_.id],
    )
    machine = system_actor(f"end of a round of de-confliction: {state}")
    if vaulted.list_objects(actor=machine, owner_ids=[round_.id]):
        erase_sealed(actor=machine, owner_ids=[round_.id], now=now, kinds=[_KIND])
    if move != "conclude":
        note(actor=actor, action=f"deconfliction.{move}", round_=round_, now=now, error=error)


def note(
    *,
    actor: Actor,
    action: str,
    round_: Round,
    now: datetime,
    error: str = "",
    **numbers: int,
) -> None:
    """Write the ledger entry `action` of a step of a round of private set intersection.

    It names round, counterpart and standing instruction. `numbers` are counts such as `met` (matches),
    `error` the code of a refusal. The entry never contains a point (blinded identifier) or a key.
    """
    cited: dict[str, str | int] = {"instruction": str(round_.instruction_id), **numbers}
    if error:
        cited["error"] = error
    ledger.record(
        actor=actor,
        action=action,
        at=now,
        objects=[
            ObjectRef(kind="round", id=round_.id),
            ObjectRef(kind="counterpart", id=round_.counterpart_id),
            ObjectRef(kind="instruction", id=round_.instruction_id),
        ],
        detail=cited,
    )


def found_round(*, actor: Actor, round_id: UUID, side: Side) -> tuple[Round, Counterpart]:
    """Return a round of private set intersection, and the counterpart (organisation) with which it is run.

    Raises:
        Refusal: NOT_FOUND: no such round in which this desk has the role `side`.
        Refused: the actor may not read rounds or counterparts.
    """
    found = queries.get_round(actor=actor, round_id=round_id)
    if found is None or found.side is not side:
        raise Refusal("deconfliction", "NOT_FOUND")
    counterpart = queries.get_counterpart(actor=actor, counterpart_id=found.counterpart_id)
    assert counterpart is not None  # noqa: S101 - a foreign key holds it
    return found, counterpart


def expire_rounds(*, actor: Actor, now: datetime) -> int:
    """Close the rounds past their end, erase their secrets and the bytes of their messages; return how many.

    A round is one run of private set intersection with another organisation.

    Raises:
        Refused: the actor may not run rounds.
    """
    require(actor, "deconfliction.run")
    closed = _close_all(actor, now, move="expire", until=now)
    sql.run(
        "UPDATE deconfliction_message m SET body = NULL FROM deconfliction_round r"
        " WHERE r.id = m.round_id AND r.expires_at <= %s AND r.closed_at IS NOT NULL"
        " AND m.body IS NOT NULL",
        [now],
    )
    return closed


def drop_rounds(
    *, actor: Actor, now: datetime, error: str, counterpart_id: UUID | None = None
) -> int:
    """Close open rounds of private set intersection as refused, since a key has changed; return how many.

    All rounds if it is this desk's key, those with one organisation (`counterpart_id`) if it is that one's.
    `error` is the code stored with each round.

    Raises:
        Refused: the actor may not run rounds.
    """
    require(actor, "deconfliction.run")
    return _close_all(actor, now, move="refuse", error=error, counterpart_id=counterpart_id)


def abandon(*, actor: Actor, round_id: UUID, now: datetime) -> None:
    """Close as refused a round (of private set intersection) that we began and the other organisation ended.

    No effect if it is already closed.

    Raises:
        Refused: the actor may not run rounds.
        Refusal: NOT_FOUND (no round has this id).
    """
    require(actor, "deconfliction.run")
    found, _ = found_round(actor=actor, round_id=round_id, side=Side.OFFERING)
    with transaction.atomic():
        if hold(round_id=found.id) == RoundState.OFFERED:
            close(actor=actor, round_=found, move="refuse", now=now, error="THEIRS")


def forget_counterparts(*, actor: Actor, before: datetime) -> int:
    """Erase contact, address and login of the counterparts closed before `before`; return how many.

    Counterparts are organisations with which rounds of private set intersection are run.

    Raises:
        Refused: the actor may not run the processing stages.
    """
    require(actor, "pipeline.run")
    found = sql.run(
        "UPDATE deconfliction_counterpart SET contact = '[…]', url = '', login = ''"
        " WHERE closed_at < %s AND contact <> '[…]'",
        [before],
    )
    return int(found)


def erase(*, actor: Actor, report_ids: Sequence[UUID]) -> int:
    """Remove expired reports from matches; return the number of rows changed.

    A match is an identifier that another organisation holds too. With the last report of a match, its key and
    notes are erased. The reasons of decisions to withhold a dossier with one of the reports are erased too.
    The caller writes the ledger entry of the expiry, which covers all packages.

    Raises:
        Refused: the actor may not run the processing stages.
    """
    require(actor, "pipeline.run")
    ids, erased = list(report_ids), 0
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            "DELETE FROM deconfliction_hit_report WHERE report_id = ANY(%s::uuid[]) RETURNING hit_id",
            [ids],
        )
        touched = list({hit_id for (hit_id,) in cursor.fetchall()})
        erased += int(cursor.rowcount)
        cursor.execute(
            "UPDATE deconfliction_hit SET key = NULL WHERE id = ANY(%s::uuid[]) AND NOT EXISTS"
            " (SELECT FROM deconfliction_hit_report o WHERE o.hit_id = deconfliction_hit.id) RETURNING id",
            [touched],
        )
        empty = [hit_id for (hit_id,) in cursor.fetchall()]
        erased += int(cursor.rowcount)
        cursor.execute(
            "DELETE FROM deconfliction_step_words w USING deconfliction_step s"
            " WHERE s.id = w.step_id AND s.hit_id = ANY(%s::uuid[])",
            [empty],
        )
        erased += int(cursor.rowcount)
        cursor.execute(
            "DELETE FROM deconfliction_withholding_words t USING deconfliction_withholding w"
            " WHERE w.id = t.withholding_id AND w.report_ids && %s::uuid[]",
            [ids],
        )
        erased += int(cursor.rowcount)
    return erased


def _close_all(
    actor: Actor,
    now: datetime,
    *,
    move: str,
    until: datetime | None = None,
    error: str = "",
    counterpart_id: UUID | None = None,
) -> int:
    """Close the open rounds of private set intersection that end by `until`, or all; return how many.

    `move` is the transition: expire or refuse; `error` is the code stored with each round. With
    `counterpart_id` only the rounds with this organisation.
    """
    closed = 0
    for state in (RoundState.OFFERED, RoundState.RECEIVED, RoundState.ANSWERED):
        for found in queries.open_rounds(actor=actor, state=state, counterpart_id=counterpart_id):
            if until is not None and found.expires_at > until:
                continue
            with transaction.atomic():
                if hold(round_id=found.id) == state:
                    close(actor=actor, round_=found, move=move, now=now, error=error)
                    closed += 1
    return closed
