"""Categories: versioned by country; one that a country's model does not have costs its entries alone."""

import pytest

from fanal.formats.refusal import DocumentFault, FormatRefused
from fanal.formats.vics.hashset import Selection
from fanal.formats.vics.model import CategoryUse, read_vocabulary, vocabularies, vocabulary_of
from tests.formats.test_vics import MD5, SAMPLES, hash_set, load


def test_an_entry_of_a_category_that_no_country_has_is_left_out_and_told() -> None:
    good = [{"MD5": f"{n:032x}", "Category": 1} for n in range(3)]
    odd = [{"MD5": MD5, "Category": code} for code in (77, "77", " 1a ")]
    chosen = Selection()
    assert [item.line for item in load(hash_set(*odd, *good), chosen)] == [4, 5, 6]
    assert chosen.unlisted.counts == {"VICS-US:77": 2, "VICS-US:1a": 1}
    assert chosen.unlisted.places["VICS-US:77"] == ["value[1]/Category", "value[2]/Category"]
    assert not chosen.left_out
    assert not chosen.entries.counts
    assert [i.line for i in load(hash_set(*odd, *good), Selection(harmless=True))] == []
    named = load(hash_set(*odd, *good), Selection(categories=frozenset({"77"})))
    assert [item.classification for item in named] == ["VICS-US:77"] * 2
    # One more, and most of the file is of no country's categories.
    with pytest.raises(FormatRefused) as refused:
        load(hash_set(*odd, *good[1:]))
    assert refused.value.code is DocumentFault.UNKNOWN_CODE
    assert refused.value.parameters == {"count": 3, "of": 5}


def test_each_vocabulary_is_versioned_and_says_what_is_not_checked() -> None:
    assert set(vocabularies()) == {"US", "UK", "FR", "DEFAULT", "CUSTOM"}
    for country, vocabulary in vocabularies().items():
        assert vocabulary.scheme == f"VICS-{country}"
        assert vocabulary.version
        assert vocabulary.source
    checked = {c.code: c.use for c in vocabulary_of("us").category if c.checked}
    assert checked == {"0": CategoryUse.HARMLESS, "5": CategoryUse.OTHER}
    assert vocabulary_of("ATLANTIS").scheme == "VICS-DEFAULT"
    text = (SAMPLES.parent / "categories/us.toml").read_text(encoding="utf-8")
    with pytest.raises(ValueError, match="twice"):
        read_vocabulary(text.replace('code = "1"', 'code = "0"'))
