"""A figure arranged for display: text, chart and table from the rows of a query."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import TypedDict

from django.utils.translation import gettext as _

from fanal import reference
from fanal.statistics.domain import definitions
from fanal.statistics.domain.tabular import Row, Table, change
from fanal.web.components import words
from fanal.web.components.maps import FRANCE_SIZE, TILES, shapes_of
from fanal.web.components.shades import shades_of
from fanal.web.components.sparklines import Sparkline, sparkline

Cells = list[str]
_COLORS = 10
"""Maximum number of distinguishable parts of a bar; above it only the table is shown."""


class ChartSeries(TypedDict, total=False):
    """A series of a chart in one color: a value for each label, None if unknown.

    `line`: a line rather than bars, `quiet`: in a pale color; both are for the year before.
    """

    name: str
    values: list[int | None]
    line: bool
    quiet: bool


class PanelChart(TypedDict, total=False):
    """The data of a bar chart for `charts.js`: for each label a bar of each series, or one if `stacked`."""

    type: str
    stacked: bool
    horizontal: bool
    labels: list[str]
    series: list[ChartSeries]
    marks: list[dict[str, object]]


@dataclass(frozen=True, slots=True, kw_only=True)
class TableLine:
    """A row of a figure's table: first cell (`heading`), other cells as text, whether it is a total.

    `spark` is its sparkline, None without one; `shades` are the shades of its first cells in a heat map.
    """

    heading: str
    cells: Cells
    total: bool = False
    spark: Sparkline | None = None
    shades: tuple[int, ...] = ()

    @property
    def shaded(self) -> list[tuple[str, int | None]]:
        """The cells with their shade; None for those without one, such as totals."""
        rest = len(self.cells) - len(self.shades)
        return list(zip(self.cells, (*self.shades, *[None] * rest), strict=True))


@dataclass(frozen=True, slots=True, kw_only=True)
class MapShape:
    """A département on a map: the id of its shape in `maps.svg`, its shade, its name and number in words."""

    id: str
    shade: int
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FranceMap:
    """The frame of a map of France: width, height and captions of the overseas tiles, in its units."""

    width: int = FRANCE_SIZE[0]
    height: int = FRANCE_SIZE[1]
    tiles: tuple[tuple[str, int, int], ...] = TILES


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """A number of a period (`value`) and that of the same days a year before (None if not comparable)."""

    value: int
    before: int | None

    @property
    def change(self) -> float | None:
        """The relative change in a year (0.12 is +12 %), None without a sufficient base."""
        return change(self.value, self.before)


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """A figure ready for display: texts about it, table and chart.

    `key` names the panel on its page, `code` the figure. `since` is the first day covered. `definition` says
    what is counted, `source` the tables, `query` how the figure is computed, `retention` how long it is kept.
    `header` and `lines` are the table; `chart` is the data for `charts.js`, None for a table only. `total` is
    the number in the last line of the table, if it has one, and `spark` its sparkline. `legend` gives the
    numbers of each shade of a heat map or of a map, `shapes` the départements of the latter.
    """

    key: str
    code: str
    title: str
    since: date
    definition: str
    source: str
    query: str
    retention: str
    header: Cells
    lines: list[TableLine]
    chart: PanelChart | None = None
    total: Compared | None = None
    spark: Sparkline | None = None
    legend: tuple[tuple[int, str], ...] = ()
    shapes: tuple[MapShape, ...] = ()

    @property
    def map(self) -> FranceMap | None:
        """The size and captions of the map, None for a figure without départements."""
        return FranceMap() if self.shapes else None

    @property
    def has_courses(self) -> bool:
        """Whether a line of the table has a sparkline."""
        return any(line.spark for line in self.lines)


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """A daily figure (`table`) over the `months` of its sparklines, often more than the page's period."""

    table: Table
    months: tuple[date, ...]

    def spark(self, lang: str, *, code: str = "") -> Sparkline | None:
        """Return the sparkline of the whole figure, or of one of its codes; None with too few numbers."""
        totals: dict[str, int] = {}
        for row in self.table.rows:
            if not code or code in row.keys[1:]:
                totals[row.keys[0]] = totals.get(row.keys[0], 0) + int(row.value or 0)
        return sparkline(
            self.months,
            [totals.get(key, 0) for key in _keys(self.months)],
            lang,
            is_open=_open(self.months[-1], self.table),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Headline:
    """The total of a panel, displayed on its own at the top of the page.

    `key` is that of the panel. `value`, `before` (a year before) and `change` (since then, relative) are
    texts, the last two "" without a comparable year; `spark` is its sparkline, None without one.
    """

    key: str
    name: str
    value: str
    before: str
    change: str
    spark: Sparkline | None


def headline(panel: Panel, lang: str) -> Headline:
    """Return the total of a panel's table as a headline, so that both say the same.

    Raises:
        ValueError: the panel has no total.
    """
    if panel.total is None:
        raise ValueError(panel.key)
    value, before, change_in_a_year = _compared(panel.total, lang)
    return Headline(
        key=panel.key,
        name=panel.title,
        value=value,
        before="" if panel.total.before is None else before,
        change="" if panel.total.change is None else change_in_a_year,
        spark=panel.spark,
    )


def by_month(
    table: Table,
    months: Sequence[date],
    lang: str,
    *,
    column: int = 1,
    course: Course | None = None,
) -> Panel:
    """Return a figure (`table`) by month, split by the codes of one column, as a panel.

    Codes that were never counted are left out; the newest month comes first, and the whole period last.
    Each month also has the year before and the change. `column` is the column's index in the figure's
    definition; a month that is not over is marked. `course` gives the sparkline of the total.
    """
    codes = _largest(table.rows, column)
    names = [_label(table.figure.columns[column], code, lang) for code in codes]
    cells = _cells(table.rows, column)
    totals = {m: sum(cells.get((m, c), 0) for c in codes) for m in _keys(months)}
    before = {
        key: _sum(r.before for r in table.rows if r.keys[0] == key)
        if table.is_compared(month)
        else None
        for month, key in zip(months, _keys(months), strict=True)
    }
    lines = [
        TableLine(
            heading=words.month(month, lang)
            + (f" ({_('to date')})" if _open(month, table) else ""),
            cells=[
                *_compared(Compared(value=totals[key], before=before[key]), lang),
                *(words.number(cells.get((key, code), 0), lang) for code in codes),
            ],
        )
        for month, key in reversed(list(zip(months, _keys(months), strict=True)))
    ]
    whole = [sum(cells.get((m, code), 0) for m in totals) for code in codes]
    total = Compared(value=sum(totals.values()), before=_sum(before.values()))
    lines.append(
        TableLine(
            heading=_("Whole period"),
            cells=[
                *_compared(total, lang),
                *(words.number(n, lang) for n in whole),
            ],
            total=True,
        )
    )
    chart: PanelChart = {
        "type": "bar",
        "stacked": True,
        "labels": [words.month(month, lang, short=True) for month in months],
        "series": [
            *(
                ChartSeries(name=name, values=[cells.get((key, code), 0) for key in totals])
                for name, code in zip(names, codes, strict=True)
            ),
            {"name": _("Year before"), "values": list(before.values()), "line": True},
        ],
    }
    header = [_("Month"), *_compared_header(), *names]
    panel = _panel(table, lang, "months", header=header, lines=lines, chart=chart, total=total)
    return replace(panel, spark=course.spark(lang) if course else None)


def by_code(table: Table, lang: str, *, column: int, course: Course | None = None) -> Panel:
    """Return a figure (`table`) over its whole period by the codes of one column, largest first.

    Each has the year before and the change. `column` is the column's index in the figure's definition;
    `course` gives each code its sparkline.
    """
    now: dict[str, int] = {}
    for row in table.rows:
        now[row.keys[column]] = now.get(row.keys[column], 0) + int(row.value or 0)
    comparable = table.is_compared(table.since)
    before = {
        code: _sum(r.before for r in table.rows if r.keys[column] == code) if comparable else None
        for code in now
    }
    codes = sorted(now, key=lambda code: -now[code])
    names = [_label(table.figure.columns[column], code, lang) for code in codes]
    lines = [
        TableLine(
            heading=name,
            cells=_compared(Compared(value=now[code], before=before[code]), lang),
            spark=course.spark(lang, code=code) if course else None,
        )
        for name, code in zip(names, codes, strict=True)
    ]
    total = Compared(value=sum(now.values()), before=_sum(before.values()) if comparable else None)
    lines.append(
        TableLine(
            heading=_("Total"),
            cells=_compared(total, lang),
            total=True,
            spark=course.spark(lang) if course else None,
        )
    )
    chart: PanelChart = {
        "type": "bar",
        "horizontal": True,
        "labels": names,
        "series": [
            {"name": _("This period"), "values": [now[code] for code in codes]},
            {"name": _("Year before"), "values": [before[code] for code in codes], "quiet": True},
        ],
    }
    heading = definitions.words(table.figure.columns[column].label, lang)
    header = [heading, *_compared_header()]
    return _panel(table, lang, "codes", header=header, lines=lines, chart=chart, total=total)


def crossed(table: Table, lang: str, *, rows: int, columns: int) -> Panel:
    """Return a figure's cross table over its whole period.

    `rows` and `columns` are the indices of the columns whose codes head its rows and columns, without codes
    that were never counted. It has a chart if its columns are few enough to tell apart (ten).
    """
    down, across = _largest(table.rows, rows), _largest(table.rows, columns)
    cells: dict[tuple[str, str], int] = {}
    for row in table.rows:
        key = row.keys[rows], row.keys[columns]
        cells[key] = cells.get(key, 0) + int(row.value or 0)
    lines = [
        TableLine(
            heading=_label(table.figure.columns[rows], code, lang),
            cells=[
                *(words.number(cells.get((code, other), 0), lang) for other in across),
                words.number(sum(cells.get((code, other), 0) for other in across), lang),
            ],
        )
        for code in down
    ]
    names = [_label(table.figure.columns[columns], code, lang) for code in across]
    chart: PanelChart = {
        "type": "bar",
        "horizontal": True,
        "stacked": True,
        "labels": [line.heading for line in lines],
        "series": [
            {"name": name, "values": [cells.get((code, other), 0) for code in down]}
            for name, other in zip(names, across, strict=True)
        ],
    }
    heading = definitions.words(table.figure.columns[rows].label, lang)
    header = [heading, *names, _("Total")]
    readable = chart if len(names) <= _COLORS else None
    return _panel(table, lang, "crossed", header=header, lines=lines, chart=readable)


def heat_map(table: Table, lang: str, *, rows: int, columns: int) -> Panel:
    """Return the cross table of a figure with each cell shaded by its number, and totals on both sides.

    `rows` and `columns` as in `crossed`.
    """
    down, across = _largest(table.rows, rows), _largest(table.rows, columns)
    cells: dict[tuple[str, str], int] = {}
    for row in table.rows:
        key = row.keys[rows], row.keys[columns]
        cells[key] = cells.get(key, 0) + int(row.value or 0)
    shades = shades_of(cells.values())
    lines = []
    for code in down:
        numbers = [cells.get((code, other), 0) for other in across]
        lines.append(
            TableLine(
                heading=_label(table.figure.columns[rows], code, lang),
                cells=[words.number(n, lang) for n in (*numbers, sum(numbers))],
                shades=tuple(shades.of(n) for n in numbers),
            )
        )
    totals = [sum(cells.get((code, other), 0) for code in down) for other in across]
    if lines:
        whole = [words.number(n, lang) for n in (*totals, sum(totals))]
        lines.append(TableLine(heading=_("Total"), cells=whole, total=True))
    heading = definitions.words(table.figure.columns[rows].label, lang)
    names = [_label(table.figure.columns[columns], code, lang) for code in across]
    panel = _panel(table, lang, "heat", header=[heading, *names, _("Total")], lines=lines)
    return replace(panel, legend=tuple(shades.legend(lang)))


def by_place(table: Table, lang: str) -> Panel:
    """Return a figure by département, as a shaded map and a table; without map if none is known."""
    panel = replace(by_code(table, lang, column=0), chart=None)
    counts = {row.keys[0]: int(row.value or 0) for row in table.rows if row.keys[0] and row.value}
    names = {code: _label(table.figure.columns[0], code, lang) for code in counts}
    if not counts:
        return panel
    shades = shades_of(counts.values())
    return replace(
        panel,
        legend=tuple(shades.legend(lang)),
        shapes=tuple(
            MapShape(
                id=shape,
                shade=shades.of(counts[code]),
                text=f"{names[code]} ({code}) – {words.number(counts[code], lang)}",
            )
            for shape in shapes_of(counts)
            for code in (shape.removeprefix("p"),)
        ),
    )


def delays(table: Table, lang: str) -> Panel:
    """Return the panel of delays: for each step the number of measurements, median, 90th percentile, mean."""
    found = {row.keys: row.value for row in table.rows}
    steps = list(dict.fromkeys(row.keys[0] for row in table.rows))
    times = ("MEDIAN", "P90", "MEAN")
    lines = [
        TableLine(
            heading=_label(table.figure.columns[0], step, lang),
            cells=[
                words.number(found[step, "COUNT"], lang),
                *(words.length(found[step, time], lang) for time in times),
            ],
        )
        for step in steps
    ]
    names = [_label(table.figure.columns[1], code, lang) for code in ("COUNT", *times)]
    return _panel(table, lang, "delays", header=[_("Step"), *names], lines=lines)


def waiting(table: Table, lang: str) -> Panel:
    """Return the panel of the present backlog: the number waiting, for each step of the work and state."""
    columns = table.figure.columns
    lines = [
        TableLine(
            heading=" · ".join(
                _label(column, code, lang) for column, code in zip(columns, row.keys, strict=True)
            ),
            cells=[words.number(row.value, lang)],
        )
        for row in table.rows
    ]
    return _panel(table, lang, "waiting", header=[_("Where"), _("Waiting")], lines=lines)


def _panel(
    table: Table,
    lang: str,
    shape: str,
    *,
    header: Cells,
    lines: list[TableLine],
    chart: PanelChart | None = None,
    total: Compared | None = None,
) -> Panel:
    figure = table.figure
    return Panel(
        key=f"{figure.code.lower()}-{shape}",
        code=figure.code,
        title=definitions.words(figure.label, lang),
        since=table.since,
        definition=definitions.words(figure.definition, lang),
        source=definitions.words(figure.source, lang),
        query=figure.query,
        retention=definitions.words(figure.retention, lang),
        header=header,
        lines=lines,
        chart=chart,
        total=total,
    )


def _label(column: definitions.Column, code: str, lang: str) -> str:
    if not code:
        return _("Not known")
    return reference.label(column.kind, code, lang)


def _largest(rows: Iterable[Row], column: int) -> list[str]:
    totals: dict[str, int] = {}
    for row in rows:
        totals[row.keys[column]] = totals.get(row.keys[column], 0) + int(row.value or 0)
    return sorted((c for c, n in totals.items() if n), key=lambda code: (-totals[code], code))


def _cells(rows: Iterable[Row], column: int) -> dict[tuple[str, str], int]:
    cells: dict[tuple[str, str], int] = {}
    for row in rows:
        key = row.keys[0], row.keys[column]
        cells[key] = cells.get(key, 0) + int(row.value or 0)
    return cells


def _keys(months: Iterable[date]) -> list[str]:
    return [month.isoformat()[:7] for month in months]


def _open(month: date, table: Table) -> bool:
    return (month.year, month.month) == (table.until.year, table.until.month)


def _sum(numbers: Iterable[int | None]) -> int | None:
    """Return the sum, or None when one of the numbers is unknown: partial sums are not comparable."""
    known = list(numbers)
    parts = [n for n in known if n is not None]
    return sum(parts) if len(parts) == len(known) else None


def _compared(total: Compared, lang: str) -> Cells:
    return [
        words.number(total.value, lang),
        words.number(total.before, lang),
        words.percent(total.change, lang),
    ]


def _compared_header() -> Cells:
    return [_("Total"), _("Year before"), _("Change in a year")]
