"""Tests of the mail settings: a person requests one, the worker sends it and records the result.

Request and result are entries in the ledger; nothing else is stored. One test runs at a time, and at most six
are allowed in an hour, for all people together.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final
from uuid import UUID

from django.db import transaction
from procrastinate.contrib.django import app
from procrastinate.exceptions import AlreadyEnqueued

from fanal.accounts.domain.policy import Resource, require
from fanal.accounts.queries.mail_tests import all_tests
from fanal.accounts.queries.people import own_addresses
from fanal.db import sql
from fanal.kernel.actors import Actor
from fanal.kernel.refusal import Refusal
from fanal.ledger import operations as ledger

MAIL_TEST: Final = "send_mail_test"
"""Name of the worker's job that sends the test message."""
MAIL_TEST_QUEUE: Final = "mail tests"
"""Queue of these jobs: a slot of its own, so that no notice waits for a test."""
_IN_AN_HOUR: Final = 6
_LOCK: Final = 0x4D41494C54455354
"""Advisory lock under which tests are counted and queued, one request after the other."""


class MailTestTarget(StrEnum):
    """The addresses to which a test message goes.

    OWN: the person's; DUTY: those of FANAL_DUTY; ROSTER: of the people on duty now at a desk, by its roster.
    """

    OWN = "OWN"
    DUTY = "DUTY"
    ROSTER = "ROSTER"


def ask_mail_test(*, actor: Actor, target: MailTestTarget, now: datetime) -> UUID:
    """Queue a test message of the mail settings to `target`; return the id of the test (a ledger entry).

    `target` must not be ROSTER: for people on duty, see `ask_test_call`.

    Raises:
        Refused: the actor may not test the mail.
        Refusal: of kind `mail_test`: NO_ADDRESS (the person's account has no mail address); UNDER_WAY
            (another test waits for its result); TOO_MANY (six were requested within the hour); TARGET (it
            is ROSTER).
    """
    require(actor, "mail.test")
    if target is MailTestTarget.OWN and not own_addresses(person_id=actor.person_id):
        raise Refusal("mail_test", "NO_ADDRESS")
    if target is MailTestTarget.ROSTER:
        raise Refusal("mail_test", "TARGET")
    return _ask(actor, "mail.test", now, {"to": target.value})


def ask_test_call(*, actor: Actor, desk_id: int, now: datetime) -> UUID:
    """Queue a test call to the addresses that an alarm of a desk would call first now; return the test's id.

    The limit of six tests in an hour covers these calls and the tests of the mail settings together.

    Raises:
        Refused: the actor may not test the calls of this desk.
        Refusal: of kind `mail_test`: UNDER_WAY (another test waits for its result); TOO_MANY (six were
            requested within the hour).
    """
    require(actor, "duty.test", Resource(desk_id=desk_id))
    detail: dict[str, str | int] = {"to": MailTestTarget.ROSTER.value, "desk": desk_id}
    return _ask(actor, "duty.test", now, detail)


def _ask(actor: Actor, action: str, now: datetime, detail: Mapping[str, str | int]) -> UUID:
    try:
        with transaction.atomic():
            sql.run("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
            recent = all_tests(since=now - timedelta(hours=1))
            if any(one.is_under_way(now) for one in recent):
                raise Refusal("mail_test", "UNDER_WAY")
            if len(recent) >= _IN_AN_HOUR:
                raise Refusal("mail_test", "TOO_MANY")
            test_id = ledger.record(actor=actor, action=action, at=now, detail=detail)
            job = app.configure_task(MAIL_TEST, queue=MAIL_TEST_QUEUE, queueing_lock=MAIL_TEST)
            desk = {"desk_id": detail["desk"]} if "desk" in detail else {}
            job.defer(
                test_id=str(test_id), person_id=str(actor.person_id), target=detail["to"], **desk
            )
    except AlreadyEnqueued:
        raise Refusal("mail_test", "UNDER_WAY") from None
    return test_id


def record_mail_answer(
    *, actor: Actor, test_id: UUID, result: str, reply: int, status: str, now: datetime
) -> None:
    """Record the outcome of a test message of the mail settings, in the ledger.

    `result` is the code of the outcome; `reply` the mail server's SMTP reply code (0 without one), `status`
    its enhanced status code ("" without).

    Raises:
        Refused: the actor is not the system.
    """
    require(actor, "pipeline.run")
    ledger.record(
        actor=actor,
        action="mail.answer",
        at=now,
        detail={"test": str(test_id), "result": result, "reply": reply, "status": status},
    )
