"""The page on retention: the last run, holds in numbers, what expires in which month; no report and no name."""

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from django.test import Client

from fanal import reference
from fanal.db import sql
from fanal.intake.operations.holds import place_hold
from fanal.intake.queries.expiry import count_reports_due
from fanal.kernel.actors import Role, system_actor
from fanal.ledger import operations as ledger
from fanal.lifecycles import LIFECYCLES
from fanal.retention import ACTS, GROUPS, MEASURES, cut_off, forecast, last_run
from fanal.worker import expiry
from tests.integration.accounts.people import make_user
from tests.integration.desk.story import Desk
from tests.server import as_worker

pytestmark = pytest.mark.django_db
PAGE = "/en/account/retention/"


@pytest.fixture
def admin(desk: Desk, sign_in: Callable[[str], Client]) -> Client:
    desk.users["ines"] = make_user("ines", Role.ADMINISTRATOR)
    return sign_in("ines")


def run(now: datetime) -> None:
    with as_worker():
        expiry.expire(actor=system_actor("expiry"), now=now)


def test_it_says_when_the_expiry_ran_and_what_it_did(admin: Client, desk: Desk) -> None:
    assert "No run in forty days." in admin.get(PAGE).content.decode()
    run(desk.now)
    answer = admin.get(PAGE)
    assert "Nothing was due." in answer.content.decode()
    assert answer.context["late"] is False
    found = last_run(actor=desk.actor("ines"), now=desk.now)
    assert found is not None
    assert (found.at, found.failed) == (desk.now, ())
    assert set(found.erased) == {one.name for one in expiry.ERASERS if one.erase is not None}
    late = last_run(actor=desk.actor("ines"), now=desk.now + timedelta(days=50))
    assert late is None, "an old run is none"


def test_a_run_in_part_names_what_failed(admin: Client, desk: Desk) -> None:
    with as_worker():
        ledger.record(
            actor=system_actor("expiry"),
            action="expiry.run",
            at=desk.now,
            detail={"reports": 3, "failed": "entries,people"},
        )
    page = admin.get(PAGE).content.decode()
    assert "Not erased, because of a failure:" in page
    assert "Values withdrawn from lists, Identities of people who left." in page
    assert "<dt>Reports</dt><dd>3</dd>" in page


def test_reports_are_counted_in_the_month_of_their_end(admin: Client, desk: Desk) -> None:
    """Five and a half years on, the reports of these days end in the coming months; a hold keeps one."""
    total = sql_count(desk)
    then = desk.now + timedelta(days=2010)
    place_hold(
        actor=desk.actor("claire"), report_id=desk.reports["game"], motive="file 12", now=desk.now
    )
    groups = {one.name: one for one in forecast(actor=desk.actor("ines"), now=then)}
    reports = groups["reports"]
    assert reports.due == 0
    assert sum(reports.months) == total - 1
    later = {
        one.name: one
        for one in forecast(actor=desk.actor("ines"), now=desk.now + timedelta(days=2300))
    }
    assert later["reports"].due == total - 1
    assert sum(later["reports"].months) == 0
    assert later["motives"].due > 0
    edge = cut_off(GROUPS["reports"], then)
    with as_worker():
        assert count_reports_due(edges=[edge]) == [0]


def sql_count(desk: Desk) -> int:
    del desk
    with as_worker():
        return int(sql.one("SELECT count(*) FROM intake_report")[0])


def test_each_class_in_force_has_its_period_and_its_group() -> None:
    declared = {entry.code for entry in reference.load().entries(reference.Retention)}
    named = [code for classes in GROUPS.values() for code in classes]
    assert sorted(named) == sorted(declared)
    assert tuple(GROUPS) == tuple(one.name for one in expiry.ERASERS)
    assert {one.kind for one in LIFECYCLES} == {*ACTS, *MEASURES}


def test_it_names_no_report_nobody_and_no_reason(admin: Client, desk: Desk) -> None:
    place_hold(
        actor=desk.actor("claire"),
        report_id=desk.reports["game"],
        motive="a canary in the reason",
        now=desk.now,
    )
    page = admin.get(PAGE).content.decode()
    assert '<td class="fd-number">1</td>' in page
    for word in ("canary", "Claire", str(desk.reports["game"])):
        assert word not in page
    assert admin.get("/en/desk/holds/").status_code == 403


@pytest.mark.parametrize(("name", "status"), [("claire", 200), ("gabrielle", 200), ("ana", 403)])
def test_for_whoever_answers_for_it(
    desk: Desk, sign_in: Callable[[str], Client], name: str, status: int
) -> None:
    assert sign_in(name).get(PAGE).status_code == status
