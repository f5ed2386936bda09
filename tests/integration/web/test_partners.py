"""What partners and laboratories see after signing in: their own, and nothing of the desk's."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from uuid import UUID

import msgspec
import pytest
from django.conf import settings
from django.test import Client

from fanal.accounts.domain.records import OrganisationKind
from fanal.accounts.operations.partners import add_partner
from fanal.accounts.operations.people import ensure_organisation
from fanal.accounts.queries.people import find_partner
from fanal.intake.domain.records import Arrival, Format, Submission
from fanal.intake.operations.lifecycle import expire_reports
from fanal.intake.operations.receive import receive_reports
from fanal.kernel import clock
from fanal.kernel.actors import Role
from fanal.ledger.models import LedgerEntry
from tests.integration.accounts.people import SYSTEM, make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def browser(installed_keys: None) -> Iterator[Callable[..., Client]]:
    """Return a function that signs a person of a body in, without a second factor."""
    from fanal.web.account import second_factor

    second_factor.install(required=False)

    def sign_in(name: str, role: Role, body: UUID | None) -> Client:
        user = make_user(name, role, organisation=body)
        client = Client(headers={"X-Forwarded-Proto": "https"})
        client.force_login(user, backend=settings.AUTHENTICATION_BACKENDS[1])
        return client

    yield sign_in
    second_factor.install(required=True)


def send(
    sender: UUID,
    reference: str,
    *,
    finish: bool = True,
    age: timedelta = timedelta(0),
    arrival: Arrival = Arrival.API,
) -> UUID:
    """Receive a report of a sender and return its id."""
    body = msgspec.json.encode({"reference": reference, "kind": "OTHER", "description": "words"})
    submission = Submission(
        arrival=arrival, format=Format.REPORT, body=body, canonical=body, sender_id=sender,
        reference=reference, finish=finish, correlation_id=f"corr-{reference}",
    )  # fmt: skip
    (answer,) = receive_reports(actor=SYSTEM, submissions=[submission], now=clock.now() - age)
    assert answer.report_id is not None
    return answer.report_id


def test_a_partner_sees_its_own_reports_their_states_and_receipts(
    browser: Callable[..., Client],
) -> None:
    now = clock.now()
    add_partner(actor=SYSTEM, name="Chatoria", now=now, quota=60)
    add_partner(actor=SYSTEM, name="Pixelnest", now=now)
    own, other = find_partner(name="Chatoria"), find_partner(name="Pixelnest")
    done = send(own, "CH-1")
    send(own, "CH-2", finish=False)
    send(own, "CH-3", finish=False, age=timedelta(days=3), arrival=Arrival.WIRE)
    expire_reports(actor=SYSTEM, now=now)
    theirs = send(other, "PX-1")
    web = browser("jules", Role.PARTNER, own)
    body = web.get("/en/partners/").content.decode()
    assert "Chatoria" in body
    for words in ("CH-1", "CH-2", "CH-3", "corr-CH-1", "has expired", "1 report is open", "60"):
        assert words in body
    assert "PX-1" not in body
    assert LedgerEntry.objects.filter(action="report.status").count() == 1
    assert "CH-1" not in web.get("/en/partners/?state=EXPIRED").content.decode()
    assert "CH-3" in web.get("/en/partners/?state=EXPIRED").content.decode()
    assert "CH-2" not in web.get("/en/partners/?reference=CH-1").content.decode()
    assert "No report of yours" in web.get("/en/partners/?reference=PX-1").content.decode()
    for bad in ("?state=NOWHERE", "?before=x"):
        assert web.get(f"/en/partners/{bad}").status_code == 404
    page = web.get(f"/en/partners/reports/{done}/").content.decode()
    assert "FANAL RECEIPT 1" in page
    main = page.partition("<main")[2].partition("</main>")[0]
    assert main
    assert "words" not in main, "the content is the desk's"
    signed = web.get(f"/en/partners/reports/{done}/receipt/")
    assert signed["Content-Disposition"].startswith("attachment")
    assert signed.content.startswith(b"FANAL RECEIPT 1")
    for path in (f"reports/{theirs}/", f"reports/{theirs}/receipt/"):
        assert web.get(f"/en/partners/{path}").status_code == 404
    for path in ("desk/", "oversight/", "desk/search/?q=CH", "partners/laboratory/"):
        assert web.get(f"/en/{path}").status_code == 403


def test_the_list_goes_on_page_after_page(browser: Callable[..., Client]) -> None:
    now = clock.now()
    add_partner(actor=SYSTEM, name="Chatoria", now=now)
    own = find_partner(name="Chatoria")
    for number in range(53):
        send(own, f"CH-{number:02}", age=timedelta(minutes=60 - number))
    web = browser("jules", Role.PARTNER, own)
    first = web.get("/en/partners/").content.decode()
    assert first.index("CH-52") < first.index("CH-03")
    assert "CH-02" not in first
    following = first.partition('rel="next" href="')[2].partition('"')[0].replace("&amp;", "&")
    second = web.get(f"/en/partners/{following}").content.decode()
    assert second.index("CH-02") < second.index("CH-00")
    assert "CH-03" not in second
    assert 'rel="next"' not in second


@pytest.mark.parametrize(
    ("role", "path"),
    [
        (Role.ANALYST, "/fr/home/"),
        (Role.SUPERVISOR, "/fr/home/"),
        (Role.JUDICIAL_OFFICER, "/fr/home/"),
        (Role.MEASURES_OFFICER, "/fr/home/"),
        (Role.OVERSEER, "/fr/home/"),
        (Role.STATISTICIAN, "/fr/home/"),
        (Role.LABORATORY, "/fr/partners/laboratory/"),
        (Role.PARTNER, "/fr/partners/"),
        (Role.ADMINISTRATOR, "/fr/home/"),
    ],
)
def test_every_role_lands_on_a_page_of_its_own(
    browser: Callable[..., Client], role: Role, path: str
) -> None:
    from fanal.web.account.landing import landing_path

    kind = {Role.LABORATORY: OrganisationKind.LABORATORY, Role.PARTNER: OrganisationKind.PARTNER}
    body = None
    if role in kind:
        body = ensure_organisation(actor=SYSTEM, kind=kind[role], name="Body", now=clock.now())
    web = browser("somebody", role, body)
    assert landing_path(frozenset({role}), language="fr") == path
    answer = web.get(path)
    assert answer.status_code == 200
    page = answer.content.decode()
    links = page.partition('class="fd-nav"')[2].partition("</nav>")[0].split('href="')[1:]
    assert links
    for link in links:
        href = link.partition('"')[0]
        assert web.get(href, follow=True).status_code == 200, f"{role}: {href} leads nowhere"
    assert 'aria-current="page"' in page
