"""The letter of a referral says what was computed, and nothing that was not."""

from datetime import date
from uuid import UUID

import pytest

from fanal import reference
from fanal.judicial.domain.letters import referral_text
from fanal.judicial.domain.records import ReferralFacts
from fanal.orient.domain.records import Basis

CATALOGUE = reference.load()
FACTS = ReferralFacts(
    report_id=UUID(int=2),
    kind="GROOMING",
    channel="GAME",
    platform=None,
    first_day=date(1994, 5, 1),
    last_day=date(1994, 5, 1),
    country="FR",
    locality=None,
    victims=1,
    victim_ages=(12,),
    suspects=1,
    files=0,
    addresses=(),
    selectors=(),
)
OFFENCES = CATALOGUE.entries(reference.Offence)


@pytest.mark.parametrize("lang", ["fr", "en"])
def test_no_rule_of_limitation_is_applied_that_was_not_computed(lang: str) -> None:
    bases = tuple(Basis(entry_id=o.entry_id, code=o.code) for o in OFFENCES[:3])
    text = referral_text(
        FACTS,
        referral_id=UUID(int=1),
        body=CATALOGUE.entries(reference.Body)[0].code,
        bases=bases,
        summary="",
        catalogue=CATALOGUE,
        lang=lang,
    )
    rules = {code for offence in OFFENCES for code in offence.value.limitation}
    assert rules
    said = [CATALOGUE.label("limitation", code, lang) for code in rules]
    assert [words for words in said if words in text] == []
    assert "rescription" not in text
    assert "imitation" not in text
    assert [line[0] for line in text.splitlines() if line[1:3] == ". "] == list("12345")
