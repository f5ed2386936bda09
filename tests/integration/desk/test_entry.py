"""A report that somebody tells by telephone, in a letter or in person, entered by a person of the desk."""

import re
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest
from django.db import OperationalError, connection, connections
from django.test import Client

from fanal.harmonise import queries as harmonised
from fanal.harmonise.operations.identity import open_identity
from fanal.intake.domain import receipt
from fanal.intake.domain.records import PUBLIC_SENDER
from fanal.intake.queries.envelopes import follow
from fanal.intake.queries.providers import count_by_sender
from fanal.kernel.actors import public_actor
from fanal.orient.alarms.queries import alarms_of
from tests.integration.desk.story import WORKER, Desk, run_stages

pytestmark = pytest.mark.django_db
CODE = re.compile(r"<code>((?:[0-9A-Z]{4}-){4}[0-9A-Z]{4})</code>")
ONCE = re.compile(r'name="once" value="([0-9a-f]{32})"')
TOLD = {
    "whom": "PARENT",
    "way": "PHONE",
    "danger": "NO",
    "kind": "GROOMING",
    "app_discord": "YES",
    "nickname": "renard_bleu_9",
    "date": "hier soir",
    "time": "9 h",
    "description": "Told by the mother.",
    "child_age": "douze ans",
    "contact": "CONTACT",
    "your_name": "Xylobert Anselme",
    "your_phone": "06 39 98 11 22",
}
PAGE = "/fr/desk/entry/"


def form(browser: Client, **more: str) -> dict[str, str]:
    """Return the fields of a form that was just opened, filled in."""
    page = browser.get(PAGE).content.decode()
    found = ONCE.search(page)
    assert found is not None
    return TOLD | {"once": found[1], "desk": "1"} | more


