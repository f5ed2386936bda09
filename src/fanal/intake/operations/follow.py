"""Two-way conversation with a reporter, who is known only by a receipt code.

The desk's messages are encrypted twice: to the public key of the receipt code, so that a public node shows
them to the holder of the code without being able to read them, and to the vault, so that the desk can read
them again. The reporter's answers are sealed to the vault only.
"""

import time
from datetime import datetime, timedelta
from uuid import UUID

from django.db import transaction

from fanal.accounts.domain.policy import reach, require_somewhere
from fanal.db import sql
from fanal.intake.domain import receipt
from fanal.intake.domain.records import PUBLIC_SENDER, ReportState
from fanal.intake.operations.lifecycle import require_unerased
from fanal.kernel.actors import Actor
from fanal.kernel.ids import has_digest, id_with, new_id
from fanal.kernel.refusal import Refusal
from fanal.kernel.texts import stripped
from fanal.ledger import operations as ledger
from fanal.ledger.domain.records import ObjectRef
from fanal.vault.domain.records import Sealable
from fanal.vault.operations.sealing import seal_batch

MAX_MESSAGE = 20_000
MOST_ANSWERS = 40
"""Largest number of answers that a receipt code may send within `ANSWER_SPAN` (limit against flooding).

Answers that arrive at the same moment may exceed it by one per web process.
"""
ANSWER_SPAN = timedelta(hours=12)
_PATIENCE, _PAUSE = 5.0, 0.05
"""Seconds that an answer waits for the same one in another request, and between two looks."""


class NotReachable(Exception):
    """Nobody can be reached: the report has no receipt code, or is not within the actor's desks.

    A receipt code is the secret of an anonymous reporter.
    """


class AnswersSpent(Exception):
    """The holder of a receipt code has sent `MOST_ANSWERS` answers within `ANSWER_SPAN`.

    The answer beyond that number is not stored.
    """


class ReportErased(Exception):
    """The report of a receipt code is erased, or was never finished in time: no answer to it is stored."""


def ask_reporter(*, actor: Actor, report_id: UUID, text: str, now: datetime) -> UUID:
    """Store a message for the reporter, sealed to their receipt code, and return its id.

    Raises:
        NotReachable: the report has no receipt code, or is not within the actor's desks.
        Refusal: WORDS: empty, longer than `MAX_MESSAGE` characters, or with a NUL character; ERASED: the
            report is erased.
        Refused: the actor may not send messages to reporters.
        OSError: the vault could not write.
    """
    require_somewhere(actor, "report.question")
    bounds = reach(actor, "report.question")
    body = _checked(text)
    with transaction.atomic():
        row = sql.row(
            "SELECT c.public_key FROM intake_receipt c JOIN intake_report r ON r.id = c.report_id"
            " WHERE c.report_id = %s AND (r.desk_id = ANY(%s) OR %s)",
            [report_id, list(bounds.desk_ids), bounds.everywhere],
        )
        if row is None or row[0] is None:
            raise NotReachable
        require_unerased(report_ids=[report_id], of="message")
        sealed = receipt.seal_message(public_key=bytes(row[0]), plaintext=body)
        message_id, object_id = new_id(now), _seal(report_id, body, now)
        sql.run(
            "INSERT INTO intake_message (id, report_id, from_desk, author_id, created_at, object_id,"
            " for_reporter) VALUES (%s, %s, true, %s, %s, %s, %s)",
            [message_id, report_id, actor.person_id, now, object_id, sealed],
        )
        _log(actor=actor, action="message.write", ids=(report_id, message_id), now=now)
    return message_id


def answer_desk(
    *, actor: Actor, lookup_hash: bytes, text: str, now: datetime, digest: bytes = b""
) -> UUID | None:
    """Store a reporter's answer to the desk; return its id, None if the receipt code is unknown.

    `lookup_hash`: that of the code (`receipt.lookup_hash`). An answer with the same `digest`
    (`answer_digest`) as an earlier one is that answer sent again: it is stored once, even if both requests
    arrive at the same time.

    Raises:
        AnswersSpent: too many answers within `ANSWER_SPAN`.
        ReportErased: the report is erased, or was never finished in time.
        Refusal: WORDS: empty, longer than `MAX_MESSAGE` characters, or with a NUL character.
        OSError: the vault could not write, or the same answer is being stored and takes too long.
    """
    body = _checked(text)
    with transaction.atomic():
        row = sql.row("SELECT id, state FROM intake_follow(%s)", [lookup_hash])
        if row is None:
            return None
        if row[1] == ReportState.EXPIRED:
            raise ReportErased
        if digest:
            _wait_for_same(digest)
        earlier = sql.rows(
            "SELECT id, created_at FROM intake_conversation(%s) WHERE NOT from_desk", [lookup_hash]
        )
        known: list[UUID] = [one for one, _ in earlier if digest and has_digest(one, digest)]
        if known:
            return known[0]
        if sum(at > now - ANSWER_SPAN for _, at in earlier) >= MOST_ANSWERS:
            raise AnswersSpent
        message_id = id_with(now, digest) if digest else new_id(now)
        object_id = _seal(row[0], body, now)
        answer = [lookup_hash, message_id, now, object_id]
        if sql.one("SELECT intake_answer(%s, %s, %s, %s)", answer)[0] is None:
            raise ReportErased  # in this moment
        _log(actor=actor, action="message.receive", ids=(row[0], message_id), now=now)
    return message_id


def _wait_for_same(digest: bytes) -> None:
    """Take the advisory lock of an answer for the transaction; wait while another request is storing the
    same one.

    Raises:
        TimeoutError: the other request has not ended within `_PATIENCE` seconds.
    """
    until = time.monotonic() + _PATIENCE
    locked = "SELECT intake_lock_keys(%s, %s::bytea[])"
    while not sql.one(locked, [PUBLIC_SENDER, [digest]])[0]:
        if time.monotonic() > until:
            raise TimeoutError("the same answer is still being stored")
        time.sleep(_PAUSE)


def _checked(text: str) -> bytes:
    if not stripped(text) or len(text) > MAX_MESSAGE or "\x00" in text:
        raise Refusal("message", "WORDS")
    return text.encode()


def _seal(report_id: UUID, body: bytes, now: datetime) -> UUID:
    object_id = new_id(now)
    seal_batch(
        items=[Sealable(id=object_id, plaintext=body, kind="message", owner_id=report_id)],
        now=now,
    )
    return object_id


def _log(*, actor: Actor, action: str, ids: tuple[UUID, UUID], now: datetime) -> None:
    report_id, message_id = ids
    ledger.record(
        actor=actor,
        action=action,
        at=now,
        objects=[
            ObjectRef(kind="report", id=report_id),
            ObjectRef(kind="message", id=message_id),
        ],
    )
