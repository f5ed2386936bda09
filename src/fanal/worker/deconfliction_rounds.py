"""De-confliction rounds in progress (private set intersection): answer, advance, start when due, expire."""

import logging
from collections.abc import Callable
from datetime import timedelta
from http import HTTPStatus
from uuid import UUID

from fanal.connectors import deconfliction as wire, outside
from fanal.deconfliction import queries
from fanal.deconfliction.domain.records import Counterpart, MessageKind, RoundState
from fanal.deconfliction.operations.counterparts import secret_of
from fanal.deconfliction.operations.receiving import receive
from fanal.deconfliction.operations.rounds import abandon, expire_rounds
from fanal.deconfliction.operations.steps import (
    answer,
    conclude,
    make_offer,
    note_delivered,
    take_conclusion,
    undelivered,
)
from fanal.kernel import clock
from fanal.kernel.actors import Actor
from fanal.kernel.refusal import Refusal

_ENDED = frozenset({RoundState.REFUSED.value, RoundState.EXPIRED.value})
_OVER = frozenset({404, 409, 410})
"""HTTP statuses by which a counterpart's service permanently refuses a conclusion."""
log = logging.getLogger("fanal.worker")


class RoundStopped(Exception):
    """Error: a de-confliction round (run of private set intersection) cannot continue for now.

    `code` is the reason (labels of kind `deconfliction_refusal`).
    """

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


def work(*, actor: Actor) -> int:
    """Process the waiting messages of all rounds: answer offers, record conclusions, expire old rounds.

    A round is one run of private set intersection with another organisation, whose messages these are.
    Returns the number of offers and conclusions processed.
    """
    expire_rounds(actor=actor, now=clock.now())
    steps = 0
    for found in queries.open_rounds(actor=actor, state=RoundState.RECEIVED):
        steps += _try(found.id, lambda i: answer(actor=actor, round_id=i, now=clock.now()))
    for found in queries.open_rounds(actor=actor, state=RoundState.ANSWERED):
        if queries.message_body(round_id=found.id, kind=MessageKind.CONCLUSION) is not None:
            steps += _try(
                found.id,
                lambda i: take_conclusion(actor=actor, round_id=i, now=clock.now()),
            )
    return steps


def run_due(*, actor: Actor) -> int:
    """Start or continue every due de-confliction round (run of private set intersection); return how many.

    With each other organisation (counterpart) that has a service, there is one round at most. Due: a standing
    instruction is in force, and a round is open, a conclusion is undelivered, or the counterpart's interval
    has passed since the last round. Rounds that had to stop are counted too; the reason is logged.
    """
    tried = 0
    for counterpart in queries.list_counterparts(actor=actor):
        if not _is_due(actor, counterpart):
            continue
        tried += 1
        try:
            run(actor=actor, counterpart=counterpart)
        except RoundStopped as stopped:
            if stopped.code != "WAITING":
                log.warning("de-confliction with %s: %s", counterpart.id, stopped.code)
    return tried


def run(*, actor: Actor, counterpart: Counterpart) -> UUID:
    """Advance a round with another organisation's service as far as possible; return its id once concluded.

    A round is one run of private set intersection. Every step is idempotent: the next call continues the
    round of a process that died.

    Raises:
        RoundStopped: WAITING while the counterpart has not answered; otherwise the code of the refusal.
    """
    try:
        return _run(actor, counterpart)
    except (Refusal, outside.OutsideRefused) as refused:
        raise RoundStopped(refused.code) from None


def _run(actor: Actor, counterpart: Counterpart) -> UUID:
    door, now = outside.current(), clock.now()
    if not counterpart.url:
        raise Refusal("deconfliction", "ADDRESS")
    secret = secret_of(actor=actor, counterpart=counterpart, now=now)
    concluded = _unsent(actor, counterpart)
    if concluded is not None:
        round_id, conclusion = concluded, undelivered(actor=actor, round_id=concluded, now=now)
    else:
        round_id, offer = make_offer(actor=actor, counterpart=counterpart, now=now)
        told = _offered(counterpart, secret, round_id, offer)
        if told.state == RoundState.RECEIVED.value:
            raise Refusal("deconfliction", "WAITING")
        if told.state in _ENDED:
            abandon(actor=actor, round_id=round_id, now=clock.now())
            raise Refusal("deconfliction", "THEIRS")
        answer = wire.get_answer(door, counterpart=counterpart, secret=secret, round_id=round_id)
        receive(actor=actor, body=answer, now=clock.now())
        conclusion = conclude(actor=actor, round_id=round_id, now=clock.now())
    try:
        wire.send_conclusion(
            door, counterpart=counterpart, secret=secret, round_id=round_id, body=conclusion
        )
    except outside.OutsideRefused as refused:
        if refused.status not in _OVER:
            raise
    note_delivered(actor=actor, round_id=round_id, now=clock.now())
    return round_id


def _offered(counterpart: Counterpart, secret: str, round_id: UUID, offer: bytes) -> wire.RoundTold:
    """Return the state of a round at the other organisation, after sending our offer if it is unknown there.

    A round is one run of private set intersection with `counterpart`. `secret`: for the sign-in to its
    service; `offer`: the round's first message, signed.
    """
    door = outside.current()
    try:
        return wire.get_state(door, counterpart=counterpart, secret=secret, round_id=round_id)
    except outside.OutsideRefused as refused:
        if refused.status != HTTPStatus.NOT_FOUND:
            raise
    return wire.send_offer(door, counterpart=counterpart, secret=secret, body=offer)


def _unsent(actor: Actor, counterpart: Counterpart) -> UUID | None:
    """Return the id of the latest round whose conclusion is yet to be delivered, or None.

    A round is one run of private set intersection with `counterpart`; only the twenty newest rounds that have
    not expired are searched.
    """
    for found in queries.list_rounds(actor=actor, counterpart_id=counterpart.id, limit=20):
        is_open = found.state is RoundState.CONCLUDED and found.expires_at > clock.now()
        if is_open and queries.is_undelivered(round_id=found.id):
            return found.id
    return None


def _is_due(actor: Actor, counterpart: Counterpart) -> bool:
    now = clock.now()
    if counterpart.closed_at is not None or not counterpart.url:
        return False
    if queries.standing_with(counterpart=counterpart, now=now) is None:
        return False
    begun = queries.last_started(counterpart_id=counterpart.id)
    open_now = queries.open_rounds(
        actor=actor, state=RoundState.OFFERED, counterpart_id=counterpart.id
    )
    late = begun is None or now - begun >= timedelta(hours=counterpart.every_hours)
    return bool(open_now) or late or _unsent(actor, counterpart) is not None


def _try(round_id: UUID, step: Callable[[UUID], object]) -> int:
    try:
        step(round_id)
    except Refusal as refused:
        log.warning("round %s: %s", round_id, refused.code)
        return 0
    return 1
