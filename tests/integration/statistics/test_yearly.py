"""The yearly report as PDF: accessible, in both languages, the same figures, words never read as markup."""

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, date, datetime

import pytest
from django.conf import settings
from django.test import Client

from fanal.kernel import clock
from fanal.kernel.actors import Role
from fanal.web.account import second_factor
from fanal.web.desk.statistics.panels import (
    ChartSeries,
    Headline,
    MapShape,
    Panel,
    PanelChart,
    TableLine,
)
from fanal.web.desk.statistics.yearly import as_pdf
from tests.acceptance.oversight.people import user_as
from tests.acceptance.oversight.stories import reports
from tests.integration.statistics.test_figures import receive
from tests.integration.statistics.test_pages import Read

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


ODD = "#sys.version <a> & *b* $x$"


@pytest.mark.parametrize("horizontal", [True, False])
@pytest.mark.parametrize(
    "values", [[[0]], [[3, 0, 10**9]], [[1, None, 2], [0, 5, 0]], [[1]] * 12, [[1] * 60]]
)
def test_charts_of_any_shape_are_set(horizontal: bool, values: list[list[int | None]]) -> None:
    chart: PanelChart = {
        "type": "bar",
        "horizontal": horizontal,
        "labels": [f"{ODD} {n}" for n in range(len(values[0]))],
        "series": [
            *(ChartSeries(name=ODD, values=numbers) for numbers in values),
            {"name": "before", "values": [None] * len(values[0]), "line": True},
        ],
    }
    drawn = report(replace(panel("a"), chart=chart))
    assert drawn.startswith(b"%PDF-")
    if any(n for numbers in values for n in numbers):
        assert len(drawn) > len(report(panel("a")))


def test_a_map_is_set_with_its_shades_and_an_alternative() -> None:
    shapes = (MapShape(id="75", shade=5, text="Paris"), MapShape(id="p75", shade=5, text="Paris"))
    mapped = replace(panel("a"), shapes=shapes, legend=((1, "1"),))
    lighter = replace(mapped, shapes=(MapShape(id="75", shade=1, text="Paris"), shapes[1]))
    assert report(mapped) != report(lighter)
    assert b"/Alt" in report(mapped)


def test_cover_and_sentences_are_set_as_they_are() -> None:
    headline = Headline(key="k", name=ODD, value="1\u202f234", before="", change="", spark=None)
    pdf = as_pdf(
        [panel("a")], title=ODD, lead=ODD, lang="fr", now=NOW, headlines=[headline], sentences=[ODD]
    )
    assert pdf.startswith(b"%PDF-")
    assert "L’année en cinq phrases" in outline(pdf) or "The year in five sentences" in outline(pdf)


@pytest.mark.parametrize("lang", ["fr", "en"])
def test_the_five_sentences_say_what_the_tables_say(
    browser: Callable[[Role], Client], lang: str
) -> None:
    now = clock.now()
    reports(now, count=40)
    year = clock.paris_day(now).year
    page = browser(Role.STATISTICIAN).get(f"/{lang}/desk/statistics/year/{year}/")
    tables = Read(page.content.decode()).tables
    received, urgent, kind, decided, sent = page.context["sentences"]
    for key, sentence in (
        ("received-months", received),
        ("received-urgent", urgent),
        ("decided-months", decided),
        ("sent-months", sent),
    ):
        assert sentence.startswith(f"{tables[key][-1][1]} "), sentence
    first, total = tables["oriented-codes"][1], tables["oriented-codes"][-1][1]
    assert first[0] in kind
    assert re.findall(r"\d+", kind)[-3:-1] == [first[1], total]
