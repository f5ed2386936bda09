"""Every code that analyse can produce has words in both languages, with the parameters it is given."""

import re
from pathlib import Path

import pytest

from fanal.analyse.payments.domain.indicators import load_typologies
from fanal.analyse.priority.domain import facts, rules
from fanal.analyse.signals.domain import lexicon
from fanal.analyse.signals.domain.lexicon import load_lexicon
from fanal.reference.catalogue import Catalogue, load

DOMAIN = Path(lexicon.__file__).parent
NOT_SHOWN = {"DETAIL_TIME", "DETAIL_PLACE"}


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return load()


def codes_in_source(pattern: str) -> set[str]:
    return {c for p in DOMAIN.rglob("*.py") for c in re.findall(pattern, p.read_text("utf-8"))}


def test_findings_rules_and_contexts(catalogue: Catalogue) -> None:
    meanings = load_lexicon().meanings
    signals = {m.code for m in meanings if isinstance(m, lexicon.Signal)} - NOT_SHOWN
    contexts = {m.code for m in meanings if isinstance(m, lexicon.Context)}
    typologies = load_typologies()
    indicators = {i.code for i in (*typologies.indicator, *typologies.lowers)}
    shipped = {rule.code for rule_set in rules.shipped_rules() for rule in rule_set.rule}
    literal = codes_in_source(r'code="([A-Z_]{4,})"') - {"X"}
    words = catalogue.words
    assert words.missing("finding", signals | indicators) == ()
    assert words.missing("phrase_context", contexts) == ()
    assert words.missing("priority_rule", shipped) == ()
    assert words.missing("because", shipped | indicators) == ()
    known = {*words.codes("finding"), *words.codes("because")}
    assert literal - known == set()


def test_a_reason_reads_well_in_both_languages(catalogue: Catalogue) -> None:
    parameters = {"speaker": "A", "phrase": "garde le secret", "count": 2, "contexts": ["FAMILY"]}
    render = catalogue.words.render
    assert render("PHRASE_SPOKEN_WEAKENED", parameters, "fr") == (
        "A écrit «\u00a0garde le secret\u00a0» (2 fois en tout)\u202f; affaibli par\u00a0: contexte familial"
    )
    assert render("PHRASE_SPOKEN_WEAKENED", parameters, "en") == (
        "A writes “garde le secret” (2 in all); weakened by: family context"
    )


def test_every_fact_and_its_unit_has_words(catalogue: Catalogue) -> None:
    missing = catalogue.words.missing
    assert missing("priority_fact", facts.FACTS) == ()
    assert missing("fact_unit", facts.Unit) == ()
    assert set(catalogue.words.codes("priority_fact")) <= facts.FACTS.keys()
