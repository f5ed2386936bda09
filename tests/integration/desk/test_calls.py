"""The call to the emergency services from a report's page: one call whoever records it, first or second."""

import re
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from uuid import UUID

import pytest
from django.db import connection, transaction
from django.test import Client

from fanal.accounts import row_scope
from fanal.casework.domain.records import Act
from fanal.casework.models import Step
from fanal.judicial.emergency_call import acts
from fanal.kernel import clock
from fanal.kernel.actors import system_actor
from fanal.kernel.ids import instant_of, new_id
from fanal.ledger import queries as entries
from fanal.ledger.queries import SoughtEntries
from fanal.orient.alarms.queries import alarms_of
from fanal.orient.answers.queries import unread_on
from fanal.orient.queue.operations import claim_case
from tests.acceptance.desk.test_answers import answer
from tests.integration.desk.story import Desk

pytestmark = pytest.mark.django_db
SignIn = Callable[[str], Client]
SYSTEM = system_actor("test")
ANSWERED = {"move": "answer", "proof": "CIC 69, poste 4", "at": "", "steps": "0", "digest": "1-0"}
"""As on the page of a report with one alarm, no answer and no call."""
MISSED = ANSWERED | {"move": "miss", "proof": ""}
HIDDEN = re.compile(r'type="hidden" name="(steps|digest)" value="([^"]*)"')


def page(report_id: UUID) -> str:
    return f"/fr/desk/reports/{report_id}/"


def calls(desk: Desk, report_id: UUID) -> tuple[Act, ...]:
    return acts.calls_on(actor=desk.actor("ana"), report_id=report_id)


def form_of(body: str) -> dict[str, str]:
    """Return the hidden fields of the call's form on a page, which say what it showed."""
    start = body.index('class="fd-call-record"')
    return dict(HIDDEN.findall(body[start : body.index("</form>", start)]))


def seen(browser: Client, report_id: UUID) -> dict[str, str]:
    """Open a report's page; return the hidden fields of its call's form."""
    return form_of(browser.get(page(report_id)).content.decode())


@pytest.mark.parametrize("move", [{}, {"move": "decline", "proof": "a false alarm"}])
@pytest.mark.parametrize("news", ["alarm", "answer"])
def test_a_call_from_a_page_of_before_silences_no_danger_told_since(
    desk: Desk, sign_in: SignIn, move: dict[str, str], news: str
) -> None:
    """What was told to the emergency services is what the page showed: the person reads the news first."""
    report_id, ana = desk.reports["danger"], sign_in("ana")
    form = ANSWERED | seen(ana, report_id) | move
    write_danger(report_id) if news == "alarm" else answer(desk, "danger")
    late = ana.post(f"{page(report_id)}call/", form)
    body = late.content.decode()
    assert late.status_code == 409
    assert "Depuis que cette page a été faite" in body
    assert form["proof"] in body
    alarms = alarms_of(actor=SYSTEM, report_id=report_id)
    assert not any(alarm.acknowledged_at for alarm in alarms)
    assert calls(desk, report_id) == ()
    assert ana.post(f"{page(report_id)}call/", form | form_of(body)).url == page(report_id)
    assert len(calls(desk, report_id)) == 1
    alarms = alarms_of(actor=SYSTEM, report_id=report_id)
    assert all(alarm.acknowledged_at for alarm in alarms)


def test_a_page_made_before_the_call_opens_no_second_one(desk: Desk, sign_in: SignIn) -> None:
    report_id = desk.reports["danger"]
    ana, bruno = sign_in("ana"), sign_in("bruno")
    assert "data-call>" in bruno.get(page(report_id)).content.decode()
    assert ana.post(f"{page(report_id)}call/", ANSWERED).url == page(report_id)
    answer = bruno.post(f"{page(report_id)}call/", MISSED)
    (call,) = calls(desk, report_id)
    assert (call.state, answer.url) == ("ANSWERED", f"/fr/desk/calls/{call.id}/")
    shown = bruno.get(answer.url).content.decode()
    assert "Un autre appel a été ouvert sur ce signalement" in shown
    assert "CIC 69, poste 4" in shown
    for form in (ANSWERED, MISSED, MISSED | {"steps": ""}, MISSED | {"steps": "x"}):
        assert ana.post(f"{page(report_id)}call/", form).url == answer.url
    assert len(calls(desk, report_id)) == 1


