"""The pictures of a dossier's page: what the reader may see, marked alike, at a cost that does not grow."""

import re
from collections.abc import Callable

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from fanal.crosscheck.dossiers.queries import dossier_of
from tests.integration.desk.story import GAME, Desk, add_reports, suspect

pytestmark = pytest.mark.django_db


def test_pictures_are_of_the_readers_reports_and_mark_one_choice(
    desk: Desk, sign_in: Callable[[str], Client]
) -> None:
    web = sign_in("ana")

    def page(query: str = "") -> tuple[dict[str, object], str]:
        answer = web.get(f"/en/desk/dossiers/{found}/{query}")
        assert answer.status_code == 200
        return answer.context, answer.content.decode()

    found = dossier_of(actor=desk.actor("ana"), report_id=desk.reports["danger"])
    page()
    with CaptureQueriesContext(connection) as before:
        page()
    body = GAME | {"conversation": [], "persons": [suspect("renard_77")]}
    add_reports(
        desk, [(f"more-{n}", 60 + n, body | {"place": {"country": "RE"}}) for n in range(2)]
    )
    without_place = {"kind": "SEXTORTION", "persons": [suspect("k.lumen", "instagram")]}
    add_reports(desk, [("nowhere", 80, without_place)])
    add_reports(desk, [("west", 70, body | {"place": {"country": "ES"}})], desk_id=2)
    with CaptureQueriesContext(connection) as after:
        context, shown = page()
    assert len(after) <= len(before) + 1, "one more: the name of the other desk"
    pictures, overview = context["pictures"], context["overview"]
    assert [(place.code, place.count) for place in pictures.places] == [
        ("974", 2), ("FR", 3), ("BE", 1),
    ]  # fmt: skip
    assert sum(count for _kind, count in overview.kinds) == 5
    assert dict(overview.people)["SUSPECT"] == 1
    assert overview.levels[0] == ("DANGER", 1)
    assert [lane.count for lane in pictures.charts[0].chart.lanes] == [5, 1, 5]
    assert "Spain" not in shown

    context, shown = page("?place=BE")
    assert context["pictures"].reports == {desk.reports["game"]}
    marked = re.findall(r"<(\w+)[^>]*?\sdata-picked", shown)
    assert {"tr", "li", "a", "use"} <= set(marked)
    assert context["rows"][0].case.report_id == desk.reports["game"]
    assert "1 report chosen" in shown
    assert page("?place=ES")[0]["pictures"].chosen is None
    assert page(f"?report={desk.reports['west']}")[0]["pictures"].chosen is None

    found = dossier_of(actor=desk.actor("ana"), report_id=desk.reports["nowhere"])
    assert "there is nothing to show on a map" in page()[1]
