"""How long removals take, by the country of the host: counted in addresses, as the German return counts them."""

from datetime import UTC, date, datetime, timedelta
from uuid import UUID

import pytest
from django.test import Client

from fanal.accounts import row_scope
from fanal.accounts.domain.policy import Refused
from fanal.casework.domain.records import Event
from fanal.kernel.actors import Role, public_actor
from fanal.kernel.calendar import paris_day
from fanal.measures import queries as measures
from fanal.measures.addressees.acts import confirm_entry, write_entry
from fanal.measures.addressees.records import Field, NewEntry
from fanal.measures.addressees.views import countries_of
from fanal.measures.operations.milestones import (
    record_execution,
    record_first_contact,
    record_sent,
)
from fanal.measures.removal_times import count_removal_times
from fanal.statistics import operations, queries
from tests.actors import desk_actor
from tests.integration.measures.stories import OFFICER, decide, measure, seconded
from tests.integration.statistics.test_figures import STATISTICIAN, SYSTEM
from tests.known import known
from tests.unit.orient.items import url

NOW = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
SENT = NOW - timedelta(days=60)


SECOND = known(desk_actor(person_id=UUID(int=0x7E57C), roles={Role.SUPERVISOR}, desks={1}))


def register(name: str, territory: str, *, to: UUID | None = None, **values: str) -> UUID:
    """Write an addressee, or its next version; nobody has confirmed it."""
    point = f"orders@{name.lower().replace(' ', '-')}.example"
    stated = {"KIND": "HOST", "NAME": name, "CONTACT_POINT": point, "TERRITORY": territory} | values
    return write_entry(
        actor=OFFICER,
        entry=NewEntry(
            values={Field(f): tuple(v.split("|")) for f, v in stated.items()},
            source="Notice",
            dated_on=paris_day(NOW),
        ),
        now=NOW,
        addressee_id=to,
        version=1 if to else 0,
    )


def confirmed(name: str, territory: str, **values: str) -> UUID:
    """Write an addressee and confirm it as another person."""
    entry_id = register(name, territory, **values)
    confirm_entry(actor=SECOND, addressee_id=entry_id, version=1, now=NOW)
    return entry_id


def removed(host: str, *, after: timedelta | None = None, pages: int = 2) -> None:
    """Send a removal request for `pages` addresses of a host, removed after a time (None: still up)."""
    drafted = SENT - timedelta(hours=20)
    urls = tuple(url(f"https://{host}/{page}", host) for page in range(pages))
    [measure_id] = decide(host=host, urls=urls, now=drafted).opened["measure"]
    seconded(measure_id, now=drafted)
    recipient = measure(measure_id).request.recipient
    if measures.first_contact(actor=OFFICER, recipient=recipient) is None:
        informed = Event(happened_at=drafted, proof="mail")
        record_first_contact(actor=OFFICER, recipient=recipient, now=drafted, event=informed)
    sent = Event(happened_at=SENT, proof="mail")
    record_sent(actor=OFFICER, measure_id=measure_id, now=SENT, event=sent)
    if after is not None:
        gone = Event(happened_at=SENT + after, proof="looked at")
        record_execution(actor=OFFICER, measure_id=measure_id, event=gone, now=SENT + after)


@pytest.mark.django_db
def test_addresses_are_counted_by_country_of_the_host_and_time_to_their_removal() -> None:
    confirmed("Home Host", "FR", DOMAIN="home.example")
    confirmed("Island Host", "RE", PREFIX="192.0.2.0/24")
    confirmed("Far Host", "DE", DOMAIN="far.example|home.example.far.example")
    removed("pictures.home.example", after=timedelta(days=2))
    removed("192.0.2.7", after=timedelta(days=2, minutes=1), pages=1)
    removed("far.example", after=timedelta(days=28), pages=3)
    removed("other.far.example", after=timedelta(days=28, minutes=1), pages=1)
    removed("nowhere.example")
    day = paris_day(SENT)
    with row_scope.shown_to(STATISTICIAN):
        found = queries.table(
            actor=STATISTICIAN, figure="REMOVED", since=day, until=day + timedelta(days=1), now=NOW
        )
        steps = queries.delays(
            actor=STATISTICIAN, since=day - timedelta(days=2), until=day, now=NOW
        )
    assert {row.keys: row.value for row in found.rows} == {
        ("ABROAD", "DAYS_28"): 3,
        ("ABROAD", "LATER"): 1,
        ("INLAND", "DAYS_2"): 2,
        ("INLAND", "DAYS_7"): 1,
        ("UNKNOWN", "STILL_UP"): 2,
    }
    taken = {row.keys: row.value for row in steps.rows}
    assert taken["REMOVE", "COUNT"] == 4
    assert taken["REMOVE", "MEAN"] == 15 * 86400 + 30
    with pytest.raises(Refused):
        count_removal_times(actor=public_actor(), since=SENT, until=NOW)


