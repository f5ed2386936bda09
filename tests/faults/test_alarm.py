"""A child in danger, through the public form, calls the duty people: within ten seconds, and again.

Real processes and a real mail server. The two minutes before the second call are not waited for: the
alarm's stored instant is moved into the past, since every deadline is a function of stored instants.
"""

import os
import signal
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import Message
from pathlib import Path

import psycopg
import pytest
from aiosmtpd.controller import Controller

from fanal.postgres import Cluster
from tests.faults.filing import CODE, WAIT_OF_THE_FORM
from tests.live import Live, draft_of, free_port, live, wait_for

pytestmark = pytest.mark.serial
CALLED_WITHIN = 10.0
CALLS = "fanal.calls"
DEAD_FOR_SURE = 29.0
"""Seconds after which leases and heartbeats tell that a worker is dead; a start under full load takes some."""
SECRET = "Canary words of a frightened person 4471"


@dataclass
class Inbox:
    """The calls that the duty people's mail server accepted; refuses the first `refusals` of them.

    Other notices, such as those of new habilitations, reach the same people and are none.
    """

    messages: list[tuple[list[str], Message]] = field(default_factory=list)
    refusals: int = 0
    unknown: str = ""
    """An address that the server takes no more."""
    waits: str = ""
    """An address that the server takes later (greylisting)."""

    async def handle_RCPT(  # noqa: N802 - the library's name
        self, _server: object, _session: object, envelope: object, address: str, _options: object
    ) -> str:
        if address == self.unknown:
            return "550 no such person"
        if address == self.waits:
            return "450 try again later"
        envelope.rcpt_tos.append(address)  # type: ignore[attr-defined]
        return "250 known"

    async def handle_DATA(self, _server: object, _session: object, envelope: object) -> str:  # noqa: N802
        content, to = envelope.content, envelope.rcpt_tos  # type: ignore[attr-defined]
        if b".alarm_" not in content:
            return "250 taken"
        if self.refusals:
            self.refusals -= 1
            return "451 busy, try again"
        self.messages.append((to, message_from_bytes(content)))
        return "250 taken"


@pytest.fixture(scope="module")
def inbox() -> Iterator[tuple[Inbox, int]]:
    box, port = Inbox(), free_port()
    controller = Controller(box, hostname="127.0.0.1", port=port)
    controller.start()
    yield box, port
    controller.stop()


@pytest.fixture(scope="module")
def point_file() -> Iterator[Path]:
    with tempfile.NamedTemporaryFile(prefix="fanal-failpoint-") as file:
        Path(file.name).chmod(0o644)  # started by root, the processes run as another account
        yield Path(file.name)


@pytest.fixture(scope="module")
def server(inbox: tuple[Inbox, int], point_file: Path) -> Iterator[Live]:
    with live(
        FANAL_FAILPOINT=f"@{point_file}",
        FANAL_SMTP_URL=f"smtp://127.0.0.1:{inbox[1]}",
        FANAL_DUTY="duty@desk.example,night@desk.example",
    ) as running:
        yield running


def tell_of_danger(server: Live) -> float:
    """Send the form as somebody who sees a child in danger; return the instant of the answer."""
    page = server.call("GET", "/fr/report/")
    for step in (
        {"step": "danger", "go": "next", "danger": "YES"},
        {"step": "what", "go": "saw", "kind": "GROOMING"},
        {"step": "saw", "go": "you", "description": SECRET},
        {"step": "you", "go": "check", "contact": "ANONYMOUS"},
    ):
        page = server.page("/fr/report/", draft=draft_of(page), **step)
        assert page.status == 200, page
    time.sleep(WAIT_OF_THE_FORM)  # the form's own wait without a proof of work
    answer = server.page("/fr/report/", draft=draft_of(page), step="check", go="send")
    assert answer.status == 201
    assert CODE.search(answer.body.decode())
    return time.monotonic()


def ask(server: Live, statement: str) -> list[tuple[object, ...]]:
    url = Cluster.open(home=server.home, environ=os.environ).admin_url()
    with psycopg.connect(url, dbname="fanal", autocommit=True) as look:
        cursor = look.execute(statement)  # type: ignore[call-overload]
        return cursor.fetchall() if cursor.description else []


def test_is_called_within_ten_seconds_and_again_after_two_minutes(
    server: Live, inbox: tuple[Inbox, int]
) -> None:
    box, _ = inbox
    sent = tell_of_danger(server)
    assert wait_for(lambda: box.messages, seconds=CALLED_WITHIN + 10, beat=0.05)
    assert time.monotonic() - sent < CALLED_WITHIN
    [(to, first)] = box.messages
    assert to == ["duty@desk.example", "night@desk.example"]
    assert wait_for(lambda: ask(server, "SELECT count(*) FROM intake_work") == [(0,)]), (
        server.told()
    )
    [shown] = server.lines("report", "list")
    assert shown["priority"]["floor"] == "CHILD_IN_DANGER"  # type: ignore[index]
    assert str(shown["id"]) in first.get_payload()
    assert SECRET not in first.as_string()
    assert ask(server, "SELECT acknowledged_at, escalated_at FROM orient_alarm") == [(None, None)]

    # The second call meets a busy mail server and goes to each person alone: one may be the cause.
    box.refusals = 1
    ask(server, "UPDATE orient_alarm SET raised_at = raised_at - interval '121 seconds'")
    assert wait_for(
        lambda: sorted(w for them, _ in box.messages[1:] for w in them) == to, seconds=40
    )
    again = box.messages[1][1]
    assert again["Message-ID"] != first["Message-ID"]
    assert again["Subject"] != first["Subject"]
    assert ask(server, "SELECT count(*) FROM orient_alarm WHERE escalated_at IS NOT NULL") == [(1,)]
    actions = ask(server, "SELECT action FROM ledger_entry WHERE action LIKE 'alarm.%'")
    assert {row[0] for row in actions} >= {"alarm.raise", "alarm.send", "alarm.escalate"}


