"""Trends on PostgreSQL: the same whether closed days are held or not; nobody's words are kept in a count."""

import csv
import io
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import msgspec
import pytest
from django.test import Client

from fanal.accounts import row_scope
from fanal.accounts.domain.policy import Refused
from fanal.kernel.actors import Role, public_actor, system_actor
from fanal.orient.operations.batch import orient_batch
from fanal.statistics import operations, weeks
from fanal.statistics.models import Daily
from tests.integration.orient.people import person
from tests.unit.orient.items import Channel, Place, ReportKind, item

STATISTICIAN = person(Role.STATISTICIAN)
SYSTEM = system_actor("statistics")
NOW = datetime(2026, 11, 25, 9, 0, tzinfo=UTC)  # a Wednesday
PARTNER = uuid4()


def oriented(weeks_ago: int, n: int = 1, **values: object) -> None:
    """Orient `n` reports received in the middle of a week."""
    at = NOW - timedelta(weeks=weeks_ago)
    sender = values.pop("sender", PARTNER)
    items = [msgspec.structs.replace(item(at=at, **values), sender_id=sender) for _ in range(n)]
    orient_batch(actor=SYSTEM, items=items, now=NOW)


def read(figure: str, now: datetime = NOW) -> weeks.Trend:
    """Return a trend as its page reads it: the database shows a statistician no row of a desk."""
    with row_scope.shown_to(STATISTICIAN):
        return weeks.trend(actor=STATISTICIAN, figure=figure, now=now)


@pytest.fixture(params=["at once", "held"])
def counted(request: pytest.FixtureRequest):
    def run() -> None:
        if request.param == "held":
            operations.refresh_days(actor=SYSTEM, now=NOW)
            assert Daily.objects.filter(figure="COUNTRIES").exists()

    return run


def test_weeks_are_counted_by_kind_channel_country_and_sender(counted) -> None:
    oriented(1, 3, kind=ReportKind.GROOMING, channel=Channel.GAME, place=Place(country="FR"))
    oriented(2, 2, channel=Channel.WEB, place=Place(country="PH"), sender=UUID(int=0))
    oriented(1, is_test=True)
    counted()
    oriented(0, 4, channel=Channel.WEB)  # the week that is not over
    found = read("KINDS")
    assert found.weeks[-1] == datetime(2026, 11, 16, tzinfo=UTC).date()
    assert len(found.weeks) == 104
    assert found.counts["GROOMING"][-1] == 3
    assert found.counts["ABUSE_MATERIAL"][-2:] == (2, 0)
    assert found.now == {"ABUSE_MATERIAL": 4}
    assert read("CHANNELS").counts["WEB"][-2:] == (2, 0)
    assert read("COUNTRIES").counts["FR"][-1] == 3
    senders = read("SENDERS").counts
    assert (senders[str(PARTNER)][-1], senders[str(UUID(int=0))][-2]) == (3, 2)


def test_a_signal_counts_once_a_report_and_never_for_a_replay(counted) -> None:
    again = item(at=NOW - timedelta(weeks=1), codes=("SECRECY", "KNOWN_HASH", "SECRECY"))
    for _ in range(2):
        orient_batch(actor=SYSTEM, items=[again], now=NOW)
    oriented(1, codes=("SECRECY",), is_test=True)
    counted()
    found = read("SIGNALS").counts
    assert {code: series[-1] for code, series in found.items()} == {"SECRECY": 1, "KNOWN_HASH": 1}


def test_what_only_the_public_writes_is_no_name_of_a_service(counted) -> None:
    public = UUID(int=0)
    oriented(1, platform="a neighbour of mine", sender=public)
    oriented(1, platform="Insta", sender=public)
    oriented(1, 3, platform="Newhall ", sender=public)
    oriented(1, platform="Blockharbor", sender=PARTNER)
    counted()
    found = {code: series[-1] for code, series in read("PLATFORMS").counts.items()}
    assert found == {"": 1, "instagram": 1, "newhall": 3, "blockharbor": 1}


def test_a_lasting_rise_and_a_new_service_are_told_in_the_files() -> None:
    for ago in range(40, 8, -1):
        oriented(ago, 3, platform="Blockharbor")
    for ago in range(8, 0, -1):
        oriented(ago, 12, platform="Blockharbor")
        oriented(ago, 1, platform="Newhall")
    operations.refresh_days(actor=SYSTEM, now=NOW)
    found = read("PLATFORMS")
    [change] = found.changes["blockharbor"]
    assert (found.weeks[change.at], change.direction) == (found.weeks[-8], "UP")
    assert [n.code for n in found.new] == ["newhall"]

    told = msgspec.json.decode(weeks.trend_json(found))
    assert told["definition"]["fr"]
    assert told["query"] == "orient.queries.count_platforms"
    assert [(c["code"], c["before"], c["after"]) for c in told["changes"]] == [
        ("blockharbor", 3.0, 12.0)
    ]
    assert told["new"][0]["total"] == 8
    lines = list(csv.DictReader(io.StringIO(weeks.trend_csv(found))))
    marked = [line for line in lines if line["change_of_level"]]
    assert [(m["week"], m["platform"], m["change_of_level"]) for m in marked] == [
        (found.weeks[-8].isoformat(), "blockharbor", "UP")
    ]


def test_a_fall_to_nothing_has_its_week_in_the_files() -> None:
    for ago in range(40, 8, -1):
        oriented(ago, 6, platform="Blockharbor")
    oriented(1, platform="Newhall")
    found = read("PLATFORMS")
    lines = list(csv.DictReader(io.StringIO(weeks.trend_csv(found))))
    told = [line for line in lines if line["platform"] == "blockharbor"]
    assert [line["week"] for line in told] == [week.isoformat() for week in found.weeks[-52:]]
    assert [line["value"] for line in told[-10:]] == ["6"] * 2 + ["0"] * 8
    assert [line["week"] for line in told if line["change_of_level"] == "DOWN"] == [
        found.weeks[-8].isoformat()
    ]


def test_only_who_may_read_statistics_reads_trends() -> None:
    with pytest.raises(Refused):
        weeks.trend(actor=public_actor(), figure="KINDS", now=NOW)
    with pytest.raises(KeyError):
        read("NOTHING")


def test_an_unknown_trend_is_not_found(client: Client) -> None:
    for name in ("csv", "json"):
        assert client.get(f"/fr/desk/statistics/trends/KINDS/{name}/").status_code in {302, 401}
