"""Expiry of rounds (runs of private set intersection), of their messages, and of matches."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from django.db import connection, transaction

from fanal.accounts.domain.policy import require
from fanal.db import sql
from fanal.deconfliction import queries
from fanal.deconfliction.domain.records import RoundState, Side
from fanal.deconfliction.operations import rounds
from fanal.kernel.actors import Actor


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


def drop_rounds(*, actor: Actor, now: datetime, error: str) -> int:
    """Close every open round of private set intersection as refused, since this desk's key has changed.

    Return how many. `error` is the code stored with each round.

    Raises:
        Refused: the actor may not run rounds.
    """
    require(actor, "deconfliction.run")
    return _close_all(actor, now, move="refuse", error=error)


def abandon(*, actor: Actor, round_id: UUID, now: datetime) -> None:
    """Close as refused a round (of private set intersection) that we began and the other organisation ended.

    No effect if it is already closed.

    Raises:
        Refused: the actor may not run rounds.
        Refusal: NOT_FOUND.
    """
    require(actor, "deconfliction.run")
    found, _ = rounds.found_round(actor=actor, round_id=round_id, side=Side.OFFERING)
    with transaction.atomic():
        if rounds.hold(round_id=found.id) == RoundState.OFFERED:
            rounds.close(actor=actor, round_=found, move="refuse", now=now, error="THEIRS")


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
    """Remove expired reports from matches (identifiers that another organisation also holds).

    Return the number of rows changed. With the last report of a match, its key and notes are erased too. The
    reasons of decisions to withhold a dossier with one of the reports are also erased. The caller writes the
    ledger entry of the expiry, which covers every stage.

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
    actor: Actor, now: datetime, *, move: str, until: datetime | None = None, error: str = ""
) -> int:
    """Close the open rounds of private set intersection that end by `until`, or all; return how many.

    `move` is the transition: expire or refuse; `error` is the code stored with each round.
    """
    closed = 0
    for state in (RoundState.OFFERED, RoundState.RECEIVED, RoundState.ANSWERED):
        for found in queries.open_rounds(actor=actor, state=state):
            if until is not None and found.expires_at > until:
                continue
            with transaction.atomic():
                if rounds.hold(round_id=found.id) == state:
                    rounds.close(actor=actor, round_=found, move=move, now=now, error=error)
                    closed += 1
    return closed
