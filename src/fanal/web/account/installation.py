"""Page on the state of the installation, for the administrator: what works, what does not, and the remedy.

It shows numbers for all desks together, without any name or text of a report. `fanal doctor`, run on the
machine itself, checks more: the sandbox of the readers, keys, certificates, roles of the database.
"""

import sys
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from enum import StrEnum

from django.db import connection
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.functional import Promise
from django.utils.translation import get_language, gettext as _, gettext_lazy, ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET
from msgspec import Struct, structs

import fanal
from fanal import reference
from fanal.accounts.domain.records import NEEDED_ROLES, AccountRecord
from fanal.accounts.queries.duty import rosters
from fanal.accounts.queries.people import list_accounts
from fanal.accounts.routes import needs
from fanal.analyse.signals.reading import NoReader, reader_state
from fanal.connectors import mail
from fanal.connectors.mail import MailFault
from fanal.db import sql
from fanal.db.closed import closed_logins
from fanal.db.health import BACKUP_HOURS, LATE_MINUTES
from fanal.intake.queries.work import count_work, oldest_waiting
from fanal.kernel.actors import Actor
from fanal.ledger.queries import newest_backup, newest_signature
from fanal.measures.blocking.publication.gate import gate_state
from fanal.measures.blocking.register import newest_published
from fanal.orient.alarms.queries import calls_alive, calls_reach, undelivered_calls
from fanal.vault import queries as vault
from fanal.web.account.actors import actor_of, now_of
from fanal.web.account.cosigning import waits_of
from fanal.web.account.mail_test import mail_tests_of
from fanal.web.components import words

_SIGNED_WITHIN = timedelta(hours=1)
_SEARCHED = timedelta(days=4)
_GIB = 2**30
_ROOM = 2 * _GIB
_SILENCE = timedelta(seconds=60)
_MOST_CONNECTIONS = 0.8
_MAIL_FAULTS: Mapping[MailFault, str | Promise] = {
    MailFault.NO_SERVER: gettext_lazy("No mail server is set (FANAL_SMTP_URL)."),
    MailFault.SERVER_REFUSED: gettext_lazy(
        "The mail server’s address is not one (FANAL_SMTP_URL)."
    ),
    MailFault.NO_DUTY: gettext_lazy("Nobody is on duty (FANAL_DUTY)."),
    MailFault.DUTY_RESERVED: gettext_lazy("The people on duty are examples (FANAL_DUTY)."),
    MailFault.SENDER_RESERVED: gettext_lazy("The sender is an example (FANAL_MAIL_FROM)."),
}


class PartState(StrEnum):
    """The state of a part of the installation: FINE, LOOK (look at it soon), FAULT (act now)."""

    FINE = "FINE"
    LOOK = "LOOK"
    FAULT = "FAULT"


class InstallationPart(Struct, frozen=True, kw_only=True):
    """A part of the installation on the page: label (`words`), what was found, its state.

    `remedy` says what to do about a fault, "" without one.
    """

    words: str
    found: str
    state: PartState = PartState.FINE
    remedy: str = ""

    @property
    def tone(self) -> str:
        """The CSS style of the part's badge."""
        return {PartState.FINE: "ok", PartState.LOOK: "warn", PartState.FAULT: "danger"}[self.state]


@never_cache
@require_GET
@needs("installation.read")
def installation(request: HttpRequest) -> HttpResponse:
    """Show the state of every part of the installation, faults first; the page renews it twice a minute.

    With `state` (FAULT, LOOK) in the query, only the parts in that state.
    """
    actor, now = actor_of(request), now_of(request)
    parts = parts_of(actor=actor, now=now)
    asked = request.GET.get("state", "")
    chosen = asked if asked in set(PartState) else ""
    context = {
        "parts": [part for part in parts if part.state == chosen] if chosen else parts,
        "chosen": chosen,
        "faults": sum(part.state is PartState.FAULT for part in parts),
        "looks": sum(part.state is PartState.LOOK for part in parts),
        "versions": _versions(),
        "at": now,
    }
    if "HX-Request" in request.headers:
        return render(request, "account_pages/installation_parts.html", context)
    context |= mail_tests_of(request)
    return render(request, "account_pages/installation.html", context)


def parts_of(
    *, actor: Actor, now: datetime, accounts: Sequence[AccountRecord] | None = None
) -> list[InstallationPart]:
    """Return every part of the installation with its state, faults first.

    `accounts` are all accounts, where the caller has them already.

    Raises:
        Refused: the actor may not list accounts.
    """
    known = list_accounts(actor=actor, now=now) if accounts is None else accounts
    parts = [*_machines(), *_reports(now), *_mail(actor, now), *_kept(actor, now), *_people(known)]
    return sorted(parts, key=lambda part: list(PartState)[::-1].index(part.state))


