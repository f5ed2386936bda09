"""Expiry and a reporter's last word: it is heard before its report is erased, and refused in words afterwards."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import psycopg
import pytest
from django.test import Client

from fanal.db import sql
from fanal.intake.domain import receipt
from fanal.intake.domain.records import Arrival, Format, Submission
from fanal.intake.operations.follow import NotReachable, ReportErased, answer_desk, ask_reporter
from fanal.intake.operations.holds import place_hold
from fanal.intake.operations.receive import receive_reports
from fanal.intake.queries.envelopes import get_reports
from fanal.kernel.actors import Role, public_actor, system_actor
from fanal.kernel.calendar import add_months
from fanal.kernel.refusal import Refusal
from fanal.ledger.models import LedgerEntry
from fanal.orient.alarms.operations.alarms import raise_written
from fanal.worker import expiry
from tests.actors import desk_actor
from tests.known import habilitated, known

NOW = datetime.now(UTC).replace(microsecond=0)
SYSTEM = system_actor("test")
SUPERVISOR = known(desk_actor(person_id=uuid4(), roles={Role.SUPERVISOR}, desks={1}))
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.role("worker")]
WORDS = "He comes back on Tuesday."


@pytest.fixture(autouse=True)
def keys(installed_keys: None, transactional_db: None) -> None:
    habilitated()


def old_report(*, years: int = 6) -> tuple[UUID, str]:
    """A report of the public form that is due for erasure, and its code."""
    day = add_months(NOW.date(), -12 * years)
    at = datetime(day.year, day.month, day.day, 12, tzinfo=UTC) - timedelta(days=2)
    submission = Submission(
        arrival=Arrival.FORM, format=Format.FORM, body=b"{}", canonical=uuid4().bytes
    )
    [answer] = receive_reports(actor=public_actor(), submissions=[submission], now=at)
    return answer.report_id, answer.code


def write(code: str, at: datetime = NOW) -> None:
    hashed = receipt.lookup_hash(code)
    answer_desk(actor=public_actor(), lookup_hash=hashed, text=WORDS, now=at)


def erased() -> int:
    return expiry.expire(actor=SYSTEM, now=NOW)["reports"]


def test_an_answer_is_read_before_its_report_is_erased() -> None:
    report_id, code = old_report()
    silent, _ = old_report()
    write(code)
    assert erased() == 1
    written = LedgerEntry.objects.filter(action="report.erase").count()
    assert erased() == 0
    assert LedgerEntry.objects.filter(action="report.erase").count() == written
    reports = get_reports(actor=SYSTEM, report_ids=[report_id, silent])
    assert (reports[report_id].erased_at, reports[silent].erased_at) == (None, NOW)
    sql.run("DELETE FROM orient_answer WHERE report_id = %s", [report_id])  # as once it is read
    assert erased() == 1


def test_an_alarm_is_acknowledged_before_its_report_is_erased() -> None:
    report_id, code = old_report()
    assert raise_written(lookup_hash=receipt.lookup_hash(code), now=NOW)
    assert erased() == 0
    sql.run("DELETE FROM orient_alarm WHERE report_id = %s", [report_id])
    assert erased() == 1


def test_what_nobody_heard_in_a_month_keeps_no_report() -> None:
    _, code = old_report()
    write(code)
    later = NOW + timedelta(days=31)
    assert expiry.expire(actor=SYSTEM, now=later)["reports"] == 1


@pytest.mark.parametrize("late", ["answer", "hold"])
def test_what_comes_after_the_list_of_what_is_due_is_seen(
    monkeypatch: pytest.MonkeyPatch, late: str
) -> None:
    """The list of what is due is made, then the word comes, then the report is erased."""
    report_id, code = old_report()
    listed = expiry.list_expired

    def meanwhile(**asked: object) -> list[UUID]:
        found = listed(**asked)
        if report_id in found:
            if late == "answer":
                write(code)
            else:
                place_hold(actor=SUPERVISOR, report_id=report_id, motive="file 12", now=NOW)
        return found

    monkeypatch.setattr(expiry, "list_expired", meanwhile)
    assert erased() == 0


def test_a_hold_on_an_erased_report_is_refused() -> None:
    """Who answers a court would believe that the data is kept."""
    report_id, _code = old_report()
    assert erased() == 1
    with pytest.raises(Refusal, match="ERASED"):
        place_hold(actor=SUPERVISOR, report_id=report_id, motive="file 12", now=NOW)


def test_nobody_is_asked_about_an_erased_report() -> None:
    """They would read the question, and their answer would be refused."""
    report_id, _code = old_report()
    question = {"report_id": report_id, "text": "When can we reach you?", "now": NOW}
    ask_reporter(actor=SUPERVISOR, **question)
    with pytest.raises(NotReachable):
        ask_reporter(actor=SUPERVISOR, **question | {"report_id": uuid4()})
    assert erased() == 1
    with pytest.raises(Refusal, match="ERASED"):
        ask_reporter(actor=SUPERVISOR, **question)


def test_an_answer_waits_for_an_erasure_that_has_begun(
    as_role: Callable[[str], psycopg.Connection],
) -> None:
    report_id, code = old_report()
    owner = as_role("owner")
    owner.execute("BEGIN")
    owner.execute("UPDATE intake_report SET erased_at = now() WHERE id = %s", [report_id])
    with psycopg.connect(owner.info.dsn + f" password={owner.info.password}") as other:
        other.autocommit = True
        hashed = receipt.lookup_hash(code)
        ask = "SELECT intake_answer(%s, %s, clock_timestamp(), %s)"
        other.execute("SET statement_timeout = '500ms'")
        with pytest.raises(psycopg.errors.QueryCanceled):
            other.execute(ask, [hashed, uuid4(), uuid4()])
        owner.execute("COMMIT")
        assert other.execute(ask, [hashed, uuid4(), uuid4()]).fetchone() == (None,)


@pytest.mark.parametrize("danger", [False, True])
@pytest.mark.parametrize("lang", ["fr", "en"])
def test_no_answer_to_an_erased_report_is_taken_and_its_writer_is_told(
    danger: bool, lang: str
) -> None:
    report_id, code = old_report()
    assert erased() == 1
    with pytest.raises(ReportErased):
        write(code)
    web, path = Client(headers={"X-Forwarded-Proto": "https"}), f"/{lang}/follow/"
    page = web.post(path, {"code": code}).content.decode()
    said = {"fr": "Ce signalement a été effacé", "en": "This report has been erased"}[lang]
    assert said in page
    assert f'href="/{lang}/report/"' in page
    assert 'name="text"' not in page
    assert 'form="answer"' in page, "the button of the other language"
    assert '<form id="answer"' in page
    form = {"code": code, "act": "answer", "text": WORDS, "seen": "0"}
    answer = web.post(path, form | ({"danger": "YES"} if danger else {}))
    page = answer.content.decode()
    assert answer.status_code == 422
    assert {"fr": "Votre message n’est pas parti", "en": "was not sent"}[lang] in page
    assert re.search(rf"<textarea[^>]*>\s*{WORDS}</textarea>", page), "it can be copied"
    assert sql.row("SELECT count(*) FROM intake_message") == (0,)
    assert sql.row("SELECT count(*) FROM orient_alarm WHERE report_id = %s", [report_id]) == (
        int(danger),
    )
