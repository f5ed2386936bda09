"""The yearly report as PDF: accessible, in both languages, the same figures, words never read as markup."""

import re
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime

import pytest
from django.conf import settings
from django.test import Client

from fanal.kernel import clock
from fanal.kernel.actors import Role
from fanal.web.account import second_factor
from fanal.web.desk.statistics.panels import Panel, TableLine
from fanal.web.desk.statistics.yearly import as_pdf
from tests.acceptance.oversight.people import user_as
from tests.integration.statistics.test_figures import receive

NOW = datetime(2026, 11, 24, 9, 0, 0, 123456, tzinfo=UTC)


@pytest.fixture
def browser() -> Iterator[Callable[[Role], Client]]:
    """Browsers signed in with a role; a password is enough here."""

    def signed_in(role: Role) -> Client:
        client = Client(headers={"X-Forwarded-Proto": "https"})
        user = user_as(role, f"{role.title()} Sacha", now=clock.now())
        client.force_login(user, backend=settings.AUTHENTICATION_BACKENDS[1])
        return client

    second_factor.install(required=False)
    yield signed_in
    second_factor.install(required=True)


def outline(pdf: bytes) -> list[str]:
    """The titles of the document's parts, as readers list them (without the document's own)."""
    titles = []
    for plain, wide in re.findall(rb"/Title(?:\(((?:\\.|[^)\\])*)\)|<FEFF([0-9A-F]+)>)", pdf):
        read = bytes.fromhex(wide.decode()).decode("utf-16-be") if wide else plain.decode("latin-1")
        titles.append(re.sub(r"\\(.)", r"\1", read))
    return titles


@pytest.mark.parametrize("lang", ["fr", "en"])
def test_it_is_accessible_and_holds_what_the_page_holds(
    browser: Callable[[Role], Client], lang: str
) -> None:
    now = clock.now()
    receive(now, 3)
    client = browser(Role.STATISTICIAN)
    year = clock.paris_day(now).year
    page = client.get(f"/{lang}/desk/statistics/year/{year}/")
    answer = client.get(f"/{lang}/desk/statistics/year/{year}/pdf/")
    assert answer["Content-Type"] == "application/pdf"
    assert f"fanal-{year}-{lang}.pdf" in answer["Content-Disposition"]
    pdf = answer.content
    assert pdf.startswith(b"%PDF-")
    assert b"pdfuaid:part>1<" in pdf
    assert b"/Marked true" in pdf
    assert f"/Lang({lang})".encode() in pdf
    assert {panel.title for panel in page.context["panels"]} <= set(outline(pdf))


def test_years_without_figures_and_people_without_the_right_get_none(
    browser: Callable[[Role], Client],
) -> None:
    client, this_year = browser(Role.STATISTICIAN), clock.paris_day(clock.now()).year
    for year in (2008, this_year + 1):
        assert client.get(f"/fr/desk/statistics/year/{year}/pdf/").status_code == 404
    answer = browser(Role.ADMINISTRATOR).get(f"/fr/desk/statistics/year/{this_year}/pdf/")
    assert answer.status_code == 403


def panel(title: str, cells: int = 3, cell: str = "1") -> Panel:
    return Panel(
        key="k",
        code="K",
        title=title,
        since=date(2026, 1, 1),
        definition=title,
        source=title,
        query="q",
        retention="r",
        header=[title] * (cells + 1),
        lines=[TableLine(heading=title, cells=[cell] * cells, total=True)] if cells else [],
    )


def report(*panels: Panel) -> bytes:
    return as_pdf(panels, title="t", lead="l", lang="en", now=NOW)


@pytest.mark.parametrize("title", ["#sys.version", "= *a* $x$ @b <c>", "]#sys.version["])
def test_words_are_set_as_they_are(title: str) -> None:
    assert title in outline(report(panel(title)))


def test_the_same_figures_make_the_same_bytes_and_others_do_not() -> None:
    assert report(panel("a")) == report(panel("a"))
    assert report(panel("a")) != report(panel("a", cell="2"))


@pytest.mark.parametrize("cells", [0, 1, 30])
def test_tables_of_any_width_are_set(cells: int) -> None:
    assert report(panel("a", cells)).startswith(b"%PDF-")
