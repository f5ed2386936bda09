"""The statistics pages on PostgreSQL: the period in the address, and totals that agree with their tables."""

import json
import re
from collections.abc import Iterator
from html.parser import HTMLParser

import pytest
from django.conf import settings
from django.test import Client

from fanal.kernel import clock
from fanal.kernel.actors import Role
from fanal.kernel.calendar import add_months, first_of_month, paris_day, start_of_day
from fanal.statistics import operations
from fanal.statistics.models import Counted, Daily, Published
from fanal.web.account import second_factor
from tests.acceptance.oversight.people import user_as
from tests.acceptance.oversight.stories import every_state, reports
from tests.integration.statistics.test_figures import SYSTEM, receive

HOME = "/{}/desk/statistics/"


@pytest.fixture
def statistician() -> Iterator[Client]:
    """A browser signed in as a statistician; a password is enough here."""
    client = Client(headers={"X-Forwarded-Proto": "https"})
    user = user_as(Role.STATISTICIAN, "Sacha Statistics", now=clock.now())
    client.force_login(user, backend=settings.AUTHENTICATION_BACKENDS[1])
    second_factor.install(required=False)
    yield client
    second_factor.install(required=True)


class Read(HTMLParser):
    """The tables and charts of a page, by the id of their panel's heading."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tables: dict[str, list[list[str]]] = {}
        self.charts: dict[str, dict[str, object]] = {}
        self.figures: list[list[str]] = []
        self._panel = self._cell = self._chart = ""
        self._figure = False
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "section":
            self._panel = given.get("aria-labelledby", "")
        elif tag == "script" and given.get("type") == "application/json":
            self._chart = given["id"].removesuffix("-data")
        elif tag == "tr" and self._panel:
            self.tables.setdefault(self._panel, []).append([])
        elif tag in {"td", "th"} and self._panel:
            self.tables[self._panel][-1].append("")
            self._cell = self._panel
        elif "fn-figure" in given.get("class", "").split():
            self.figures.append([])
        elif tag == "a" and "fn-figure-label" in given.get("class", ""):
            self.figures[-1].append(given["href"].removeprefix("#"))
        elif given.get("class") in {"fn-figure-value", "fn-figure-change"}:
            self.figures[-1].append("")
            self._figure = True

    def handle_endtag(self, tag: str) -> None:
        if tag in {"td", "th"}:
            self._cell = ""
        elif tag == "span":
            self._figure = False
        elif tag == "script":
            self._chart = ""

    def handle_data(self, data: str) -> None:
        if self._chart:
            self.charts[self._chart] = json.loads(data)
        elif self._cell:
            self.tables[self._cell][-1][-1] += data
        elif self._figure:
            self.figures[-1][-1] += data


def whole(text: str) -> int:
    """The number in a cell, its thousands separators removed."""
    return int(re.sub(r"[\u202f,]", "", text.strip()))


@pytest.mark.parametrize("lang", ["fr", "en"])
@pytest.mark.parametrize("query", ["", "?period=1-month", "?period=3-months", "?period=2025"])
def test_every_headline_says_what_its_table_says(
    statistician: Client, lang: str, query: str
) -> None:
    now = clock.now()
    reports(now, count=60)
    every_state(now)
    read = Read(statistician.get(HOME.format(lang) + query).content.decode())
    assert [key for key, *_ in read.figures] == [
        "received-months", "received-urgent", "decided-months", "sent-months",
    ]  # fmt: skip
    for key, value, compared in read.figures:
        last = read.tables[key][-1]
        assert value == last[1], key
        if last[2] == "–":
            assert not re.search(r"\d", compared), key
        else:
            assert last[2] in compared, key
        assert last[3] == "–" or last[3] in compared, key


@pytest.mark.parametrize("query", ["", "?period=3-months"])
def test_lines_add_up_to_their_totals_and_charts_hold_the_numbers_of_their_tables(
    statistician: Client, query: str
) -> None:
    now = clock.now()
    reports(now, count=60)
    every_state(now)
    read = Read(statistician.get(HOME.format("fr") + query).content.decode())
    added = 0
    for key, (_header, *lines) in read.tables.items():
        if key.endswith(("-months", "-urgent", "-codes")):
            assert whole(lines[-1][1]) == sum(whole(line[1]) for line in lines[:-1]), key
            added += 1
        if key.endswith(("-months", "-urgent")):
            for line in lines:
                assert whole(line[1]) == sum(whole(cell) for cell in line[4:]), key
            shown = read.charts[key]["series"]
            assert isinstance(shown, list)
            for n, series in enumerate(shown[:-1]):
                column = [whole(line[4 + n]) for line in reversed(lines[:-1])]
                assert series["values"] == column, key
    assert added >= 6


def test_a_period_takes_its_own_months_and_no_others(statistician: Client) -> None:
    now = clock.now()
    month = first_of_month(paris_day(now))
    for ago, count in ((0, 2), (2, 3), (5, 4)):
        receive(start_of_day(add_months(month, -ago)), count)
    for query, expected in (
        ("", "9"),
        ("?period=1-month", "2"),
        ("?period=3-months", "5"),
        (f"?from={add_months(month, -5):%Y-%m}&to={add_months(month, -2):%Y-%m}", "7"),
        (f"?to={add_months(month, -5):%Y-%m}", "4"),
    ):
        page = statistician.get(HOME.format("en") + query)
        read = Read(page.content.decode())
        assert read.figures[0][1] == expected, query
        assert read.tables["received-months"][-1][1] == expected, query
        assert page.context["until"] <= add_months(month, 1)


def test_a_month_before_the_desk_began_is_not_compared(statistician: Client) -> None:
    receive(clock.now(), 2)
    read = Read(statistician.get(HOME.format("en") + "?period=1-month").content.decode())
    assert read.figures[0][1:] == ["2", "No figure for the year before"]
    assert read.tables["received-months"][-1][2:4] == ["–", "–"]


@pytest.mark.parametrize(
    "query",
    ["period=2008", "period=soon", "from=2026", "from=9999-01", "period=2025%00", "to=2009-01&from=2008-12"],
)  # fmt: skip
def test_a_period_that_is_none_is_not_found(statistician: Client, query: str) -> None:
    assert statistician.get(f"{HOME.format('fr')}?{query}").status_code == 404


def test_the_picker_is_a_form_and_links_that_need_no_script(statistician: Client) -> None:
    html = statistician.get(HOME.format("en") + "?period=2025-Q1").content.decode()
    for link in ("?period=1-months", "?period=13-months", "?period=2024-Q4", "?period=2025-Q2"):
        assert f'href="{link}"' in html
    assert '<option value="2025-01" selected>' in html
    assert '<option value="2025-03" selected>' in html
    assert "Q1 2025" in html
    assert statistician.get(HOME.format("en") + "?period=2025").context["year"] == 2025


@pytest.mark.parametrize("lang", ["fr", "en"])
def test_the_heat_map_is_a_table_whose_sums_are_those_of_the_figure(
    statistician: Client, lang: str
) -> None:
    reports(clock.now(), count=60)
    html = statistician.get(HOME.format(lang)).content.decode()
    read = Read(html)
    header, *lines, totals = read.tables["oriented-heat"]
    assert len(header) > 4
    for line in lines:
        assert whole(line[-1]) == sum(whole(cell) for cell in line[1:-1])
    for n, total in enumerate(totals[1:], 1):
        assert whole(total) == sum(whole(line[n]) for line in lines)
    assert totals[-1] == read.tables["oriented-codes"][-1][1]
    most = max(whole(cell) for line in lines for cell in line[1:-1])
    deepest = re.findall(rf'class="fd-number fs-heat-{min(5, most)}">(\d+)<', html)
    assert most in {int(number) for number in deepest}


def test_the_map_shades_the_departements_of_its_table(statistician: Client) -> None:
    reports(clock.now(), count=40)
    html = statistician.get(HOME.format("en")).content.decode()
    _header, *lines, total = Read(html).tables["departements-codes"]
    numbers = {line[0]: whole(line[1]) for line in lines}
    assert len(numbers) > 4
    assert "Not known" in numbers
    assert whole(total[1]) == sum(numbers.values())
    titles = re.findall(
        r'<use class="fs-map-(\d)" href="[^"]*#\w+"><title>(.*?) \((\w+)\) – (\d+)<', html
    )
    assert {(name, int(number)) for _shade, name, _code, number in titles} == {
        (name, number) for name, number in numbers.items() if name != "Not known"
    }
    assert all(int(shade) > 0 for shade, *_rest in titles)


def test_without_any_postcode_there_is_no_map(statistician: Client) -> None:
    receive(clock.now())
    html = statistician.get(HOME.format("en")).content.decode()
    assert "fs-map-land" not in html
    assert 'id="departements-codes"' in html


@pytest.mark.role("worker")
@pytest.mark.parametrize("lang", ["fr", "en"])
def test_the_public_headline_is_the_last_line_of_its_table(lang: str) -> None:
    now = clock.now()
    month = first_of_month(paris_day(now))
    for ago, count in ((1, 7), (2, 0), (3, 2), (4, 6), (5, 8), (6, 9)):
        receive(start_of_day(add_months(month, -ago)), count)
    operations.publish(actor=SYSTEM, now=now)
    html = Client().get(f"/{lang}/figures/", secure=True).content.decode()
    last = Read(html).tables["received"][-1]
    assert last[1] == "7"
    [latest] = re.findall(r'<p class="fs-latest"><strong>(.*?)</strong>', html)
    assert re.fullmatch(rf"{last[0]}\s?: {last[1]}", latest)
    # A hidden number is a gap of the sparkline: neither its point nor its text is there.
    [spark] = re.findall(r'<svg class="fn-spark".*?</svg>', html, re.DOTALL)
    drawn = re.findall(r'<polyline points="(.*?)"', spark)
    assert [len(line.split()) for line in drawn] == [2, 2]


@pytest.mark.parametrize(
    ("numbers", "said"),
    [
        ([0, 0], "Every number of this table is zero.</p>"),
        ([None, None], "is zero, or under the threshold and hidden.</p>"),
        ([0, None], "is zero, or under the threshold and hidden.</p>"),
        ([5, None], "<canvas"),
    ],
)
def test_a_public_table_without_chart_says_why(numbers: list[int | None], said: str) -> None:
    now = clock.now()
    for ago, n in enumerate(numbers, 1):
        month = add_months(first_of_month(paris_day(now)), -ago)
        Published.objects.create(
            figure="RECEIVED", month=month, code="TOTAL", n=n, published_at=now
        )
    html = Client().get("/en/figures/", secure=True).content.decode()
    assert said in html
    assert ("<canvas" in html) == any(numbers)


@pytest.mark.parametrize(("lang", "shown"), [("fr", "12\u202f345"), ("en", "12,345")])
def test_numbers_are_written_in_the_notation_of_the_language(
    statistician: Client, lang: str, shown: str
) -> None:
    now = clock.now()
    today = paris_day(now)
    codes = {
        "RECEIVED": ("FORM", "URGENT"),
        "ORIENTED": ("GROOMING", "GAME"),
        "DECIDED": ("NONE", ""),
        "SENT": ("REMOVAL", ""),
    }
    month = add_months(first_of_month(today), -1)
    for figure, (first, second) in codes.items():
        Daily.objects.create(figure=figure, day=month, first=first, second=second, n=12345)
        Counted.objects.create(figure=figure, first=month, until=today, counted_at=now)
        Published.objects.create(figure=figure, month=month, code=first, n=12345, published_at=now)
    year = month.year
    for path in ("desk/statistics/", f"desk/statistics/year/{year}/", "figures/"):
        html = statistician.get(f"/{lang}/{path}", secure=True).content.decode()
        assert shown in html, path
        # What others published is shown as printed, sources included.
        html = html.partition('aria-labelledby="historical"')[0]
        text = re.sub(
            r"<script.*?</script>|<style.*?</style>|<option.*?</option>|<[^>]+>",
            " ",
            html,
            flags=re.DOTALL,
        )
        long = set(re.findall(r"(?<![\d/-])\d{4,}(?![\d/-])", text))
        assert all(re.fullmatch(r"20\d\d", number) for number in long), (path, long)
