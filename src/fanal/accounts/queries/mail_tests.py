"""Queries on the tests of the mail settings, which are read from the ledger."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from fanal.accounts.domain.policy import require
from fanal.kernel.actors import Actor
from fanal.ledger import queries as ledger

ANSWERED_WITHIN: Final = timedelta(minutes=1)
"""Time for the worker's answer; a test without one after that is shown as not done."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MailTest:
    """A test of the mail settings, which `person_id` started in the browser at `asked_at`.

    `target` is the code of the addresses that get the test message (`MailTestTarget`). `result` is the code
    of the outcome, "" before the worker has answered; `reply` the mail server's SMTP reply code (0 without
    one), `status` its enhanced status code ("" without).
    """

    asked_at: datetime
    person_id: UUID
    target: str
    result: str = ""
    reply: int = 0
    status: str = ""

    def is_under_way(self, now: datetime) -> bool:
        """Return whether the worker may still answer: no result yet, and the test is under a minute old."""
        return not self.result and now - self.asked_at < ANSWERED_WITHIN


def list_mail_tests(*, actor: Actor, since: datetime) -> list[MailTest]:
    """Return the tests of the mail settings that people started since an instant, newest first.

    Raises:
        Refused: the actor may not test the mail.
    """
    require(actor, "mail.test")
    lines = ledger.acts_since(actor=actor, actions=("mail.test", "mail.answer"), since=since)
    answers = {line.detail["test"]: line.detail for line in lines if line.action == "mail.answer"}
    return [
        MailTest(
            asked_at=line.at,
            person_id=line.actor_id,
            target=str(line.detail["to"]),
            result=str(answer.get("result", "")),
            reply=int(answer.get("reply", 0)),
            status=str(answer.get("status", "")),
        )
        for line in lines
        if line.action == "mail.test"
        for answer in [answers.get(str(line.id), {})]
    ]
