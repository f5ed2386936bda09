"""A sender's marks of direction turn nothing on the desk's pages."""

from collections.abc import Callable

import pytest
from django.test import Client

from tests.integration.desk.story import Desk, add_reports

pytestmark = [pytest.mark.django_db]
TURNED = "exe\u202egpj"


def test_no_page_of_a_report_holds_a_mark_raw(desk: Desk, sign_in: Callable[[str], Client]) -> None:
    add_reports(
        desk,
        [
            (
                "turned",
                5,
                {
                    "kind": "GROOMING",
                    "platform": TURNED,
                    "description": f"said {TURNED}",
                    "persons": [
                        {
                            "role": "SUSPECT",
                            "name": TURNED,
                            "handles": [{"platform": TURNED, "value": TURNED}],
                        }
                    ],
                    "conversation": [{"speaker": TURNED, "text": TURNED}],
                    "files": [{"name": f"{TURNED}.png", "sha256": "ab" * 32}],
                },
            )
        ],
    )
    ana = sign_in("ana")
    report = f"/en/desk/reports/{desk.reports['turned']}/"
    for page in (report, "/en/desk/", "/en/desk/search/?q=said"):
        body = ana.get(page).content.decode()
        assert "\u202e" not in body, page
    assert ana.get(report).content.decode().count("⟨U+202E⟩") >= 5
