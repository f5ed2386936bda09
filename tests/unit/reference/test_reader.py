"""The reader refuses what is not so, and names the fault; words print as people write them."""

from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from hypothesis import given, strategies as st

from fanal import reference
from fanal.casework.domain.records import AddresseeKind, ApprovalVerdict
from fanal.distribution.domain.states import ItemState, PackageState
from fanal.formats.report.records import Channel, PersonRole, ReportKind
from fanal.harmonise.domain.records import SelectorKind, SelectorRole
from fanal.harmonise.domain.written_otherwise import Difference
from fanal.hashing.domain.records import Unhashed
from fanal.judicial.domain.records import ReferralOutcome, ReferralState
from fanal.kernel.actors import Role
from fanal.measures.domain.records import MeasureKind, MeasureState, SuspensionCause
from fanal.orient.domain.records import QueueView, Reading, Track
from fanal.orient.domain.states import AlarmState, CaseState
from fanal.reference import (
    Body,
    Offence,
    ReferenceRefused,
    Retention,
    read_catalogue,
    read_entries,
    read_labels,
)
from fanal.reference.words import Words, french

CATALOGUE = reference.load()

GOOD = """
schema = 1
kind = "body"
jurisdiction = "FR"

[[entry]]
id = "FR_X"
code = "X"
label = { fr = "Un", en = "One" }
in_force_from = 2020-01-01
in_force_to = 2021-01-01
confidence = "H"
source = [{ title = "t", retrieved_on = 2026-11-24 }]
value = { role = "OFFICE" }

[[entry]]
id = "FR_X"
code = "X"
label = { fr = "Deux", en = "Two" }
in_force_from = 2021-01-01
confidence = "M"
source = [{ title = "t", retrieved_on = 2026-11-24 }]
value = { role = "OFFICE" }
"""


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str], Path]:
    def _write(text: str) -> Path:
        path = tmp_path / "bodies.toml"
        path.write_text(text, encoding="utf-8")
        return path

    return _write


def test_half_open(write: Callable[[str], Path]) -> None:
    first, second = read_entries(write(GOOD), Body)
    assert first.in_force(date(2020, 12, 31))
    assert not first.in_force(date(2021, 1, 1))
    assert second.in_force(date(2021, 1, 1))
    assert not first.unchecked(date(2020, 6, 1))
    assert second.unchecked(date(2022, 1, 1))


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ('code = "X"', 'code = "X"\ncoed = "Y"', "unknown field `coed`"),
        ('value = { role = "OFFICE" }', 'value = { role = "OFFICE", x = 1 }', "unknown field `x`"),
        ('value = { role = "OFFICE" }', 'value = { role = "CHEF" }', "Invalid enum value"),
        ('source = [{ title = "t", retrieved_on = 2026-11-24 }]', "source = []", "no source"),
        ('{ fr = "Un", en = "One" }', '{ fr = "Un" }', "missing required field `en`"),
        ('{ fr = "Un", en = "One" }', '{ fr = "Un", en = " " }', "lacks a label"),
        ("in_force_to = 2021-01-01", "in_force_to = 2021-06-01", "in force the same day"),
        ("in_force_to = 2021-01-01", "in_force_to = 2020-01-01", "ends before it starts"),
        ("in_force_to = 2021-01-01\n", "", "in force the same day"),
        ('confidence = "H"', 'confidence = "?"', "Invalid enum value"),
        ('id = "FR_X"', 'id = "EU_X"', "does not start with FR_"),
        ("schema = 1", "schema = 2", "schema"),
        ("schema = 1", 'schema = 1\nauthor = "x"', "unknown key 'author'"),
        ('kind = "body"', 'kind = "clock"', "expected 'body'"),
        ("[[entry]]", "[entry]", ""),
        ("in_force_from = 2020-01-01", 'in_force_from = "soon"', "in_force_from"),
    ],
)
def test_refused(write: Callable[[str], Path], old: str, new: str, fault: str) -> None:
    with pytest.raises(ReferenceRefused) as refused:
        read_entries(write(GOOD.replace(old, new, 1)), Body)
    assert fault in str(refused.value)
    assert "bodies.toml" in str(refused.value)


def test_not_utf8_and_not_toml(tmp_path: Path) -> None:
    for content in (b"\xff\xfe", b"= = ="):
        path = tmp_path / "x.toml"
        path.write_bytes(content)
        with pytest.raises(ReferenceRefused):
            read_entries(path, Body)


def test_overlap_across_files(tmp_path: Path) -> None:
    (tmp_path / "fr").mkdir()
    (tmp_path / "fr" / "a.toml").write_text(GOOD, encoding="utf-8")
    (tmp_path / "fr" / "b.toml").write_text(GOOD, encoding="utf-8")
    with pytest.raises(ReferenceRefused, match="same day"):
        read_catalogue(tmp_path)


def labels(tmp_path: Path, body: str) -> Path:
    path = tmp_path / "p.toml"
    path.write_text(f'schema = 1\nkind = "labels"\npackage = "p"\n{body}', encoding="utf-8")
    return path


@pytest.mark.parametrize(
    "body",
    [
        '[labels.k]\nA = { fr = "x {n}", en = "x" }',
        '[labels.k]\nA = { fr = "x {n:date}", en = "x {n}" }',
        '[labels.k]\nA = { fr = "x {n:nothing}", en = "x {n:nothing}" }',
        '[labels.k]\nA = { fr = "x {n", en = "x {n" }',
        '[labels.k]\nA = { fr = "x {n.real}", en = "x {n.real}" }',
        '[labels.k]\nA = { fr = "x", en = "" }',
        '[labels.k]\nA = { fr = "x", en = "y", de = "z" }',
    ],
)
def test_labels_refused(tmp_path: Path, body: str) -> None:
    with pytest.raises(ReferenceRefused):
        Words([read_labels(labels(tmp_path, body))])


