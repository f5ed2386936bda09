"""The transparency log from the database to its public folder: numbering, tiles, checkpoint, openings."""

import base64
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from uuid import UUID

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.db import transaction
from msgspec import Struct

from fanal.accounts.domain.policy import Resource, require
from fanal.db import sql
from fanal.kernel.actors import Actor
from fanal.ledger import operations as ledger
from fanal.ledger.domain import checkpoint
from fanal.ledger.domain.checkpoint import Checkpoint, NoteKey
from fanal.ledger.domain.merkle import WIDTH
from fanal.measures.transparency import tiles
from fanal.measures.transparency.cosigned import locked
from fanal.measures.transparency.tiles import LogRefused, Tiles

PREFIX = b"fanal/commitment/1\n"
"""First bytes hashed in a commitment: no other use of SHA-256 in this program gives the same."""
_LOCK = 0x544C4F47  # "TLOG"
_PATIENCE = "5s"
"""Longest wait for another process that numbers: nobody who publishes a lift waits longer."""
_OF_LIST = (
    "SELECT l.position, c.statement, c.blinding FROM measures_commitment c"
    " LEFT JOIN measures_log l USING (commitment) WHERE c.serial = %s"
)
_OF_ACT = (
    "SELECT l.position, c.statement, c.blinding FROM measures_commitment c"
    " LEFT JOIN measures_log l USING (commitment)"
    " WHERE c.act_id = %s AND c.blinding IS NOT NULL ORDER BY c.id"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class LogKeys:
    """The keys of the transparency log: `signing` signs its checkpoints, `known` verify them, newest last.

    `signing` is that of the last of `known`, whose name is the origin of the log.
    """

    signing: Ed25519PrivateKey = field(repr=False)
    known: tuple[NoteKey, ...]


class Opening(Struct, frozen=True, kw_only=True):
    """What opens a commitment: its `statement` (JSON), the 32 random bytes `blinding` (base64).

    `position` is its number in the log, from 0; None if it is not numbered yet.
    """

    position: int | None
    statement: str
    blinding: str

    def commitment(self) -> bytes:
        """Return the commitment (32 bytes) that this opens."""
        blinding = base64.b64decode(self.blinding, validate=True)
        return hashlib.sha256(PREFIX + blinding + self.statement.encode()).digest()


def bring_up_to_date(folder: Path, *, keys: LogKeys) -> Checkpoint:
    """Write the tiles of all commitments and a signed checkpoint into `folder`; return the checkpoint.

    Commitments without a number get the next ones. A log in the folder that is longer than that of the
    database (restored from an older backup) is taken over first: no two logs of one name can part. A
    checkpoint that states nothing new is left as it is, with its cosignatures.

    Raises:
        LogRefused: the folder's log is damaged, or is not the one of the database.
        OSError: the folder cannot be written; the checkpoint is the earlier one.
    """
    with locked(folder):
        before = tiles.read_checkpoint(folder, keys=keys.known)
        size = before.size if before else 0
        with transaction.atomic():
            sql.run("SELECT set_config('lock_timeout', %s, true)", [_PATIENCE])
            sql.run("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
            _take_over(Tiles(folder, size))
            _number()
        found = sql.rows(
            "SELECT commitment FROM measures_log WHERE position >= %s ORDER BY position", [size]
        )
        if before is not None and not found:
            return before
        root = tiles.append(folder, size=size, commitments=[bytes(one) for (one,) in found])
        origin = keys.known[-1].name
        signed = checkpoint.sign(
            origin=origin, size=size + len(found), root=root, name=origin, key=keys.signing
        )
        tiles.put_checkpoint(folder, signed.note)
    return signed


def is_begun() -> bool:
    """Return whether a log of this installation was ever written."""
    return bool(sql.one("SELECT EXISTS (SELECT FROM measures_log)")[0])


def opening_of_list(serial: int) -> Opening:
    """Return what opens the commitment to the version of the blocking list with this serial.

    Raises:
        LookupError: no version of the list has it.
    """
    found = _openings(_OF_LIST, serial)
    if not found:
        raise LookupError(f"no list {serial}")
    return found[0]


def openings_of_act(*, actor: Actor, act_id: UUID, now: datetime) -> tuple[Opening, ...]:
    """Return what opens the commitments to the steps of a measure, in order; () once its words have expired.

    The ledger records that the measure was read. () too if it took no step.

    Raises:
        Refused: the actor may not read measures of its desk.
    """
    desk = sql.row("SELECT desk_id FROM measures_commitment WHERE act_id = %s", [act_id])
    if desk is None:
        return ()
    require(actor, "measure.read", Resource(desk_id=desk[0]))
    ledger.record_batch(
        actor=actor, action="measure.read", at=now, kind="measure", items=[(act_id, b"")]
    )
    return _openings(_OF_ACT, act_id)


def check_opening(opening: Opening, commitments: Sequence[bytes]) -> dict[str, object]:
    """Return the statement of an opening, which a verified log (`tiles.verify_log`) contains.

    Raises:
        LogRefused: the log has another commitment at its position, or none.
    """
    at = opening.position
    try:
        opened = opening.commitment()
        statement = msgspec.json.decode(opening.statement, type=dict[str, object])
    except (ValueError, msgspec.MsgspecError) as error:
        raise LogRefused(f"the opening is malformed: {error}") from None
    if at is None or not 0 <= at < len(commitments) or commitments[at] != opened:
        raise LogRefused(f"the log does not contain the opened statement at {at}")
    return statement


def _openings(statement: str, value: object) -> tuple[Opening, ...]:
    found = sql.rows(statement, [value])
    return tuple(
        Opening(
            position=position,
            statement=statement,
            blinding=base64.b64encode(bytes(blinding)).decode(),
        )
        for position, statement, blinding in found
    )


def _take_over(published: Tiles) -> None:
    """Take over the numbers of the published log, where it is longer than that of the database.

    Raises:
        LogRefused: the two have different commitments at the end of the shorter one.
    """
    size, (known,) = published.size, sql.one("SELECT count(*) FROM measures_log")
    shared = min(size, known)
    if shared:
        ours = sql.one("SELECT commitment FROM measures_log WHERE position = %s", [shared - 1])
        theirs = published.entries((shared - 1) // WIDTH)[(shared - 1) % WIDTH]
        if bytes(ours[0]) != theirs:
            raise LogRefused("the published log is not that of this database")
    for tile in range(known // WIDTH, -(-size // WIDTH)):
        for number, one in enumerate(published.entries(tile), start=tile * WIDTH):
            if number >= known:
                sql.run("INSERT INTO measures_log VALUES (%s, %s)", [number, one])


def _number() -> None:
    """Give the commitments that have none the next numbers."""
    sql.run(
        "INSERT INTO measures_log (position, commitment)"
        " SELECT (SELECT count(*) FROM measures_log) + row_number() OVER (ORDER BY c.id) - 1, c.commitment"
        " FROM measures_commitment c"
        " WHERE NOT EXISTS (SELECT FROM measures_log l WHERE l.commitment = c.commitment)"
    )
