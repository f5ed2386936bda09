"""Due reviews as supervisors work through them: kept with a reason, or let go by two people."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from django.test import Client

from fanal.intake.domain.records import Arrival, Format, ReviewState, Submission
from fanal.intake.operations.receive import receive_reports
from fanal.intake.queries.reviews import list_ended, review_state
from fanal.kernel.actors import Role, system_actor
from fanal.ledger.models import LedgerEntry
from fanal.web.account import second_factor
from tests.integration.accounts.people import PASSWORD, make_user
from tests.server import as_worker

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("installed_keys")]
PAGE = "/en/desk/reviews/"


@pytest.fixture(autouse=True)
def password_is_enough() -> Iterator[None]:
    second_factor.install(required=False)
    yield
    second_factor.install(required=True)


def deposit(months: int, *, desk: int = 1) -> UUID:
    """A report received months ago and acknowledged."""
    body = f'{{"months": {months}, "desk": {desk}}}'.encode()
    submission = Submission(
        arrival=Arrival.FORM, format=Format.FORM, body=body, canonical=body, desk_id=desk
    )
    with as_worker():
        [answer] = receive_reports(
            actor=system_actor("test"),
            submissions=[submission],
            now=datetime.now(UTC) - timedelta(days=31 * months),
        )
    return answer.report_id


def browser(login: str, role: Role) -> Client:
    make_user(login, role)
    client = Client(headers={"X-Forwarded-Proto": "https"})
    client.post("/en/login/", {"login": login, "password": PASSWORD})
    return client


def listed(client: Client) -> list[UUID]:
    return [line["review"].report_id for line in client.get(PAGE).context["lines"]]


def test_what_is_due_is_listed_and_kept_with_a_reason() -> None:
    older, old, _young = deposit(30), deposit(25), deposit(3)
    deposit(30, desk=2)
    claire = browser("claire", Role.SUPERVISOR)
    assert listed(claire) == [older, old], "of this desk, those received first on top"
    assert LedgerEntry.objects.filter(action="report.list").exists()
    bare = claire.post(f"{PAGE}{older}/", {"verdict": "keep", "motive": " "})
    assert bare.status_code == 422
    assert "Write why" in bare.content.decode()
    assert listed(claire) == [older, old]
    kept = claire.post(f"{PAGE}{older}/", {"verdict": "keep", "motive": "file 12"})
    assert kept.status_code == 302
    assert listed(claire) == [old]
    assert review_state(report_id=older) is ReviewState.KEPT
    odd = claire.post(f"{PAGE}{old}/", {"verdict": "burn", "motive": "file 12"})
    assert odd.status_code == 422


def test_two_people_let_a_report_go() -> None:
    report = deposit(25)
    claire, helene = browser("claire", Role.SUPERVISOR), browser("helene", Role.SUPERVISOR)
    claire.post(f"{PAGE}{report}/", {"verdict": "end", "motive": "file closed"})
    (line,) = claire.get(PAGE).context["lines"]
    answer = {"review": str(line["review"].review_id), "verdict": "agree", "motive": "read"}
    assert "Your proposal" in claire.get(PAGE).content.decode()
    claire.post(f"{PAGE}{report}/second/", answer)
    assert review_state(report_id=report) is ReviewState.END_PROPOSED, (
        "nobody agrees with themselves"
    )
    page = helene.get(PAGE).content.decode()
    assert "Claire proposes to erase this report" in page
    assert helene.post(f"{PAGE}{report}/second/", answer | {"review": "x"}).status_code == 422
    assert helene.post(f"{PAGE}{report}/second/", answer).status_code == 302
    assert review_state(report_id=report) is ReviewState.ENDED
    assert list_ended(actor=system_actor("test")) == [report]


@pytest.mark.parametrize("role", [Role.ANALYST, Role.MEASURES_OFFICER, Role.OVERSEER])
def test_only_supervisors_review(role: Role) -> None:
    report, client = deposit(25), browser("carl", role)
    assert client.get(PAGE).status_code == 403
    asked = client.post(f"{PAGE}{report}/", {"verdict": "keep", "motive": "file 12"})
    assert asked.status_code == 403


def test_a_report_of_another_desk_is_not_found() -> None:
    elsewhere = deposit(25, desk=2)
    claire = browser("claire", Role.SUPERVISOR)
    asked = claire.post(f"{PAGE}{elsewhere}/", {"verdict": "keep", "motive": "file 12"})
    assert asked.status_code == 404


def test_a_long_list_is_read_page_by_page(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fanal.web.desk.reviews._PAGE", 2)
    reports = [deposit(months) for months in (29, 28, 27)]
    claire = browser("claire", Role.SUPERVISOR)
    page = claire.get(PAGE)
    assert page.context["next"] == reports[1]
    assert f"?after={reports[1]}" in page.content.decode()
    rest = claire.get(f"{PAGE}?after={reports[1]}").context
    assert [line["review"].report_id for line in rest["lines"]] == reports[2:]
