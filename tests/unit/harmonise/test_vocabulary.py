"""The bridge between vocabularies: complete, joined, and honest about what a step loses."""

import msgspec
import pytest

from fanal.formats.report.records import ReportKind
from fanal.harmonise.domain.datafiles import DataFileBroken, load
from fanal.harmonise.domain.vocabulary import (
    BRIDGE,
    Bridge,
    categories_of,
    checked_bridge,
    is_known,
    map_code,
)


def codes(scheme: str) -> tuple[str, ...]:
    return next(s.codes for s in BRIDGE.scheme if s.code == scheme)


def test_every_scheme_of_the_trade_is_there_with_its_source() -> None:
    assert {s.code for s in BRIDGE.scheme} >= {
        *("REPORT_KIND", "NCMEC_INCIDENT", "NCMEC", "COPINE", "DSA", "XARF_CSAM", "XARF_CSEM"),
        *("INTERPOL", "VICS-FR"),
    }
    assert all(scheme.source for scheme in BRIDGE.scheme)


def test_report_kinds_are_those_of_the_format() -> None:
    assert set(codes("REPORT_KIND")) == {kind.value for kind in ReportKind}


@pytest.mark.parametrize("scheme", ["NCMEC_INCIDENT", "DSA", "XARF_CSEM", "NCMEC"])
def test_every_class_of_a_scheme_leads_to_a_report_kind(scheme: str) -> None:
    assert [c for c in codes(scheme) if not map_code(scheme, c, "REPORT_KIND")] == []


def test_every_kind_but_other_leads_out() -> None:
    kinds = [k for k in codes("REPORT_KIND") if k != "OTHER"]
    assert [k for k in kinds if not map_code("REPORT_KIND", k, "NCMEC_INCIDENT")] == []
    assert [k for k in kinds if not map_code("REPORT_KIND", k, "XARF_CSEM")] == ["ABUSE_MATERIAL"]


def test_a_step_there_and_back_that_does_not_return_is_marked_lossy() -> None:
    lossless = [step for step in BRIDGE.step if not step.lossy]
    for step in lossless:
        back = map_code(*step.target, step.source[0])
        assert not back or any(b.target == step.source for b in back), step


def test_two_classes_that_fall_together_are_marked_lossy_but_one() -> None:
    arrivals: dict[tuple[str, tuple[str, str]], int] = {}
    for step in BRIDGE.step:
        if not step.lossy and step.source[0] != "COPINE":
            place = (step.source[0], step.target)
            arrivals[place] = arrivals.get(place, 0) + 1
    assert {place for place, count in arrivals.items() if count > 1} == set()


def test_a_class_without_step_is_seen_and_not_lost() -> None:
    (only,) = categories_of("VICS-FR", "3")
    assert (only.code, only.maps_to, only.lossy) == ("3", "", True)
    (unknown,) = categories_of("NCMEC", "Z9")
    assert unknown.maps_to == ""
    assert not is_known("NCMEC", "Z9")
    assert is_known("NCMEC", "A1")


def test_each_category_names_the_version_that_made_it() -> None:
    found = categories_of("NCMEC", "B1")
    assert {c.bridge_version for c in found} == {BRIDGE.version}
    assert {c.maps_to for c in found} >= {"XARF_CSAM:B1", "REPORT_KIND:ABUSE_MATERIAL"}


@pytest.mark.parametrize(
    "broken",
    [
        {"step": [{"from": ["X", "1"], "to": ["X", "2"]}]},
        {"step": [{"from": ["X", "1"], "to": ["Y", "1"]}]},
        {"step": [{"from": ["X", "1"], "to": ["X", "1"]}] * 2},
    ],
)
def test_a_bridge_with_a_loose_end_is_refused(broken: dict[str, object]) -> None:
    scheme = {"code": "X", "source": "s", "codes": ["1"]}
    bridge = msgspec.convert({"version": "1", "scheme": [scheme], **broken}, Bridge)
    with pytest.raises(DataFileBroken):
        checked_bridge(bridge)


def test_unknown_keys_and_absent_files_are_refused() -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"version": "1", "scheme": [], "step": [], "note": ""}, Bridge)
    with pytest.raises(DataFileBroken):
        load("absent.toml", Bridge)
    with pytest.raises(DataFileBroken):
        load("tracking.toml", Bridge)