def test_a_code_has_words_once(tmp_path: Path) -> None:
    file = read_labels(labels(tmp_path, '[labels.k]\nA = { fr = "x", en = "y" }'))
    with pytest.raises(ReferenceRefused, match="already"):
        Words([file, file])


def test_render(tmp_path: Path) -> None:
    body = (
        '[labels.color]\nRED = { fr = "rouge", en = "red" }\n'
        '[labels.because]\nA = { fr = "Vu : {n} le {d:date}, {c:color}, {p:percent} ?", '
        'en = "Seen: {n} on {d:date}, {c:color}, {p:percent}?" }\n'
        'T = { fr = "à {t:instant} {{}}", en = "at {t:instant} {{}}" }'
    )
    words = Words([read_labels(labels(tmp_path, body))])
    values = {"n": 12345, "d": "2026-11-01", "c": ["RED", "BLUE"], "p": 0.255}
    french_words = words.render("A", values, "fr")
    assert french_words == (
        "Vu\u00a0: 12\u202f345 le 1er\u00a0novembre 2026, rouge, BLUE, 26\u00a0%\u202f?"
    )
    english = words.render("A", values, "en")
    assert english == "Seen: 12,345 on 1\u00a0November 2026, red, BLUE, 26%?"
    moment = datetime(2026, 7, 1, 22, 30, tzinfo=UTC)
    assert words.render("T", {"t": moment}, "fr") == "à 2\u00a0juillet 2026 à 00:30 {}"
    for odd in ("9999-12-31T23:59:59-14:00", "0001-01-01T00:00:00+14:00"):
        assert odd in words.render("T", {"t": odd}, "en")
    assert words.render("NOPE", {"a": True}, "fr") == "NOPE a=oui"
    assert words.render("A", {}, "en").count("?") == 5


@given(st.text(), st.text())
def test_values_are_never_templates(value: str, other: str) -> None:
    """Braces and percent signs of a report's own text stay as they are."""
    rendered = CATALOGUE.render("ROUTE", {"body": "OFMIN", "article": value + "{x}" + other}, "en")
    assert value + "{x}" + other in rendered


def test_typography() -> None:
    assert french("« a » : b ; c ! 5 % n° 3") == (
        "«\u00a0a\u00a0»\u00a0: b\u202f; c\u202f! 5\u00a0% n°\u00a03"
    )
    assert french("https://a.example/?x=1:2") == "https://a.example/?x=1:2"


@pytest.mark.parametrize(
    ("kind", "enum"),
    [
        ("role", Role),
        ("report_kind", ReportKind),
        ("channel", Channel),
        ("person_role", PersonRole),
        ("selector_kind", SelectorKind),
        ("unhashed", Unhashed),
        ("selector_role", SelectorRole),
        ("written_difference", Difference),
        ("track", Track),
        ("reading", Reading),
        ("case_state", CaseState),
        ("queue_view", QueueView),
        ("transfer_state", ItemState),
        ("package_state", PackageState),
        ("alarm_state", AlarmState),
        ("measure_state", MeasureState),
        ("measure_kind", MeasureKind),
        ("addressee_kind", AddresseeKind),
        ("verdict", ApprovalVerdict),
        ("suspension_cause", SuspensionCause),
        ("referral_state", ReferralState),
        ("referral_outcome", ReferralOutcome),
    ],
)
def test_every_code_has_words(kind: str, enum: type) -> None:
    assert CATALOGUE.words.missing(kind, [member.value for member in enum]) == ()


def test_codes_used_by_the_law_have_words() -> None:
    for offence in CATALOGUE.entries(Offence):
        assert not CATALOGUE.words.missing("limitation", offence.value.limitation)
    bodies = [body.code for body in CATALOGUE.entries(Body)]
    assert not CATALOGUE.words.missing("body", bodies)


def test_measures_rest_on_227_23_alone() -> None:
    opening = {o.code for o in CATALOGUE.entries(Offence) if o.value.measures}
    assert opening == {"CP 227-23"}


def test_known_dates_of_the_law() -> None:
    assert CATALOGUE.by_code(Offence, "CP 222-23-1", date(2021, 4, 22)) is None
    assert CATALOGUE.by_code(Offence, "CP 222-23-1", date(2021, 4, 23)) is not None
    rape = CATALOGUE.by_code(Offence, "CP 222-23", date(2025, 11, 8))
    assert rape is not None
    assert rape.unchecked(date(2025, 11, 8))
    assert CATALOGUE.by_code(Body, "OFMIN", date(2023, 8, 30)) is None
    ambiguous = CATALOGUE.by_code(Offence, "CP 222-29-2", date(2026, 1, 1))
    assert ambiguous is not None
    assert ambiguous.value.limitation == ("P10", "P20")


def test_each_table_has_one_retention_class() -> None:
    tables = [t for entry in CATALOGUE.entries(Retention) for t in entry.value.tables]
    shared = {table for table in tables if tables.count(table) > 1}
    acts = {"casework_act", "casework_document", "casework_step", "casework_approval"}
    # Several kinds of sealed object, and of official act, each with its class.
    assert shared <= {"vault_object", *acts}
