"""E-mail notices to the desk's own staff, one job a message; alarm calls are in `fanal.calls`."""

import secrets
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
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
from fanal.harmonise.openings import opening_of
from fanal.harmonise.operations.identity import IDENTITY_NOTICE
from fanal.kernel import clock
from fanal.kernel.actors import SYSTEM_PERSON, Role, system_actor
from fanal.measures.blocking.publication.gate import GATE_NOTICE, read_state
from fanal.orient.domain.clocks import MAX_ATTEMPTS, MOST_COPIES, wait_after
from fanal.orient.notifications.operations import (
    NOTIFICATION_MAIL,
    NOTIFICATION_QUEUE,
    count_mailed,
)
from fanal.worker.job_process import SENDS_QUEUE

_LANGUAGES = ("fr", "en")
_SECONDS = 24.0
"""Deadline of one notice, for a mail server that is slow: a notice is less urgent than a call."""
_MOST_ADDRESSES = 60
"""Range of a random number that chooses the server's address; divisible by 1 to 6, so that all are equal."""


class BoundedRetry(BaseRetryStrategy):
    """A retry strategy with exponential back-off and jitter, at most a minute between two attempts.

    After `MAX_ATTEMPTS` attempts a job fails permanently. If the mail server received the message without
    confirming it, each further message may be a copy: the pauses then grow to ten minutes, and `MOST_COPIES`
    is the limit.
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
    now = clock.now()
    opening = opening_of(actor=system_actor("notice"), opening_id=UUID(opening_id))
    if opening is None:
        return
    told = accounts.addresses_of(
        roles=[Role.SUPERVISOR, Role.OVERSEER], desk_id=opening.desk_id, now=now
    )
    parameters = {"reference": str(opening.report_id)}
    _notify(told, ["IDENTITY_OPENED"], lambda _: parameters, f"{opening_id}.identity_opened", now)


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
    now = clock.now()
    told = accounts.addresses_of(roles=[Role.SUPERVISOR], desk_id=None, now=now)
    _notify(told, ["ASIDE"], lambda _: {}, f"{aside_id}.list_aside", now)


@app.task(
    queue=SENDS_QUEUE,
    retry=BoundedRetry(),
    name=FACTOR_NOTICE,
)
def tell_factor(
    *, notice_id: str, person_id: str, factor: str, change: str, also: str = ""
) -> None:
    """Notify a person and the supervisors of their desks of a change in the person's sign-in.

    `change` is `added` or `removed` (a second factor), else, with an empty `factor`, as in
    `notify_sign_in_change`; `notice_id` goes into the mail's Message-ID; `also` is a further address. Without
    an address of any of them, the people on duty are notified.
    """
    now = clock.now()
    told = accounts.notice_addresses(person_id=UUID(person_id), now=now)
    told = list(dict.fromkeys([*told, *([also] if also else [])]))
    names = accounts.person_names(person_ids=[UUID(person_id)])

    def parameters(language: str) -> dict[str, str]:
        kind = reference.label("second_factor", factor, language) if factor else ""
        return {"person": names.get(UUID(person_id), person_id), "factor": kind}

    _notify(told, [f"FACTOR_{change.upper()}"], parameters, f"{notice_id}.factor_{change}", now)


@app.task(
    queue=NOTIFICATION_QUEUE,
    retry=BoundedRetry(),
    name=NOTIFICATION_MAIL,
)
def tell_notifications(*, person_id: str, mail_id: str) -> None:
    """Send a person an e-mail that says how many notifications they have not seen, and where to read them.

    The mail names no report, no person and no act. `mail_id` goes into its Message-ID. Nothing is sent once
    all are seen, or to a person without an address, who sees them at the desk only.
    """
    now, person = clock.now(), UUID(person_id)
    count = count_mailed(actor=system_actor("notifications"), person_id=person, now=now)
    told = accounts.own_addresses(person_id=person)
    if told and count:

        def parameters(language: str) -> dict[str, str]:
            page = f"https://{mail.current().host}/{language}/desk/notifications/"
            return {"count": str(count), "address": page}

        _notify(told, ["NOTIFICATIONS"], parameters, f"{mail_id}.notifications", now)


@app.task(
    queue=SENDS_QUEUE,
    retry=BoundedRetry(),
    name=GRANT_NOTICE,
)
def tell_grant(habilitation_id: str) -> None:
    """Notify supervisors and overseers that somebody was granted a role whose holders approve others' acts.

    `habilitation_id` is the id of the grant. The mail names the person, the granter, and accounts that may
    belong to the same human. Without an address of any of them, the people on duty are notified.
    """
    now = clock.now()
    found = accounts.habilitation_of(habilitation_id=UUID(habilitation_id))
    if found is None:
        return
    told = accounts.addresses_of(
        roles=[Role.SUPERVISOR, Role.OVERSEER], desk_id=found.desk_id, now=now
    )

    def parameters(language: str) -> dict[str, str]:
        return {
            "person": found.person,
            "granter": found.granted_by,
            "act": found.act_reference,
            "role": reference.label("role", found.role, language),
            "logins": ", ".join(one.login for one in found.alike),
        }

    granted = "GRANT_CONSOLE" if found.granted_by_id == SYSTEM_PERSON else "GRANT"
    codes = [granted, "GRANT_ALIKE"] if found.alike else [granted]
    subject = "GRANT_SUBJECT"
    _notify(told, codes, parameters, f"{habilitation_id}.granted", now, subject=subject)


@app.task(
    queue=SENDS_QUEUE,
    retry=BoundedRetry(),
    name=GATE_NOTICE,
)
def tell_gate(since: str) -> None:
    """Notify supervisors, administrators and overseers that names wait for the controller's cosignature.

    `since` is the instant (ISO 8601) from which on they have waited. The mail names no site. Nothing is sent
    once none waits any more. Without an address of any of them, the people on duty are notified.
    """
    now, state = clock.now(), read_state()
    if state.since is None:
        return
    roles = [Role.SUPERVISOR, Role.ADMINISTRATOR, Role.OVERSEER]
    told = accounts.addresses_of(roles=roles, desk_id=None, now=now)
    parameters = {"count": str(state.names), "witnesses": state.witnesses}
    at = datetime.fromisoformat(since)
    _notify(told, ["GATE"], lambda _: parameters, f"{int(at.timestamp())}.{now:%Y%m%d}.gate", now)


def _notify(
    to: Sequence[str],
    codes: Sequence[str],
    parameters: Callable[[str], Mapping[str, str]],
    message_id: str,
    now: datetime,
    *,
    subject: str = "",
) -> None:
    """Send a notice in both languages to the addresses `to`; without any, to the people on duty.

    `codes` are the codes of its paragraphs among the labels of mails; `subject` is the code of its subject
    line, by default the first of `codes`. `parameters` returns the values that the sentences contain, for a
    language.
    """

    def written(code: str, language: str) -> str:
        return reference.render(code, parameters(language), language, kind="mail")

    mailer = mail.current()
    mailer.send(
        to=to or mailer.duty,
        subject=written(subject or f"{codes[0]}_SUBJECT", _LANGUAGES[0]),
        text="\n\n".join(written(code, x) for x in _LANGUAGES for code in codes),
        message_id=message_id,
        now=now,
        # Any address of the server first: one that confirms nothing would get each copy.
        how=mail.How(_SECONDS, 1 + secrets.randbelow(_MOST_ADDRESSES)),
    )