@pytest.mark.django_db
def test_the_longest_domain_and_network_say_the_country() -> None:
    confirmed("Wide", "FR", DOMAIN="wide.example", PREFIX="192.0.2.0/24|2001:db8::/32")
    confirmed("Narrow", "DE", DOMAIN="narrow.wide.example", PREFIX="192.0.2.128/25")
    confirmed("Rival", "BE", DOMAIN="rival.wide.example|wide.example")
    expected = {
        "narrow.wide.example": "DE",
        "a.rival.wide.example": "BE",
        "192.0.2.1": "FR",
        "192.0.2.129": "DE",
        "[2001:db8::7]": "FR",
    }
    hosts = [*expected, "wide.example", "xwide.example", "198.51.100.1", ""]
    assert countries_of(hosts=hosts) == expected, "of two that claim a name, none is right"


@pytest.mark.django_db
def test_what_nobody_confirmed_says_no_country() -> None:
    register("Alone", "BE", DOMAIN="alone.example")
    host = confirmed("Home Host", "FR", DOMAIN="home.example")
    register("Home Host", "DE", to=host, DOMAIN="home.example|other.example")
    asked = {"alone.example", "home.example", "other.example"}
    assert countries_of(hosts=asked) == {"home.example": "FR"}


@pytest.mark.django_db
@pytest.mark.role("worker")
def test_the_public_figures_have_them_by_quarter_and_hide_what_is_small() -> None:
    confirmed("Far Host", "DE", DOMAIN="far.example")
    removed("far.example", after=timedelta(days=1), pages=6)
    removed("other.far.example", after=timedelta(days=5), pages=7)
    removed("nowhere.example", pages=2)
    later = NOW + timedelta(days=60)
    operations.publish(actor=SYSTEM, now=later)
    operations.publish(actor=SYSTEM, now=later)
    found, _at = queries.published(actor=public_actor())
    [quarter] = {month for (month, _code), n in found["REMOVED"].items() if n != 0}
    assert quarter == date(SENT.year, 7, 1)
    cells = {code: n for (month, code), n in found["REMOVED"].items() if month == quarter}
    assert cells == {"ABROAD/DAYS_2": None, "ABROAD/DAYS_7": 7, "UNKNOWN/STILL_UP": None}
    client = Client()
    page = client.get("/en/figures/", secure=True).content.decode()
    assert "Abroad – In 3 to 7 days" in page
    assert (
        f"REMOVED,{SENT.year}-07,ABROAD/DAYS_7,7"
        in client.get("/en/figures/csv/", secure=True).content.decode()
    )
    sent = client.get("/en/figures/json/", secure=True).json()
    [figure] = [one for one in sent["figures"] if one["code"] == "REMOVED"]
    assert figure["months"] == 3
    assert {"month": f"{SENT.year}-07", "code": "ABROAD/DAYS_2", "number": None} in figure[
        "numbers"
    ]
    told = client.get("/en/figures/dcat/", secure=True)
    assert told["Content-Type"] == "application/ld+json"
    for way in told.json()["dcat:distribution"]:
        answer = client.get(way["dcat:downloadURL"]["@id"], secure=True)
        assert answer["Content-Type"].partition(";")[0] == way["dcat:mediaType"]
