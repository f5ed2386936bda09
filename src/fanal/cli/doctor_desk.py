"""Diagnosis of a production installation: people, queue, backups, address and help lines."""

import ipaddress
import os
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Final

import psycopg

from fanal.accounts.domain.duty import DutyLine, shifts, state_of_roster
from fanal.accounts.domain.records import NEEDED_ROLES
from fanal.accounts.duty_rows import LINES, asked, lines_of
from fanal.analyse.signals.domain.model import ModelUnfit, check_stored, read_header
from fanal.analyse.signals.reading import reader_files
from fanal.calls.shared_shifts import AROUND, content_of
from fanal.cli.finding import DoctorFinding, fine, note, problem
from fanal.config.environment import read_environment
from fanal.config.mailing import mailer_of
from fanal.connectors.mail import MailFault
from fanal.connectors.witness import SETTINGS, read_settings
from fanal.db.health import BACKUP_HOURS, LATE_MINUTES, WAIT_MINUTES
from fanal.kernel import clock
from fanal.kernel.calendar import PARIS
from fanal.measures.transparency.cosignature import CosignatureRefused
from fanal.web.public.help_lines import HELP_LINES

_ENDING_DAYS = 30
_EXPIRY_DAYS: Final = 40
"""Days without a run of the expiry after which the nightly one waits (`worker.expiry.LONGEST_PAUSE`)."""
_HOLD_DAYS = 30
_PEOPLE = """
SELECT h.role, count(DISTINCT h.person_id), count(*) FILTER (WHERE h.valid_until < now() + %(ending)s)
FROM accounts_habilitation h
WHERE now() >= h.valid_from AND now() < h.valid_until
    AND NOT EXISTS (SELECT FROM accounts_revocation r WHERE r.habilitation_id = h.id)
GROUP BY h.role
"""
_QUEUE = """
SELECT count(*) FILTER (WHERE quarantined_at IS NOT NULL),
    count(*) FILTER (WHERE quarantined_at IS NULL AND not_before < now() - make_interval(mins => %(late)s))
FROM intake_work WHERE stage <> 'DONE'
"""
_TEXTS = """
SELECT count(*) FILTER (WHERE attempts < 2), count(*) FILTER (WHERE attempts >= 2
    AND coalesce(lease_until < now(), true)), analyse_stuck_texts() FROM analyse_unread
"""
_UNSEEN = """
SELECT d.id, count(*) FROM orient_alarm a JOIN accounts_desk d ON d.id = a.desk_id
WHERE a.acknowledged_at IS NULL AND d.closed_at IS NOT NULL GROUP BY d.id ORDER BY d.id
"""
_BACKUP = """
SELECT extract(epoch FROM now() - max(at))::bigint / 3600 FROM ledger_entry WHERE action = 'backup.make'
"""
_EXPIRY = """
SELECT extract(day FROM now() - max(at))::int FROM ledger_entry WHERE action = 'expiry.run'
"""
_LATE_HOLDS = """
SELECT count(*) FROM intake_hold
WHERE lifted_at IS NULL AND coalesce(review_on < current_date - %(late)s, true)
"""
_READER = """
SELECT version, header, weights FROM analyse_reader WHERE state = 'IN_FORCE'
"""
_CHECKED = """
SELECT number FROM (SELECT DISTINCT ON (number) number, verdict, at FROM accounts_help_line
    ORDER BY number, at DESC, id DESC) AS newest
WHERE verdict = 'HIDDEN' OR at > now() - interval '366 days'
"""
_DESKS = "SELECT id, name FROM accounts_desk WHERE closed_at IS NULL ORDER BY id"
_GATE = """
SELECT (SELECT c.serial FROM measures_blocklist_cosigned c JOIN measures_blocklist l USING (serial)
        ORDER BY l.position DESC LIMIT 1), g.names,
    extract(epoch FROM now() - g.since)::bigint / 60, coalesce(nullif(g.detail, ''), g.code)
FROM (SELECT) AS nothing LEFT JOIN measures_blocklist_gate g ON true
"""
_OWN = """
SELECT count(*) FROM measures_blocking WHERE listed_at IS NOT NULL AND ended_at IS NULL AND host <> ''
    AND EXISTS (SELECT FROM unnest(%s::text[]) AS own
        WHERE own = host OR right(own, length(host) + 1) = '.' || host)
"""
_LINE = """
SELECT host(inet_server_addr()), (SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid())
"""