def _machines() -> Iterator[InstallationPart]:
    size, used, most = sql.one(
        "SELECT pg_database_size(current_database()), numbackends,"
        " current_setting('max_connections')::integer"
        " FROM pg_stat_database WHERE datname = current_database()"
    )
    crowded = used > _MOST_CONNECTIONS * most
    yield InstallationPart(
        words=_("Database"),
        found=_("%(size)s; connections: %(used)s of %(most)s")
        % {"size": _size(size), "used": _number(used), "most": _number(most)},
        state=PartState.LOOK if crowded else PartState.FINE,
        remedy=_("Few connections are left: start fewer web processes, or raise max_connections.")
        if crowded
        else "",
    )
    alive = sql.one(
        "SELECT count(*) FROM procrastinate_workers WHERE last_heartbeat > now() - %s", [_SILENCE]
    )[0]
    yield _either(
        alive,
        words=_("Workers"),
        fine=ngettext("%(n)s runs", "%(n)s run", alive) % {"n": _number(alive)},
        fault=_("None runs"),
        remedy=_("Reports are received and wait. Start “fanal run” or “fanal worker”."),
    )
    yield _caller()
    with connection.cursor() as cursor:
        closed = closed_logins(cursor)
    yield _either(
        not closed,
        words=_("Public servers and the auditor"),
        fine=_("They are let in"),
        fault=_("Shut out: %(logins)s") % {"logins": ", ".join(closed)},
        remedy=_(
            "Somebody else has their password. Find that machine, then run “fanal provision --new-passwords”."
        ),
    )


def _caller() -> InstallationPart:
    alive = calls_alive()
    if alive and not (calls_reach() or mail.current().demo):
        return _either(
            False,
            words=_("Process that calls the people on duty"),
            fine="",
            fault=_("It runs, and reaches nobody"),
            remedy=_("Its last message failed: look at log/calls.log; “fanal mail test” tries it."),
        )
    return _either(
        alive,
        words=_("Process that calls the people on duty"),
        fine=_("It runs"),
        fault=_("None runs"),
        remedy=_("Nobody is called for a child in danger. Start “fanal run” or “fanal calls”."),
    )


def _reports(now: datetime) -> Iterator[InstallationPart]:
    counts = count_work()
    aside = counts.pop("QUARANTINE", 0)
    waiting = sum(counts.values())
    since = oldest_waiting(now=now)
    waits = now - since if since else timedelta(0)
    found = _("None waits")
    if waiting:
        found = ngettext("%(n)s waits", "%(n)s wait", waiting) % {"n": _number(waiting)}
    if since:
        found += _(", the oldest for %(span)s") % {"span": words.span(waits, get_language() or "")}
    yield _either(
        waits <= timedelta(minutes=LATE_MINUTES),
        words=_("Reports in the stages"),
        fine=found,
        fault=found,
        remedy=_("Look at the workers’ log (log/worker.log), or start another worker."),
    )
    yield _either(
        not aside,
        words=_("Reports in quarantine"),
        fine=_("No report"),
        fault=_number(aside),
        remedy=_(
            "Their processing failed. A supervisor sees them under “Quarantine” and has them processed again."
        ),
    )
    state = reader_state()
    read = not isinstance(state, NoReader)
    yield InstallationPart(
        words=_("Text reader"),
        found=_("Texts are read by their meaning")
        if read
        else _("Texts are read by the phrase lists alone"),
        state=PartState.FINE if read else PartState.LOOK,
        remedy="" if read else _("“fanal doctor” tells why."),
    )


def _rosters(now: datetime) -> InstallationPart:
    """Return the part on the duty rosters: those with a gap, or with people whom no call reaches."""
    found = [one for one in rosters(now=now) if one.has_lines]
    faulty = [one for one in found if one.gaps or one.unreachable]
    part = _either(
        not faulty,
        words=_("Duty rosters"),
        fine=_("Complete for two weeks")
        if found
        else _("None: the people of FANAL_DUTY are called"),
        fault=", ".join(one.desk for one in faulty),
        remedy=_("A gap, or somebody whom no call reaches: see “Duty roster”."),
    )
    return structs.replace(part, state=PartState.LOOK) if faulty else part


def _mail(actor: Actor, now: datetime) -> Iterator[InstallationPart]:
    mailer = mail.current()
    lacks = " ".join(str(_MAIL_FAULTS[fault]) for fault in mailer.lacks())
    set_up = _("Set up, for %(n)s on duty") % {"n": _number(len(mailer.duty))}
    if mailer.demo and lacks:
        yield InstallationPart(
            words=_("Mail to the people on duty"), found=_("This is a demo: mail stays in a folder")
        )
    else:
        yield _either(
            not lacks,
            words=_("Mail to the people on duty"),
            fine=set_up,
            fault=lacks,
            remedy=_("No call reaches anybody. Set it and restart; “fanal mail test” tries it."),
        )
    yield _rosters(now)
    calls = undelivered_calls(actor=actor)
    failed = [
        ngettext("%(n)s late", "%(n)s late", calls.late) % {"n": _number(calls.late)},
        ngettext("%(n)s given up", "%(n)s given up", calls.given_up)
        % {"n": _number(calls.given_up)},
        ngettext("%(n)s left in a folder", "%(n)s left in a folder", calls.left)
        % {"n": _number(calls.left)},
    ]
    failed.append(_("the mail server refused some of the people on duty"))
    counts = (calls.late, calls.given_up, 0 if mailer.demo else calls.left, calls.partly)
    yield _either(
        not any(counts),
        words=_("Calls for a child in danger"),
        fine=_("None waits"),
        fault=", ".join(text for text, n in zip(failed, counts, strict=True) if n),
        remedy=_("Telephone the people on duty now, then look at log/calls.log."),
    )