def entered() -> list[tuple[object, ...]]:
    """Return the reports entered at the desk: id, arrival, urgency, whether an identity is sealed."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT id, arrival, urgent, identity_id IS NOT NULL FROM intake_report"
            " WHERE arrival IN ('PHONE', 'LETTER', 'VISIT')"
        )
        return list(cursor.fetchall())


@pytest.mark.parametrize("way", ["PHONE", "LETTER", "VISIT"])
def test_what_is_told_becomes_a_report_with_its_channel_and_a_code(
    desk: Desk, sign_in: Callable[[str], Client], way: str
) -> None:
    analyst = sign_in("ana")
    answer = analyst.post(PAGE, form(analyst, way=way))
    assert answer.status_code == 201
    found = CODE.search(answer.content.decode())
    assert found is not None
    [(report_id, arrival, urgent, sealed)] = entered()
    assert (arrival, urgent, sealed) == (way, False, True)
    followed = follow(actor=public_actor(), lookup_hash=receipt.lookup_hash(found[1]))
    assert followed is not None
    assert followed.report_id == report_id
    run_stages(desk.now)
    record = harmonised.get_records(actor=WORKER, report_ids=[report_id])[report_id]
    assert record.platform == "Discord"
    assert str(record.occurred_at).find("21") > 0
    shown = analyst.get(f"/fr/desk/reports/{report_id}/").content.decode()
    assert "renard_bleu_9" in shown
    assert "parent de l’enfant" in shown
    assert "Anselme" not in shown
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM ledger_entry WHERE convert_from(body, 'UTF8') LIKE ALL (%s)",
            [["%report.collect%", f"%{way}%", f"%{desk.users['ana'].person_id}%"]],
        )
        assert cursor.fetchone() == (1,)
    counted = count_by_sender(
        actor=desk.actor("claire"), since=desk.now.replace(year=2020), now=desk.now
    )
    assert PUBLIC_SENDER not in counted


def test_a_danger_raises_the_alarm(desk: Desk, sign_in: Callable[[str], Client]) -> None:
    analyst = sign_in("ana")
    answer = analyst.post(PAGE, form(analyst, danger="YES"))
    assert "l’alerte est donnée" in answer.content.decode()
    [(report_id, _, urgent, _)] = entered()
    assert urgent
    assert len(alarms_of(actor=WORKER, report_id=report_id)) == 1  # type: ignore[arg-type]


def test_the_name_of_a_child_who_calls_is_sealed_without_consent_to_be_called_back(
    desk: Desk, sign_in: Callable[[str], Client]
) -> None:
    """The desk may have to tell the police who the child is; name and number of the caller are not kept."""
    analyst = sign_in("ana")
    told = {"whom": "CHILD", "contact": "ANONYMOUS", "child_name": "Zoe Kirsch"}
    assert analyst.post(PAGE, form(analyst, **told)).status_code == 201
    [(report_id, _, _, sealed)] = entered()
    assert sealed
    run_stages(desk.now)
    assert "Kirsch" not in analyst.get(f"/fr/desk/reports/{report_id}/").content.decode()
    opened = open_identity(
        actor=desk.actor("claire"),
        report_id=report_id,  # type: ignore[arg-type]
        motive="Call to the emergency services",
        now=desk.now,
    )
    assert opened.facts == (("NAME", "Zoe Kirsch"), ("IS_CHILD", ""))


@pytest.mark.parametrize(("whom", "own"), [("CHILD", True), ("PARENT", False)])
def test_question_and_follow_up_speak_to_a_child_as_to_a_child(
    desk: Desk, sign_in: Callable[[str], Client], whom: str, own: bool
) -> None:
    analyst = sign_in("ana")
    found = CODE.search(analyst.post(PAGE, form(analyst, whom=whom)).content.decode())
    assert found is not None
    [(report_id, *_)] = entered()
    run_stages(desk.now)
    page = analyst.get(f"/fr/desk/reports/{report_id}/").content.decode()
    assert ("C’est un enfant qui lira" in page) == own
    followed = Client().post("/fr/follow/", {"code": found[1]}).content.decode()
    assert ("Ton signalement" in followed) == own


def test_a_form_that_is_sent_twice_is_one_report(
    desk: Desk, sign_in: Callable[[str], Client]
) -> None:
    analyst = sign_in("ana")
    fields = form(analyst)
    first = CODE.search(analyst.post(PAGE, fields).content.decode())
    again = analyst.post(PAGE, fields)
    assert again.status_code == 200
    page = again.content.decode()
    assert "déjà été reçu" in page
    assert len(entered()) == 1
    second = CODE.search(page)
    assert first is not None
    assert second is not None
    assert first[1] == second[1], "the browser showed the answer to the last press alone"
    other = CODE.search(analyst.post(PAGE, form(analyst)).content.decode())
    assert other is not None
    assert other[1] != first[1]


@pytest.mark.parametrize(
    "more",
    [
        {"danger": "YES"},
        {"description": "Told by the mother: he is at the door."},
        {"way": "VISIT"},
    ],
)
def test_a_form_pressed_again_with_other_answers_is_a_report_of_its_own(
    desk: Desk, sign_in: Callable[[str], Client], more: dict[str, str]
) -> None:
    """The browser shows the second answer alone: whoever pressed again knows of no first report."""
    analyst = sign_in("ana")
    fields = form(analyst)
    assert analyst.post(PAGE, fields).status_code == 201
    answer = analyst.post(PAGE, fields | more)
    assert answer.status_code == 201
    found = CODE.search(answer.content.decode())
    assert found is not None
    followed = follow(actor=public_actor(), lookup_hash=receipt.lookup_hash(found[1]))
    assert followed is not None
    assert len(entered()) == 2
    alarms = alarms_of(actor=WORKER, report_id=followed.report_id)
    assert len(alarms) == (1 if "danger" in more else 0)


@pytest.mark.django_db(transaction=True)
def test_a_form_pressed_again_while_it_is_received_waits_for_the_first(
    desk: Desk,
    sign_in: Callable[[str], Client],
    as_role: Callable[[str], psycopg.Connection],
) -> None:
    """The first may still fail: nobody is told that there is a report before there is one."""
    analyst, again = sign_in("ana"), sign_in("ana")
    fields, owner = form(analyst, danger="YES"), as_role("owner")

    def press() -> int:
        try:
            return analyst.post(PAGE, fields).status_code
        finally:
            connections.close_all()

    with ThreadPoolExecutor(1) as pool, owner.transaction():
        owner.execute("LOCK TABLE intake_report IN SHARE MODE")
        first = pool.submit(press)
        first_id = wait_for(owner)
        second = again.post(PAGE, fields)
        owner.execute("SELECT pg_cancel_backend(%s)", [first_id])
        with pytest.raises(OperationalError):
            first.result(timeout=20)
    page = second.content.decode()
    assert second.status_code == 409
    assert "en cours de réception" in page
    assert "Told by the mother." in page
    assert entered() == []
    assert again.post(PAGE, fields).status_code == 201
    [(report_id, *_)] = entered()
    assert len(alarms_of(actor=WORKER, report_id=report_id)) == 1  # type: ignore[arg-type]


def wait_for(owner: psycopg.Connection) -> int:
    """Return the process of the session that waits for the table of reports, within ten seconds."""
    for _ in range(200):
        found = owner.execute(
            "SELECT pid FROM pg_locks WHERE NOT granted AND relation = 'intake_report'::regclass"
        ).fetchone()
        if found:
            return int(found[0])
        time.sleep(0.05)
    raise AssertionError("nobody waits for the table")


@pytest.mark.parametrize("missing", ["whom", "way", "danger", "kind", "your_phone"])
def test_what_is_missing_is_asked_for_and_nothing_typed_is_lost(
    desk: Desk, sign_in: Callable[[str], Client], missing: str
) -> None:
    analyst = sign_in("ana")
    answer = analyst.post(PAGE, form(analyst) | {missing: ""})
    text = answer.content.decode()
    assert answer.status_code == 422
    assert "Told by the mother." in text
    assert 'value="hier soir"' in text
    assert 'name="app_discord" value="YES" checked' in text
    assert entered() == []


@pytest.mark.parametrize(("name", "status"), [("ana", 200), ("claire", 200), ("gabrielle", 403)])
def test_who_may_enter_a_report(
    desk: Desk, sign_in: Callable[[str], Client], name: str, status: int
) -> None:
    page = sign_in(name).get(PAGE)
    assert page.status_code == status
    assert "C’est moi" not in page.content.decode(), "who types is not the child"


def test_a_report_is_entered_at_an_own_desk_alone(
    desk: Desk, sign_in: Callable[[str], Client]
) -> None:
    analyst = sign_in("ana")
    assert analyst.post(PAGE, form(analyst, desk="2")).status_code == 404
    assert entered() == []