def look_at_desk(connection: psycopg.Connection[tuple[object, ...]]) -> Iterator[DoctorFinding]:
    """Yield findings about a production installation: people, queue, holds, backups, help lines, mail.

    `connection` must see the rows of every desk.
    """
    yield from _look_at_people(connection)
    yield from _look_at_queue(connection)
    yield from _look_at_texts(connection)
    yield from _look_at_closed_desks(connection)
    yield from _look_at_holds(connection)
    yield from _look_at_expiry(connection)
    yield _look_at_backups(connection)
    yield from _look_at_line(connection)
    yield from look_at_reader_in_force(connection)
    yield from look_at_address()
    yield from look_at_own_names(connection)
    yield from look_at_help_lines(connection)


def look_at_reader_in_force(
    connection: psycopg.Connection[tuple[object, ...]],
) -> Iterator[DoctorFinding]:
    """Yield the version of the text reader (model) in force, or a fault if the shipped one is used instead.

    `connection` reads the stored versions. Nothing is yielded if none was put in force.
    """
    row = connection.execute(_READER).fetchone()
    if row is None:
        return
    version, header, weights = row
    try:
        check_stored(version, header, weights, shipped=read_header(reader_files()))  # type: ignore[arg-type]
        yield fine(f"texts are read by version {version}, which two supervisors put in force")
    except ModelUnfit as unfit:
        yield problem(
            f"the text reader in force, {version}, does not fit ({unfit}): the shipped one reads; two "
            "supervisors put another in force under 'Text reader'"
        )


def look_at_address() -> Iterator[DoctorFinding]:
    """Yield the faults in the settings of host names and reverse proxies, which browsers need to reach us."""
    environment = read_environment(os.environ)
    if all(_is_this_machine(host) for host in environment.hosts):
        yield problem(
            "FANAL_HOSTS names this machine only: every other browser is answered 400. Set it to the "
            "host name of the desk"
        )
    if environment.proxy_hops is None:
        yield note(
            "FANAL_PROXY_HOPS is not set: behind a reverse proxy all citizens count as one sender "
            "(0 where there is none)"
        )


def look_at_help_lines(
    connection: psycopg.Connection[tuple[object, ...]],
) -> Iterator[DoctorFinding]:
    """Yield a note on the numbers on public pages that nobody has verified in an official text for a year.

    Nothing is yielded if all are verified. An administrator says so in the browser (*Public pages*).
    """
    checked = {str(row[0]) for row in connection.execute(_CHECKED).fetchall()}
    told = "; ".join(f"{x.number} ({x.said})" for x in HELP_LINES if x.number not in checked)
    if told:
        yield note(
            "public pages tell people to call these numbers, which nobody has compared with an official "
            f"text within a year: confirm each (page *Public pages*): {told}"
        )


def look_at_own_names(
    connection: psycopg.Connection[tuple[object, ...]],
) -> Iterator[DoctorFinding]:
    """Yield a problem if blocked names are kept off the list, to spare the stop page and the desk."""
    environment = read_environment(os.environ)
    own = [environment.stop_host, *(host.lower().strip("*.") for host in environment.hosts)]
    (count,) = connection.execute(_OWN, [own]).fetchone() or (0,)
    if count:
        yield problem(
            f"{count} blocked names are kept off the blocking list, which would else block the stop page or "
            "a host of the desk (FANAL_STOP_HOST, FANAL_HOSTS): lift the blocking, or use another host"
        )


def look_at_witnesses(
    connection: psycopg.Connection[tuple[object, ...]], home: Path
) -> Iterator[DoctorFinding]:
    """Yield whether a controller's machine cosigns the blocking list, and what waits for it.

    `home` is the data folder with the settings of the witnesses.
    """
    cosigned, names, minutes, why = connection.execute(_GATE).fetchone() or (None, None, None, "")
    try:
        settings = read_settings(home)
    except CosignatureRefused as error:
        yield problem(f"new names do not enter the blocking list: {error}")
        return
    if settings is None and cosigned is not None:
        yield problem(
            f"version {cosigned} of the blocking list was cosigned, and {SETTINGS} names no witness any "
            "more: lists are published without a controller's machine"
        )
    elif settings is None:
        yield note(
            f"no controller's machine cosigns the blocking list: name the overseer's witness in {SETTINGS}"
        )
    elif minutes is not None and int(str(minutes)) >= WAIT_MINUTES:
        yield problem(
            f"{names} names wait for {minutes} minutes for a cosignature of the blocking list: {why}; what "
            "is lifted leaves all the same"
        )
    else:
        told = f"version {cosigned}" if cosigned is not None else "no version yet"
        yield fine(
            f"the blocking list needs the cosignature of {len(settings.witnesses)} witnesses; {told} has it"
        )