def test_a_call_that_waits_is_not_recorded_by_an_older_page(desk: Desk, sign_in: SignIn) -> None:
    report_id = desk.reports["danger"]
    ana = sign_in("ana")
    opened = ana.post(f"{page(report_id)}call/").url
    assert ana.post(f"{page(report_id)}call/", ANSWERED).url == opened
    assert [call.state for call in calls(desk, report_id)] == ["TO_CALL"]


@pytest.mark.parametrize(
    "change", [{"proof": " "}, {"at": "yesterday"}, {"at": "2001-01-01T00:00"}, {"proof": "a\0"}]
)
def test_what_is_refused_leaves_nothing_behind(
    desk: Desk, sign_in: SignIn, change: dict[str, str]
) -> None:
    report_id = desk.reports["danger"]
    before = alarms_of(actor=SYSTEM, report_id=report_id)
    answer = sign_in("ana").post(f"{page(report_id)}call/", ANSWERED | change)
    body = answer.content.decode()
    assert answer.status_code == 409
    assert "Rien n’a été enregistré" in body
    assert 'class="fd-call-first"' in body
    assert calls(desk, report_id) == ()
    assert alarms_of(actor=SYSTEM, report_id=report_id) == before


def test_a_call_is_not_dated_before_its_report(desk: Desk, sign_in: SignIn) -> None:
    report_id = desk.reports["danger"]
    ana = sign_in("ana")
    opened = ana.post(f"{page(report_id)}call/").url
    came = instant_of(report_id)
    form = {"move": "miss", "proof": "", "outcome": "", "steps": "0"}
    (call,) = calls(desk, report_id)
    form["digest"] = acts_digest(desk, call.id)
    for hours, status in ((2, 409), (24 * 365, 409), (0.5, 302)):
        at = (came - timedelta(hours=hours)).isoformat()
        assert ana.post(f"{opened}move/", form | {"at": at}).status_code == status
    assert Step.objects.get(act_id=call.id).happened_at > came - timedelta(hours=1)


def acts_digest(desk: Desk, call_id: UUID) -> str:
    from fanal.casework import queries
    from fanal.judicial.emergency_call.kind import EMERGENCY_CALL

    found = queries.get_act(actor=desk.actor("ana"), lifecycle=EMERGENCY_CALL, act_id=call_id)
    assert found is not None
    return found.digest.hex()


def test_the_ledger_says_opened_before_answered(desk: Desk, sign_in: SignIn) -> None:
    report_id = desk.reports["danger"]
    sign_in("ana").post(f"{page(report_id)}call/", ANSWERED)
    found = [
        (entry.at, entry.action)
        for action in ("emergency_call.draft", "emergency_call.send")
        for entry in entries.list_entries(actor=SYSTEM, sought=SoughtEntries(action=action))
    ]
    assert [action for _, action in sorted(found)] == [
        "emergency_call.draft",
        "emergency_call.send",
    ]
    assert len({at for at, _ in found}) == 2


def test_an_alarm_after_a_recorded_call_shows_the_number_again(desk: Desk, sign_in: SignIn) -> None:
    report_id, ana = desk.reports["danger"], sign_in("ana")
    ana.post(f"{page(report_id)}call/", ANSWERED)
    assert "data-call>" not in ana.get(page(report_id)).content.decode()
    write_danger(report_id)
    body = ana.get(page(report_id)).content.decode()
    assert 'class="fd-call-first"' in body
    assert 'name="steps" value="1"' in body
    form = ANSWERED | form_of(body)
    assert ana.post(f"{page(report_id)}call/", form).url == page(report_id)
    assert [call.state for call in calls(desk, report_id)] == ["ANSWERED", "ANSWERED"]


def test_a_danger_written_later_shows_the_number_on_the_report_at_once(
    desk: Desk, sign_in: SignIn
) -> None:
    """Its report ranks as before until the stages have read the answer."""
    report_id = desk.reports["game"]
    ana = sign_in("ana")
    assert "data-call>" not in ana.get(page(report_id)).content.decode()
    write_danger(report_id)
    assert 'class="fd-call-first"' in ana.get(page(report_id)).content.decode()