def called(box: Inbox, report: str) -> list[list[str]]:
    """Return whom each call for a report reached: the alarms of earlier tests escalate meanwhile.

    A call whose sender died before it noted it comes twice.
    """
    return [to for to, message in list(box.messages) if report in message.as_string()]


def newest(server: Live) -> str:
    [(report,)] = ask(server, "SELECT id FROM intake_report ORDER BY received_at DESC LIMIT 1")
    return str(report)


def first_outcome(server: Live, report: str) -> object:
    """Return the outcome of the first call for a report, None until it has one."""
    found = ask(
        server,
        "SELECT outcome FROM orient_call c JOIN orient_alarm a ON a.id = c.alarm_id"
        f" WHERE a.report_id = '{report}' ORDER BY c.queued_at LIMIT 1",
    )
    return found[0][0] if found else None


def only(server: Live, program: str, *, but: int = 0) -> int:
    """Wait for the one process of a program, another than `but`, and return its id.

    A message on its way has a child of its own, which bears its parent's name for as long as it lives.
    """
    found: list[int] = []

    def alone() -> bool:
        found[:] = server.leaders(program)
        return len(found) == 1 and found[0] != but

    assert wait_for(alone, beat=0.05), server.told()
    return found[0]


def dies_at(server: Live, point_file: Path, program: str, place: str) -> tuple[float, str]:
    """Tell of danger to a program that dies at `place`, the next one nowhere; return when, and the report."""
    first = only(server, program)
    point_file.write_text(f"{place}:1:kill")
    try:
        os.kill(first, signal.SIGKILL)
        armed = only(server, program, but=first)
        sent = tell_of_danger(server)
    finally:
        point_file.write_text("")
    assert wait_for(lambda: armed not in server.leaders(program), seconds=30, beat=0.05)
    return sent, newest(server)


@pytest.mark.parametrize(
    ("program", "place"),
    [("fanal.worker", "worker.claimed"), (CALLS, "send.begin"), (CALLS, "send.sent")],
)
def test_a_process_that_dies_delays_no_call(
    server: Live, inbox: tuple[Inbox, int], point_file: Path, program: str, place: str
) -> None:
    """With the report in hand, or the call: nobody waits for the lease or the heartbeat of the dead."""
    box, _ = inbox
    sent, report = dies_at(server, point_file, program, place)
    assert wait_for(lambda: called(box, report), seconds=DEAD_FOR_SURE, beat=0.05)
    assert time.monotonic() - sent < DEAD_FOR_SURE
    noted = f"SELECT outcome FROM orient_call c JOIN orient_alarm a ON a.id = alarm_id WHERE report_id = '{report}'"
    assert wait_for(lambda: ask(server, noted) == [("SENT",)], seconds=DEAD_FOR_SURE)


ESCALATED = b"""<report><incidentSummary>
<incidentType>Online Enticement of Children for Sexual Acts</incidentType>
<escalateToHighPriority>Somebody is going to meet a child today.</escalateToHighPriority>
<incidentDateTime>2026-01-02T03:04:05Z</incidentDateTime></incidentSummary>
<reporter><reportingPerson><email>duty@provider.example</email></reportingPerson></reporter>
</report>"""


@pytest.mark.parametrize("way", ["api", "wire"])
def test_a_report_left_open_calls_when_it_is_submitted(
    server: Live, inbox: tuple[Inbox, int], way: str
) -> None:
    box, _ = inbox
    partner = server.add_partner(f"open-{way}")
    if way == "api":
        body = {"reference": "OPEN-1", "kind": "GROOMING", "emergency": True}
        answer = server.json("POST", "/reports?state=open", partner, body)
        assert (answer.status, answer.json["state"]) == (201, "OPEN")
        report = str(answer.json["id"])
    else:
        answer = server.wire("submit", partner, ESCALATED)
        assert b"<responseCode>0</responseCode>" in answer.body, answer
        report = newest(server)
    sent = time.monotonic()
    assert wait_for(lambda: called(box, report), seconds=CALLED_WITHIN + 10, beat=0.05)
    assert time.monotonic() - sent < CALLED_WITHIN


def test_who_has_no_address_any_more_is_named_while_the_others_are_called(
    server: Live, inbox: tuple[Inbox, int]
) -> None:
    box, _ = inbox
    box.unknown = "night@desk.example"
    tell_of_danger(server)
    report = newest(server)
    assert wait_for(lambda: called(box, report), seconds=CALLED_WITHIN, beat=0.05)
    assert called(box, report)[0] == ["duty@desk.example"]
    assert wait_for(lambda: first_outcome(server, report) == "PARTLY", seconds=20)
    said = server.command("doctor", check=False)
    box.unknown = ""
    assert "refused some of the duty addresses" in said.stdout + said.stderr


def test_who_is_refused_for_now_is_called_later_and_the_others_once(
    server: Live, inbox: tuple[Inbox, int]
) -> None:
    box, _ = inbox
    box.waits = "night@desk.example"
    tell_of_danger(server)
    report = newest(server)
    assert wait_for(lambda: first_outcome(server, report) == "PARTLY", seconds=CALLED_WITHIN)
    box.waits = ""
    assert wait_for(lambda: first_outcome(server, report) == "SENT", seconds=60)
    assert called(box, report)[:2] == [["duty@desk.example"], ["night@desk.example"]]