def _kept(actor: Actor, now: datetime) -> Iterator[InstallationPart]:
    try:
        free = vault.free_bytes()
    except OSError:
        yield InstallationPart(
            words=_("Space for files"),
            found=_("The folder cannot be reached"),
            state=PartState.FAULT,
            remedy=_("No report with a file is taken. Look at its disk or mount."),
        )
    else:
        yield _either(
            free >= _ROOM,
            words=_("Space for files"),
            fine=_("Free: %(size)s") % {"size": _size(free)},
            fault=_("Free: %(size)s") % {"size": _size(free)},
            remedy=_("Below two gigabytes reports with files are soon refused: give it more."),
        )
    yield from _blocking(actor, now)
    made = newest_backup(actor=actor, since=now - _SEARCHED)
    yield _either(
        made is not None and now - made <= timedelta(hours=BACKUP_HOURS),
        words=_("Newest backup"),
        fine=_moment(made, now),
        fault=_moment(made, now) if made else _("None in four days"),
        remedy=_("Run “fanal backup” each night, to a folder on another machine."),
    )
    signed = newest_signature()
    yield _either(
        signed is not None and now - signed <= _SIGNED_WITHIN,
        words=_("Ledger signed"),
        fine=_moment(signed, now),
        fault=_moment(signed, now) if signed else _("Never"),
        remedy=_("The worker signs it each minute: look at log/worker.log."),
    )


def _blocking(actor: Actor, now: datetime) -> Iterator[InstallationPart]:
    """Yield the part on the cosignature of the blocking list, where a list is published or held back."""
    state = gate_state(actor=actor)
    if not state.witnesses and newest_published(actor=actor) is None:
        return
    label = _("Blocking list")
    if not state.witnesses:
        yield InstallationPart(
            words=label,
            found=_("No controller’s machine cosigns it"),
            state=PartState.LOOK,
            remedy=_("Name the overseer’s witness in witness.toml."),
        )
        return
    found = _("Cosigned by %(witnesses)s") % {"witnesses": state.witnesses}
    if state.names:
        found = waits_of(state)
    yield _either(
        not state.is_late(now=now),
        words=label,
        fine=found,
        fault=found,
        remedy=_(
            "What is lifted leaves all the same. Look at the connection to %(witnesses)s; “fanal blocklist "
            "status” quotes the fault."
        )
        % {"witnesses": state.witnesses},
    )


def _people(known: Sequence[AccountRecord]) -> Iterator[InstallationPart]:
    accounts = [one for one in known if one.active]
    held = {role: sum(role in one.roles for one in accounts) for role in NEEDED_ROLES}
    language = get_language() or ""
    lacking = ", ".join(
        _("%(role)s (%(held)s of %(needed)s)")
        % {"role": reference.label("role", role, language), "held": held[role], "needed": least}
        for role, least in NEEDED_ROLES.items()
        if held[role] < least
    )
    people = ngettext("%(n)s open account", "%(n)s open accounts", len(accounts))
    yield _either(
        not lacking,
        words=_("Roles that a desk needs"),
        fine=_("All are held; %(people)s") % {"people": people % {"n": _number(len(accounts))}},
        fault=_("Missing: %(roles)s") % {"roles": lacking},
        remedy=_(
            "A supervisor grants them under “Habilitations”; some need a second person. The first of all are"
            " granted at the console: “fanal user grant”."
        ),
    )


def _versions() -> list[tuple[str, str]]:
    [postgres] = sql.one("SELECT split_part(current_setting('server_version'), ' ', 1)")
    return [
        ("Fanal", fanal.__version__),
        ("PostgreSQL", postgres),
        ("Python", sys.version.split()[0]),
        (_("Rules and law"), reference.load().version[:12]),
    ]


def _either(works: object, *, words: str, fine: str, fault: str, remedy: str) -> InstallationPart:
    if works:
        return InstallationPart(words=words, found=fine)
    return InstallationPart(words=words, found=fault, state=PartState.FAULT, remedy=remedy)


def _moment(value: datetime | None, now: datetime) -> str:
    return words.moment(value, get_language() or "", now=now) if value else ""


def _number(value: float) -> str:
    return words.number(value, get_language() or "")


def _size(octets: int) -> str:
    """Return a number of bytes in whole gigabytes, or in megabytes below ten."""
    if octets >= 10 * _GIB:
        return _("%(n)s GB") % {"n": _number(octets // _GIB)}
    return _("%(n)s MB") % {"n": _number(octets // 2**20)}
