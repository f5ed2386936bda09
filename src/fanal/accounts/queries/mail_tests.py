"""Queries on the tests of the mail settings, which are read from the ledger."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from fanal.accounts.domain.policy import Resource, require
from fanal.kernel.actors import Actor, system_actor
from fanal.ledger import queries as ledger

ANSWERED_WITHIN: Final = timedelta(minutes=1)
"""Time for the worker's answer; a test without one after that is shown as not done."""
_MOST: Final = 1000
"""Entries of the ledger read at once: tests and answers of three days, at the six tests an hour allowed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MailTest:
    """A test of the mail settings, or a test call, which `person_id` started in the browser at `asked_at`.

    `target` is the code of the addresses that get the test message (`MailTestTarget`); `desk_id` the number
    of the desk whose people on duty they are, 0 for none. `result` is the code
    of the outcome, "" before the worker has answered; `reply` the mail server's SMTP reply code (0 without
    one), `status` its enhanced status code ("" without).
    """

    asked_at: datetime
    person_id: UUID
    target: str
    desk_id: int = 0
    result: str = ""
    reply: int = 0
    status: str = ""

    def is_under_way(self, now: datetime) -> bool:
        """Return whether the test has no result yet and is at most a minute old."""
        return not self.result and now - self.asked_at < ANSWERED_WITHIN


def list_mail_tests(*, actor: Actor, since: datetime) -> list[MailTest]:
    """Return the tests of the mail settings that people started since an instant, newest first.

    Raises:
        Refused: the actor may not test the mail.
    """
    require(actor, "mail.test")
    return _tests(actor, since)


def list_test_calls(*, actor: Actor, desk_id: int, since: datetime) -> list[MailTest]:
    """Return the test calls to the people on duty at a desk since an instant, newest first.

    Raises:
        Refused: the actor may not see the roster of this desk.
    """
    require(actor, "duty.read", Resource(desk_id=desk_id))
    return [one for one in all_tests(since=since) if one.desk_id == desk_id]


def all_tests(*, since: datetime) -> list[MailTest]:
    """Return the tests of the mail settings and the test calls of every desk since an instant, newest first.

    Those of the last three days at most are read. No right is checked.
    """
    return _tests(system_actor("mail test"), since, "duty.test")


def _tests(actor: Actor, since: datetime, *more: str) -> list[MailTest]:
    asked = ("mail.test", *more)
    actions = (*asked, "mail.answer")
    lines = ledger.acts_since(actor=actor, actions=actions, since=since, limit=_MOST)
    answers = {line.detail["test"]: line.detail for line in lines if line.action == "mail.answer"}
    return [
        MailTest(
            asked_at=line.at,
            person_id=line.actor_id,
            target=str(line.detail["to"]),
            desk_id=int(line.detail.get("desk", 0)),
            result=str(answer.get("result", "")),
            reply=int(answer.get("reply", 0)),
            status=str(answer.get("status", "")),
        )
        for line in lines
        if line.action in asked
        for answer in [answers.get(str(line.id), {})]
    ]
