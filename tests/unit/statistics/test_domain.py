"""Months, changes, hidden numbers, tables and definitions: no database."""

import csv
import io
import itertools
from datetime import UTC, date, datetime

import msgspec
import pytest
from hypothesis import given, strategies as st

from fanal import reference
from fanal.kernel import calendar
from fanal.orient.domain.records import Track
from fanal.statistics.domain import tabular
from fanal.statistics.domain.definitions import figures, historical
from fanal.statistics.domain.tabular import (
    THRESHOLD,
    Row,
    Table,
    as_csv,
    as_json,
    hide_small,
    total_of,
    write_csv,
)


def test_months_count_in_paris() -> None:
    assert calendar.month_of(datetime(2026, 9, 30, 21, 59, tzinfo=UTC)) == date(2026, 9, 1)
    assert calendar.month_of(datetime(2026, 9, 30, 22, 0, tzinfo=UTC)) == date(2026, 10, 1)
    assert calendar.month_of(datetime(2025, 12, 31, 23, 0, tzinfo=UTC)) == date(2026, 1, 1)
    assert calendar.start_of_day(date(2026, 10, 26)) - calendar.start_of_day(
        date(2026, 10, 25)
    ) == (datetime(2026, 1, 2, 1) - datetime(2026, 1, 1))


def test_a_series_of_months_and_a_year_that_is_not_over() -> None:
    assert calendar.months_until(date(2026, 1, 31), count=3) == (
        date(2025, 11, 1),
        date(2025, 12, 1),
        date(2026, 1, 1),
    )
    assert len(calendar.months_of_year(2026, last=date(2026, 3, 2))) == 3
    assert len(calendar.months_of_year(2025, last=date(2026, 3, 2))) == 12


def test_a_leap_day_is_compared_with_the_last_of_february() -> None:
    assert calendar.year_before(date(2028, 2, 29)) == date(2027, 2, 28)


@pytest.mark.parametrize(
    ("now", "before", "expected"),
    [
        (30, 20, 0.5),
        (10, 20, -0.5),
        (5, 0, None),
        (0, 40, -1.0),
        (None, 40, None),
        (4, None, None),
        (50, 9, None),
        (5, 10, -0.5),
    ],
)
def test_change(now, before, expected) -> None:
    assert tabular.change(now, before) == expected


tables = st.dictionaries(
    st.tuples(st.integers(0, 5), st.sampled_from("ABCD")), st.integers(0, 30), max_size=24
)


@given(tables)
def test_no_small_number_is_shown_and_none_can_be_worked_out(cells) -> None:
    shown = hide_small(cells)
    assert shown.keys() == cells.keys()
    assert all(
        n is None or (n == cells[k] and (n == 0 or n >= THRESHOLD)) for k, n in shown.items()
    )
    for place in (0, 1):
        order = sorted(cells, key=lambda key: str(key[place]))
        for _, group in itertools.groupby(order, key=lambda key: str(key[place])):
            line = list(group)
            hidden = [cells[k] for k in line if shown[k] is None]
            rest = [k for k in line if shown[k]]
            # Subtracting what is shown from the line's total never gives one number, nor a small sum,
            # unless nothing else is left in the line to hide (then the total itself is small).
            if hidden and rest:
                assert len(hidden) >= 2
                assert sum(hidden) >= THRESHOLD


def test_hiding_takes_the_smallest_companions_and_leaves_zeros() -> None:
    row = {("m", "A"): 3, ("m", "B"): 9, ("m", "C"): 40, ("m", "D"): 0}
    assert hide_small(row) == {
        ("m", "A"): None,
        ("m", "B"): None,
        ("m", "C"): 40,
        ("m", "D"): 0,
    }
    assert total_of([1, 2]) is None
    assert total_of([]) == 0
    assert total_of([3, 2]) == 5


@given(st.text(max_size=30))
def test_no_cell_is_a_formula(text) -> None:
    [_, [cell]] = list(csv.reader(io.StringIO(write_csv(["a"], [[text]]), newline="")))
    if not cell.lstrip("-+").replace(".", "").isalnum():
        assert not cell.startswith(("=", "+", "-", "@", "\t", "\r"))


@pytest.mark.parametrize("hostile", ["=1+1", "+CMD", "-2+3", "@SUM(A1)", "\t=1", " =1", "|x"])
def test_formulas_are_made_harmless(hostile) -> None:
    assert write_csv(["a"], [[hostile]]).splitlines()[1].lstrip('"').startswith("'")


def test_a_table_says_what_it_is() -> None:
    figure = figures()["SENT"]
    rows = (Row(keys=("2026-10", "REMOVAL"), value=60, before=40),)
    table = Table(
        figure=figure,
        rows=rows,
        since=date(2026, 10, 1),
        until=date(2026, 11, 1),
        made_at=datetime(2026, 11, 24, tzinfo=UTC),
    )
    read = msgspec.json.decode(as_json(table))
    assert read["query"] == figure.query
    assert read["definition"]["fr"]
    assert read["rows"] == [
        {"month": "2026-10", "kind": "REMOVAL", "value": 60, "year_before": 40, "change": 0.5}
    ]
    assert as_csv(table).splitlines() == [
        "month,kind,value,year_before,change",
        "2026-10,REMOVAL,60,40,0.5000",
    ]


def test_every_figure_names_queries_that_exist() -> None:
    import importlib

    for figure in figures().values():
        for name in figure.query.split(", "):
            package, _, function = name.rpartition(".")
            assert hasattr(importlib.import_module(f"fanal.{package}"), function), name


def test_every_column_of_codes_has_words() -> None:
    known = reference.load().words.kinds()
    kinds = {c.kind for figure in figures().values() for c in figure.columns if c.kind}
    assert kinds <= set(known)


def test_published_figures_are_sourced_and_the_sums_of_the_reports_hold() -> None:
    found = {entry.code: entry for entry in historical()}
    assert len(found) == len(historical())
    assert all(entry.source and entry.published_by.fr for entry in found.values())
    assert found["GROOMING_2021"].number == 7056
    total = sum(
        found[code].number or 0 for code in ("REMOVALS_2021", "BLOCKED_2021", "DEREFERENCED_2021")
    )
    assert total == 137_953  # as the report for 2021 gives it


def test_the_leaflet_and_the_report_stand_side_by_side() -> None:
    by_year = [e for e in historical() if e.period == "2021" and e.number in {470, 439}]
    assert len({e.published_by.en for e in by_year}) == 2
    assert all(e.note for e in by_year)


def test_every_choice_of_tracks_has_a_name() -> None:
    """A decision names several tracks, or none but NONE; figures join their codes in the order of the alphabet."""
    tracks = sorted(set(Track) - {Track.NONE})
    choices = [c for n in range(1, len(tracks) + 1) for c in itertools.combinations(tracks, n)]
    for codes in ("+".join(choice) for choice in [*choices, (Track.NONE,)]):
        for lang in ("fr", "en"):
            assert reference.label("tracks", codes, lang) != codes
