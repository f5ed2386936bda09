"""Rules of the desk's own: their name stands in the rule set, goes with each reason and with a floor."""

from uuid import UUID

import pytest
from msgspec import structs

from fanal.analyse.priority.domain.rules import (
    PriorityRules,
    Rule,
    check_rules,
    read_rules,
    shipped_rules,
    write_rules,
)
from fanal.analyse.priority.domain.scoring import compare, priority_of
from fanal.kernel.refusal import Refusal
from fanal.reference import render
from fanal.reference.records import Text

RULES = shipped_rules()[-1]
FRENCH, ENGLISH = "Beaucoup de liens : à voir", 'Many "links"\\ – <b>see</b> {value}'


def own(**changed: object) -> Rule:
    rule = Rule(
        code="DESK_LINKS",
        fact="links",
        points=7.5,
        source="the desk",
        checked_by="UNCHECKED",
        label=Text(fr=FRENCH, en=ENGLISH),
    )
    return structs.replace(rule, **changed)


def with_rule(rule: Rule) -> PriorityRules:
    return structs.replace(RULES, rule=(*RULES.rule, rule))


def test_a_label_is_written_and_read_in_both_languages() -> None:
    rules = with_rule(own(at_least=2, at_most=35.5))
    assert read_rules(write_rules(rules)) == rules
    assert own().name("fr") == "Beaucoup de liens\u00a0: à voir"
    assert own().name("en") == ENGLISH


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"label": Text(fr="", en="Links")}, "LABEL_FR"),
        ({"label": Text(fr="Liens", en=" ")}, "LABEL_EN"),
        ({"label": Text(fr="a" * 81, en="Links")}, "LABEL_FR"),
        ({"label": Text(fr="Li\u202eens", en="Links")}, "LABEL_FR"),
        ({"label": Text(fr="Li\nens", en="Links")}, "LABEL_FR"),
        ({"floor": 80}, "FLOOR_UNCHECKED"),
        ({"floor": 95, "checked_by": "the desk"}, "FLOOR_OWN"),
        ({"floor": -1, "checked_by": "the desk"}, "FLOOR"),
        ({"floor": 80, "checked_by": " "}, "SOURCE"),
        ({"cap": -1.0}, "CAP"),
        ({"cap": float("nan")}, "CAP"),
        ({"points": float("nan")}, "POINTS"),
        ({"at_least": float("nan")}, "BOUNDS"),
        ({"at_most": float("inf")}, "BOUNDS"),
        ({"at_least": 3.0, "at_most": 2.0}, "BOUNDS"),
        ({"label": None, "floor": 80, "at_most": 5.0, "floor_from": 6.0}, "FLOOR_FROM"),
        ({"label": None, "floor": 80, "floor_from": float("nan")}, "FLOOR_FROM"),
        ({"label": None, "floor_from": 2.0}, "FLOOR_FROM"),
        ({"code": "SPAM"}, "CODE_TWICE"),
    ],
)
def test_what_breaks_a_guarantee_is_refused(changed: dict[str, object], code: str) -> None:
    with pytest.raises(Refusal) as refused:
        check_rules(with_rule(own(**changed)))
    assert refused.value.code == code


def test_a_reason_says_the_rule_in_its_own_words_whoever_reads() -> None:
    before = priority_of(UUID(int=1), {"links": 3}, RULES)
    after = priority_of(UUID(int=1), {"links": 3}, with_rule(own()))
    because = after.parts[0].because
    assert render(because.code, because.parameters, "fr") == (
        "Beaucoup de liens\u00a0: à voir (valeur\u00a0: 3)"
    )
    assert render(because.code, because.parameters, "en") == f"{ENGLISH} (value: 3)"
    for old, new, told in ((before, after, "0 points before, 7.5 after"),
                           (after, before, "7.5 points before, 0 after")):  # fmt: skip
        (reason, *_) = compare(old, new).because
        assert render(reason.code, reason.parameters, "en") == f"{ENGLISH}: {told}"


def test_a_fact_that_only_holds_shows_no_value() -> None:
    because = (
        priority_of(UUID(int=1), {"in_dossier": 1}, with_rule(own(fact="in_dossier")))
        .parts[0]
        .because
    )
    assert render(because.code, because.parameters, "en") == ENGLISH


def floored(**changed: object) -> Rule:
    return own(**({"floor": 80, "floor_from": 3.0, "checked_by": "the desk"} | changed))


@pytest.mark.parametrize(
    ("links", "score", "floor"), [(0, 0, None), (2, 8, None), (3, 80, "DESK_LINKS")]
)
def test_a_checked_rule_of_the_desk_s_own_sets_its_floor_from_where_it_says(
    links: int, score: int, floor: str | None
) -> None:
    facts = {"links": links} if links else {}
    got = priority_of(UUID(int=1), facts, read_rules(write_rules(with_rule(floored()))))
    assert (got.score, got.floor) == (score, floor)


def test_its_floor_is_told_by_its_words_in_the_why_and_in_a_dry_run() -> None:
    before = priority_of(UUID(int=1), {"links": 3}, RULES)
    after = priority_of(UUID(int=1), {"links": 3}, with_rule(floored()))
    part = after.parts[-1]
    assert (part.code, part.points) == ("PRIORITY_FLOOR", 72)
    for lang, words in (
        ("fr", "Beaucoup de liens\u00a0: à voir\u00a0: jamais moins de 80"),
        ("en", f"{ENGLISH}: never less than 80"),
    ):
        assert render(part.because.code, part.because.parameters, lang) == words
    told = {
        render(reason.code, reason.parameters, "fr") for reason in compare(before, after).because
    }
    assert told == {
        "Beaucoup de liens\u00a0: à voir\u00a0: 0 point avant, 7,5 après",
        "Plancher de «\u00a0Beaucoup de liens\u00a0: à voir\u00a0»\u00a0: 0 point avant, 72 après",
        "Arrondi\u00a0: 0 point avant, 0,5 après",
    }


def test_a_child_in_danger_comes_before_the_highest_floor_of_the_desk_s_own() -> None:
    rules = with_rule(floored(floor=94, points=100))
    got = priority_of(UUID(int=1), {"emergency": 1, "links": 9}, rules)
    assert (got.score, got.floor, got.level) == (95, "CHILD_IN_DANGER", "DANGER")
    assert priority_of(UUID(int=1), {"links": 9}, rules).level == "HIGH"