def _look_at_people(connection: psycopg.Connection[tuple[object, ...]]) -> Iterator[DoctorFinding]:
    rows = connection.execute(_PEOPLE, {"ending": f"{_ENDING_DAYS} days"}).fetchall()
    held = {str(role): int(str(persons)) for role, persons, _ in rows}
    lacking = [
        f"{role} ({held.get(role, 0)} of {least})"
        for role, least in NEEDED_ROLES.items()
        if held.get(role, 0) < least
    ]
    if lacking:
        yield problem(
            f"a desk cannot work without these habilitations in force: {', '.join(lacking)}; see "
            "'fanal user grant'"
        )
    else:
        yield fine("the roles that a desk needs are held")
    ending = sum(int(str(count)) for *_, count in rows)
    if ending:
        yield note(f"{ending} habilitations end within {_ENDING_DAYS} days: review them")


def _look_at_queue(connection: psycopg.Connection[tuple[object, ...]]) -> Iterator[DoctorFinding]:
    quarantined, late = connection.execute(_QUEUE, {"late": LATE_MINUTES}).fetchone() or (0, 0)
    if quarantined:
        yield problem(
            f"{quarantined} reports are in quarantine: a supervisor sees them under 'Quarantine' and "
            "sends them through again"
        )
    if late:
        yield problem(f"{late} reports wait for more than {LATE_MINUTES} minutes for a stage")
    if not (quarantined or late):
        yield fine("no report waits for longer than it should")


def _look_at_closed_desks(
    connection: psycopg.Connection[tuple[object, ...]],
) -> Iterator[DoctorFinding]:
    for number, count in connection.execute(_UNSEEN).fetchall():
        yield problem(
            f"{count} alarms of the closed desk {number} are seen by nobody: 'fanal desk reopen {number}', "
            "then grant a role there"
        )


def _look_at_holds(connection: psycopg.Connection[tuple[object, ...]]) -> Iterator[DoctorFinding]:
    (late,) = connection.execute(_LATE_HOLDS, {"late": _HOLD_DAYS}).fetchone() or (0,)
    if late:
        yield note(
            f"{late} legal holds keep their report past its term, and their review is more than {_HOLD_DAYS} "
            "days late: a supervisor renews or lifts each under 'Legal holds'"
        )


def _look_at_expiry(connection: psycopg.Connection[tuple[object, ...]]) -> Iterator[DoctorFinding]:
    (days,) = connection.execute(_EXPIRY).fetchone() or (None,)
    if days is not None and int(str(days)) >= _EXPIRY_DAYS:
        yield problem(
            f"expired data was last erased {days} days ago, and the nightly run waits for you: if the clock "
            "of this machine is right and no legal hold is missing, 'fanal retention run'"
        )


def _look_at_texts(connection: psycopg.Connection[tuple[object, ...]]) -> Iterator[DoctorFinding]:
    waiting, aside, stuck = connection.execute(_TEXTS).fetchone() or (0, 0, 0)
    if stuck:
        yield problem(
            f"{stuck} texts wait for the model and no worker reads them, though no report waits: its engine "
            "does not start (worker.log names the reason; it is tried again every ten minutes)"
        )
    elif waiting:
        yield note(
            f"{waiting} texts wait for the model, which reads them while no report waits for a stage; the "
            "phrase lists have read them"
        )
    if aside:
        yield note(
            f"{aside} texts are left to the phrase lists: two readings by the model failed or ended the "
            "worker. 'fanal replay analyse' tries all texts again"
        )


def _look_at_backups(connection: psycopg.Connection[tuple[object, ...]]) -> DoctorFinding:
    (hours,) = connection.execute(_BACKUP).fetchone() or (None,)
    if hours is None:
        return problem("no backup was ever made: 'fanal backup FOLDER', every night")
    if int(str(hours)) > BACKUP_HOURS:
        return problem(f"the last backup was made {hours} hours ago: 'fanal backup FOLDER'")
    return fine(f"the last backup was made {hours} hours ago")


