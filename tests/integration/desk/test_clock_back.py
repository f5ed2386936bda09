"""The database's clock is set back: what was dated before, and lies ahead now, stops no stage and no act."""

from collections.abc import Callable

import pytest
from django.test import Client

from fanal import pipeline
from fanal.kernel import clock
from fanal.orient.alarms.queries import alarms_of
from fanal.orient.domain.states import CaseState
from fanal.orient.queries import get_case
from tests.integration.desk.story import WORKER, Desk, add_reports, run_stages, suspect
from tests.integration.desk.test_judged import NOTHING
from tests.integration.desk.work import decided
from tests.server import as_worker

pytestmark = pytest.mark.django_db
SignIn = Callable[[str], Client]
PLAIN = {"kind": "GROOMING", "description": "Il écrit tous les soirs.", "occurred_at": "2026-11-02"}
URGENT = {"kind": "SEXTORTION", "description": "Il veut de l’argent.", "emergency": True}
AHEAD = -60
"""Minutes before now: the clock stood an hour ahead when the reports came in."""


def test_reports_received_before_pass_every_stage_and_are_worked_on(
    desk: Desk, sign_in: SignIn, request: pytest.FixtureRequest
) -> None:
    add_reports(desk, (("stood", AHEAD, PLAIN), ("other", AHEAD, URGENT)))
    same = {"persons": [suspect("corbeau_5")]}
    add_reports(desk, (("waits", AHEAD, URGENT | same), ("too", AHEAD, PLAIN | same)), stages=False)
    request.getfixturevalue("servers_clock")
    run_stages(desk.now)
    with as_worker():
        pipeline.find_similar(now=desk.now, most=100)
        pipeline.rank_anew(actor=WORKER, report_ids=list(desk.reports.values()), now=desk.now)
    web = sign_in("ana")
    [alarm, *_] = alarms_of(actor=WORKER, report_id=desk.reports["waits"])
    assert alarm.raised_at > clock.now()
    assert web.post(f"/fr/desk/alarms/{alarm.id}/").status_code == 302
    assert alarms_of(actor=WORKER, report_id=desk.reports["waits"])[0].acknowledged_by
    for name in ("stood", "other", "waits", "too"):
        page = f"/fr/desk/reports/{desk.reports[name]}/"
        assert web.get(page).status_code == 200, name
        assert web.post(f"{page}claim/").status_code == 302, name
        assert web.post(f"{page}note/", {"words": "seen"}).status_code == 302
    for name in ("stood", "waits"):
        done = decided(desk, name, choice=NOTHING)
        case = get_case(actor=desk.actor("ana"), report_id=done)
        assert case is not None
        assert case.state is CaseState.DECIDED
