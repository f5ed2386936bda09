"""The clocks that the page of rules shows are those that run on a case."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from django.test import Client

from fanal import reference
from fanal.orient.domain.clocks import due_at
from fanal.orient.domain.states import CaseState

pytestmark = pytest.mark.django_db


def test_the_page_of_rules_shows_the_clocks_that_run(sign_in: Callable[[str], Client]) -> None:
    body = sign_in("claire").get("/en/desk/reference/?table=priority").content.decode()
    received = datetime(2026, 1, 5, tzinfo=UTC)
    for level, words in (("DANGER", "Danger"), ("HIGH", "High")):
        row = re.search(rf"<tr><th scope=\"row\">{words}</th>(.*?)</tr>", body)
        assert row, level
        shown = re.findall(r"<td>(\d+) (minute|hour)s?</td>", row[1])[:2]
        lengths = [timedelta(**{f"{unit}s": int(length)}) for length, unit in shown]
        ran = [
            due_at(
                catalogue=reference.load(),
                state=CaseState.TO_ASSESS,
                level=level,
                received_at=received,
                decided_at=None,
                taken=taken,
            )
            - received
            for taken in (False, True)
        ]
        assert lengths == ran