def _look_at_line(connection: psycopg.Connection[tuple[object, ...]]) -> Iterator[DoctorFinding]:
    address, encrypted = connection.execute(_LINE).fetchone() or (None, False)
    if address is not None and not _is_this_machine(str(address)) and not encrypted:
        yield problem(
            "the connection to the database on another machine is not encrypted: add "
            "sslmode=verify-full to DATABASE_URL"
        )


def _is_this_machine(host: str) -> bool:
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"


def look_at_rosters(connection: psycopg.Connection[tuple[object, ...]]) -> Iterator[DoctorFinding]:
    """Yield notes on the duty rosters of the next two weeks: gaps, and people whom no call reaches.

    `connection` must read the names and addresses of people.
    """
    now, complete = clock.now(), 0
    lines = lines_of(connection.execute(LINES, asked(now=now)).fetchall())
    for desk_id, desk in connection.execute(_DESKS).fetchall():
        state = state_of_roster(lines, desk_id=int(str(desk_id)), desk=str(desk), now=now)
        if not state.has_lines:
            yield note(f"the desk '{desk}' has no duty roster: FANAL_DUTY is called at every hour")
        for gap in state.gaps[:1]:
            since, until = (
                f"{one.astimezone(PARIS):%a %d %b %H:%M}" for one in (gap.since, gap.until)
            )
            yield note(
                f"nobody is on duty at the desk '{desk}' from {since} to {until}"
                f" (gaps in two weeks: {len(state.gaps)}): FANAL_DUTY is called then"
            )
        for name in state.unreachable:
            yield note(
                f"no call reaches {name}, on duty at the desk '{desk}': they have no mail address,"
                " their account is closed, or their role there has ended"
            )
        complete += state.has_lines and not state.gaps and not state.unreachable
    if not rosters_fit(lines, now):
        yield problem(
            "the duty rosters are too large to be used: FANAL_DUTY is called for every desk; remove lines"
        )
    if complete:
        yield fine(f"duty rosters without a gap in the next two weeks: {complete}")


def rosters_fit(lines: Sequence[DutyLine], now: datetime) -> bool:
    """Return whether the shifts of these roster lines fit in the memory of the alarm-call process."""
    by_desk: dict[int, list[DutyLine]] = {}
    for line in lines:
        by_desk.setdefault(line.desk_id, []).append(line)
    around = {
        desk: shifts(mine, since=now - AROUND, until=now + AROUND) for desk, mine in by_desk.items()
    }
    return content_of(around) is not None


# Diagnosis of the e-mail settings for alarm calls, for `fanal doctor`, `fanal run` and `fanal mail`.

_MOST_ON_DUTY: Final = 10
"""Most addresses that are called in time whatever one thing fails at the mail server (SECURITY.md)."""
FAULTS: Mapping[MailFault, str] = {
    MailFault.NO_SERVER: "FANAL_SMTP_URL is not set: mail is left in FANAL_HOME/mail, which nobody reads",
    MailFault.SERVER_REFUSED: "FANAL_SMTP_URL is no address of the form smtp[s]://host:port: nothing is sent",
    MailFault.NO_DUTY: "FANAL_DUTY names nobody to call",
    MailFault.DUTY_RESERVED: "FANAL_DUTY names examples only, which reach nobody",
    MailFault.SENDER_RESERVED: "FANAL_MAIL_FROM is an example: servers refuse such a sender",
}


def look_at_channel() -> Iterator[DoctorFinding]:
    """Yield the findings on the mail settings: the faults that keep alarm calls from the people on duty.

    An alarm call is an e-mail about a child in danger. A public node sends none: nothing is yielded there.
    """
    environment = read_environment(os.environ)
    if environment.public_node:
        return
    mailer = mailer_of(environment)
    faults = mailer.faults()
    for fault in faults:
        yield problem(f"no call for a child in danger reaches anybody: {FAULTS[fault]}")
    if len(mailer.duty) > _MOST_ON_DUTY:
        yield note(
            f"FANAL_DUTY names {len(mailer.duty)} addresses: calls keep to ten seconds with {_MOST_ON_DUTY}"
            " at most when the mail server has a fault; name fewer, or a distribution list"
        )
    if not faults and not mailer.demo:
        yield fine(
            f"calls for a child in danger go to {len(mailer.duty)} addresses; "
            "'fanal mail test' sends one message to them"
        )
