"""The line of alarms: what it says, what it costs, and a sound that one person turns off with a reason."""

import re
from collections.abc import Callable
from datetime import timedelta

import msgspec
import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from fanal.kernel import clock
from fanal.kernel.actors import system_actor
from fanal.kernel.ids import new_id
from fanal.ledger import queries as entries
from fanal.ledger.queries import SoughtEntries
from fanal.orient.alarms.operations.alarms import raise_alarm
from fanal.orient.alarms.queries import alarms_of, waiting_alarms
from fanal.web.desk.queue import alarms
from tests.integration.desk.story import Desk

pytestmark = pytest.mark.django_db
SignIn = Callable[[str], Client]
SYSTEM = system_actor("test")
POLL, MUTE = "/fr/desk/alarms/", "/fr/desk/alarms/mute/"


def ring(desk: Desk, count: int = 1, *, desk_id: int = 1, minutes: int = 0) -> list[object]:
    """Raise alarms of reports that no stage has read; return their reports."""
    reports = [new_id(desk.now) for _ in range(count)]
    for report_id in reports:
        at = desk.now - timedelta(minutes=minutes)
        raise_alarm(actor=SYSTEM, report_id=report_id, desk_id=desk_id, now=at)
    return reports


def known_of(body: str) -> str:
    """Return the digest that the page polls with."""
    return re.search(r"known=([\w-]*)", body).group(1)


def test_the_line_counts_and_names_the_gravest(desk: Desk, sign_in: SignIn) -> None:
    ring(desk, 2, minutes=40)
    body = sign_in("ana").get("/fr/desk/search/").content.decode()
    line = body[body.index("fd-alarm-words") : body.index("</p>", body.index("fd-alarm-words"))]
    assert "3 alertes en attente" in line
    assert re.search(r"\d\u202fmin", line)
    assert re.search(r"12 ans\s*·\s*Lyon, France", line)
    assert body.index(str(desk.reports["danger"])) < body.index("pas encore analysé")


def test_a_flood_is_read_from_both_ends(desk: Desk, sign_in: SignIn) -> None:
    ring(desk, 101, minutes=10)
    body = sign_in("ana").get(POLL).content.decode()
    assert "au moins 100 alertes en attente" in body
    assert body.count("data-alarm>") == 20
    assert str(desk.reports["danger"]) in body


def test_a_poll_is_one_query_and_a_page_two(desk: Desk, sign_in: SignIn) -> None:
    ring(desk, 3)
    web = sign_in("ana")
    known = known_of(web.get("/fr/desk/search/").content.decode())
    for path, most in ((f"{POLL}?known={known}", 1), ("/fr/desk/search/", 2)):
        with CaptureQueriesContext(connection) as asked:
            web.get(path)
        sent = [
            q["sql"] for q in asked if re.search(r"orient_(alarm|call)|harmonise_record", q["sql"])
        ]
        assert len(sent) == most, sent


def test_a_page_records_what_it_shows_once_a_session(desk: Desk, sign_in: SignIn) -> None:
    def read() -> int:
        return len(entries.list_entries(actor=SYSTEM, sought=SoughtEntries(action="alarm.read")))

    web, before = sign_in("ana"), read()
    for _ in range(2):
        web.get("/fr/desk/search/")
        assert read() == before + 1
    sign_in("bruno").get("/fr/desk/search/")
    assert read() == before + 2


def test_the_sound_needs_a_reason(desk: Desk, sign_in: SignIn) -> None:
    web = sign_in("ana")
    known = known_of(web.get(POLL).content.decode())
    for reason in ("  ", "x" * 201, "a\0b", "\0", "\u200b", "\u2060\u00ad"):
        web.post(MUTE, {"known": known, "why": reason})
        answer = web.post(MUTE, {"known": known, "why": reason}, headers={"HX-Request": "true"})
        assert b'role="alert"' in answer.content
        assert b"data-alarm>" in answer.content
    assert not entries.list_entries(actor=SYSTEM, sought=SoughtEntries(action="alarm.mute"))


def test_a_mute_is_of_one_person_and_ends(desk: Desk, sign_in: SignIn) -> None:
    web, bruno = sign_in("ana"), sign_in("bruno")
    known = known_of(web.get(POLL).content.decode())
    body = web.post(
        MUTE, {"known": known, "why": "Au téléphone."}, headers={"HX-Request": "true"}
    ).content.decode()
    assert "data-alarm-muted>" in body
    assert 'fd-alarm-mute"' not in body
    assert web.get(f"{POLL}?known={known_of(body)}").status_code == 204
    assert b"data-alarm>" in bruno.get(POLL).content
    [entry] = entries.list_entries(actor=SYSTEM, sought=SoughtEntries(action="alarm.mute"))
    assert (entry.actor_id, entry.motive) == (desk.actor("ana").person_id, "Au téléphone.")
    for minutes in (0, 9):  # ended; made before the clock was set back
        session = web.session
        until = clock.now() + timedelta(minutes=minutes)
        session["fanal_alarms_muted"] |= {"until": until.isoformat()}
        session.save()
        assert b"data-alarm>" in web.get(f"{POLL}?known={known_of(body)}").content


def test_an_alarm_that_the_page_did_not_show_is_not_muted(desk: Desk, sign_in: SignIn) -> None:
    web = sign_in("ana")
    known = known_of(web.get(POLL).content.decode())
    ring(desk)
    web.post(MUTE, {"known": known, "why": "Au téléphone."})
    assert web.get(POLL).content.count(b"data-alarm>") == 2


def test_a_row_takes_its_own_alarms_alone(desk: Desk, sign_in: SignIn) -> None:
    [west], [another] = ring(desk, desk_id=2), ring(desk)
    mine, other = waiting_alarms(actor=desk.actor("ana")).alarms
    assert other.alarm.report_id == another
    (theirs,) = alarms_of(actor=SYSTEM, report_id=west)
    also = [str(theirs.id), str(other.alarm.id), "none"]
    sign_in("ana").post(f"{POLL}{mine.alarm.id}/", {"also": also})
    assert waiting_alarms(actor=desk.actor("ana")).alarms == (other,)
    assert [w.alarm.id for w in waiting_alarms(actor=desk.actor("yann")).alarms] == [theirs.id]


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        (
            {
                "place": {"country": "BE"},
                "places": [
                    {"role": "MEETING", "country": "BE"},
                    {"role": "CHILD", "country": "FR", "locality": "Lyon"},
                ],
            },
            ("Lyon", "FR"),
        ),
        (
            {
                "place": {"locality": "Lille"},
                "places": [{"role": "CHILD", "country": "ES"}],
            },
            ("Lille", ""),
        ),
        ({"places": [{"role": "MEETING", "country": "BE"}]}, ("", "BE")),
        ({}, ("", "")),
    ],
)
def test_a_row_names_town_and_country_of_one_place(
    fields: dict[str, object], expected: tuple[str, str]
) -> None:
    raw = {name: msgspec.Raw(msgspec.json.encode(value)) for name, value in fields.items()}
    assert alarms._victim(raw)[1:] == expected