def write_danger(report_id: UUID) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO orient_alarm (id, report_id, desk_id, code, raised_at)"
            " VALUES (gen_random_uuid(), %s, 1, 'DANGER_WRITTEN', clock_timestamp())",
            [report_id],
        )


@pytest.mark.django_db(transaction=True)
def test_who_takes_the_alarm_waits_for_a_call_that_is_opened_before_touching_the_alarm(
    desk: Desk,
) -> None:
    """In the other order two people of the desk lock each other out, and one gets an error."""
    report_id, ana = desk.reports["danger"], desk.actor("ana")
    alarm_ids = [alarm.id for alarm in alarms_of(actor=ana, report_id=report_id)]

    taken: list[object] = []

    def take() -> None:
        try:
            with connection.cursor() as cursor:
                cursor.execute("SET lock_timeout = 0")
            with row_scope.shown_to(ana):
                taken.append(
                    acts.take_alarms(
                        actor=ana,
                        alarm_ids=alarm_ids,
                        report_id=report_id,
                        record=None,
                        now=clock.now(),
                    )
                )
        except Exception as failure:  # noqa: BLE001 - shown by the assertion
            taken.append(failure)
        finally:
            connection.close()

    with transaction.atomic():
        acts._hold_calls(report_id)
        other = threading.Thread(target=take)
        other.start()
        with connection.cursor() as cursor:
            for _ in range(200):
                cursor.execute(
                    "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
                )
                if cursor.fetchone() != (0,):
                    break
                time.sleep(0.05)
            cursor.execute(
                "SELECT FROM orient_alarm WHERE report_id = %s FOR UPDATE NOWAIT", [report_id]
            )
            assert cursor.rowcount == len(alarm_ids) > 0
    other.join(60)
    assert taken == [True]
    assert [call.state for call in calls(desk, report_id)] == ["TO_CALL"]


def test_of_many_calls_to_make_the_newest_are_shown_too_and_all_are_counted(
    desk: Desk, sign_in: SignIn
) -> None:
    ana = desk.actor("ana")
    for _ in range(24):
        acts.open_call(
            actor=ana, report_id=new_id(desk.now), desk_id=1, record=None, now=clock.now()
        )
    newest = acts.open_call(
        actor=ana, report_id=desk.reports["game"], desk_id=1, record=None, now=clock.now()
    )
    body = sign_in("ana").get("/fr/desk/search/").content.decode()
    drawer = body[body.index("data-alarms") :]
    assert drawer.count("data-call-row") == 20
    assert f"/fr/desk/calls/{newest}/" in drawer
    assert "5 autres appels à passer – tout voir" in drawer
    for alarm in alarms_of(actor=ana, report_id=desk.reports["danger"]):
        acts.take_alarms(
            actor=ana,
            alarm_ids=[alarm.id],
            report_id=desk.reports["danger"],
            record=None,
            now=clock.now(),
        )
    body = sign_in("ana").get("/fr/desk/search/").content.decode()
    assert "26 appels au 17 non enregistrés" in body
    assert "6 autres appels à passer – tout voir" in body


def test_an_answer_with_a_danger_says_so_on_the_report(desk: Desk, sign_in: SignIn) -> None:
    report_id, ana = desk.reports["game"], sign_in("ana")
    answer(desk)
    assert "data-danger-written" not in ana.get(page(report_id)).content.decode()
    write_danger(report_id)
    body = ana.get(page(report_id)).content.decode()
    assert body.index("data-danger-written") < body.index("en danger maintenant")


@pytest.mark.parametrize("name", ["Sec-Purpose", "Purpose", "X-Moz"])
def test_a_page_fetched_ahead_reads_no_answer(desk: Desk, sign_in: SignIn, name: str) -> None:
    report_id, actor = desk.reports["game"], desk.actor("ana")
    answer(desk)
    claim_case(actor=actor, report_id=report_id, now=clock.now())
    ana = sign_in("ana")
    ana.get(page(report_id), headers={name: "prefetch"})
    assert unread_on(actor=actor, report_id=report_id)
    ana.get(page(report_id))
    assert not unread_on(actor=actor, report_id=report_id)
