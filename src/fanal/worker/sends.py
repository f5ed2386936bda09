"""E-mail notices to the desk's own staff, one job a message; alarm calls are in `fanal.calls`."""

import secrets
from uuid import UUID

from procrastinate import BaseRetryStrategy, RetryDecision
from procrastinate.contrib.django import app
from procrastinate.jobs import Job

from fanal import reference
from fanal.accounts.operations.habilitations import GRANT_NOTICE
from fanal.accounts.operations.people import FACTOR_NOTICE
from fanal.accounts.queries import people as accounts
from fanal.analyse.material.operations.asides import ASIDE_NOTICE
from fanal.connectors import mail
from fanal.connectors.smtp import Unconfirmed
from fanal.harmonise import queries as harmonised
from fanal.harmonise.operations.identity import IDENTITY_NOTICE
from fanal.kernel import clock
from fanal.kernel.actors import SYSTEM_PERSON, Role, system_actor
from fanal.orient.domain.clocks import MAX_ATTEMPTS, MOST_COPIES, wait_after
from fanal.worker.job_process import SENDS_QUEUE

_LANGUAGES = ("fr", "en")
_SECONDS = 24.0
"""Deadline of one notice, for a mail server that is slow: a notice is less urgent than a call."""


class BoundedRetry(BaseRetryStrategy):
    """A retry strategy with exponential back-off and jitter, at most a minute between two attempts.

    After `MAX_ATTEMPTS` attempts a job fails for good. Where the mail server has the message and does not
    confirm it, the pauses grow to ten minutes and `MOST_COPIES` is the limit: each message may be a copy.
    """

    def get_retry_decision(self, *, exception: BaseException, job: Job) -> RetryDecision | None:
        """Return the time of the next attempt of a job, with jitter; None after the last attempt."""
        unconfirmed = isinstance(exception, Unconfirmed)
        attempts, jitter = job.attempts + 1, secrets.randbelow(1001) / 1000
        if attempts >= (MOST_COPIES if unconfirmed else MAX_ATTEMPTS):
            return None
        wait = wait_after(attempts=attempts, jitter=jitter, unconfirmed=unconfirmed)
        return RetryDecision(retry_at=clock.now() + wait)


@app.task(
    queue=SENDS_QUEUE,
    retry=BoundedRetry(),
    name=IDENTITY_NOTICE,
)
def tell_opening(opening_id: str) -> None:
    """Notify the desk's supervisors and the overseers that a reporter's identity was opened.

    `opening_id` is the id of that act. The mail gives only the report's id, neither the reporter nor the
    purpose. Without an address of any of them, the people on duty are notified.
    """
    now, mailer = clock.now(), mail.current()
    opening = harmonised.opening_of(actor=system_actor("notice"), opening_id=UUID(opening_id))
    if opening is None:
        return
    told = accounts.addresses_of(
        roles=[Role.SUPERVISOR, Role.OVERSEER], desk_id=opening.desk_id, now=now
    )
    parameters = {"reference": str(opening.report_id)}
    mailer.send(
        to=told or mailer.duty,
        subject=reference.render("IDENTITY_OPENED_SUBJECT", parameters, _LANGUAGES[0], kind="mail"),
        text="\n\n".join(
            reference.render("IDENTITY_OPENED", parameters, x, kind="mail") for x in _LANGUAGES
        ),
        message_id=f"{opening_id}.identity_opened",
        now=now,
        seconds=_SECONDS,
    )


@app.task(
    queue=SENDS_QUEUE,
    retry=BoundedRetry(),
    name=ASIDE_NOTICE,
)
def tell_aside(aside_id: str) -> None:
    """Notify the supervisors of every desk that the match-rate circuit breaker suspended a list entry.

    `aside_id`: id of the suspension. The mail names no list and no value. Without an address of any
    supervisor, the people on duty are notified.
    """
    now, mailer = clock.now(), mail.current()
    told = accounts.addresses_of(roles=[Role.SUPERVISOR], desk_id=None, now=now)
    mailer.send(
        to=told or mailer.duty,
        subject=reference.render("ASIDE_SUBJECT", {}, _LANGUAGES[0], kind="mail"),
        text="\n\n".join(reference.render("ASIDE", {}, x, kind="mail") for x in _LANGUAGES),
        message_id=f"{aside_id}.list_aside",
        now=now,
        seconds=_SECONDS,
    )


@app.task(
    queue=SENDS_QUEUE,
    retry=BoundedRetry(),
    name=FACTOR_NOTICE,
)
def tell_factor(*, notice_id: str, person_id: str, factor: str, change: str) -> None:
    """Notify a person and the supervisors of their desks of a change in the person's sign-in.

    `change` is `added` or `removed` (a second factor), or `password`, with an empty `factor`; `notice_id`
    goes into the mail's Message-ID. Without an address of any of them, the people on duty are notified.
    """
    now, mailer = clock.now(), mail.current()
    told = accounts.notice_addresses(person_id=UUID(person_id), now=now)
    names = accounts.person_names(person_ids=[UUID(person_id)])
    code = f"FACTOR_{change.upper()}"

    def written(code: str, language: str) -> str:
        kind = reference.label("second_factor", factor, language) if factor else ""
        parameters = {"person": names.get(UUID(person_id), person_id), "factor": kind}
        return reference.render(code, parameters, language, kind="mail")

    mailer.send(
        to=told or mailer.duty,
        subject=written(f"{code}_SUBJECT", _LANGUAGES[0]),
        text="\n\n".join(written(code, language) for language in _LANGUAGES),
        message_id=f"{notice_id}.factor_{change}",
        now=now,
        seconds=_SECONDS,
    )


@app.task(
    queue=SENDS_QUEUE,
    retry=BoundedRetry(),
    name=GRANT_NOTICE,
)
def tell_grant(habilitation_id: str) -> None:
    """Notify supervisors and overseers that a role whose holders approve others' acts was granted.

    The mail names the person, the granter, and accounts that may belong to the same human. Without an
    address of any of them, the people on duty are notified.
    """
    now, mailer = clock.now(), mail.current()
    found = accounts.habilitation_of(habilitation_id=UUID(habilitation_id))
    if found is None:
        return
    told = accounts.addresses_of(
        roles=[Role.SUPERVISOR, Role.OVERSEER], desk_id=found.desk_id, now=now
    )

    def written(code: str, language: str) -> str:
        parameters = {
            "person": found.person,
            "granter": found.granted_by,
            "act": found.act_reference,
            "role": reference.label("role", found.role, language),
            "logins": ", ".join(one.login for one in found.alike),
        }
        return reference.render(code, parameters, language, kind="mail")

    granted = "GRANT_CONSOLE" if found.granted_by_id == SYSTEM_PERSON else "GRANT"
    codes = (granted, "GRANT_ALIKE") if found.alike else (granted,)
    mailer.send(
        to=told or mailer.duty,
        subject=written("GRANT_SUBJECT", _LANGUAGES[0]),
        text="\n\n".join(written(code, x) for x in _LANGUAGES for code in codes),
        message_id=f"{habilitation_id}.granted",
        now=now,
        seconds=_SECONDS,
    )
