"""The quick looks of the search words: the same words stay as by searching for every trace."""

import re

from hypothesis import example, given, strategies as st

from fanal.harmonise.domain.redaction import search
from fanal.harmonise.domain.redaction.search import fold

_LETTERS = st.text(st.sampled_from("aAbZéÉßſKİıςΣ\u0301ᎠꭰﬁÅ½가 .-_1@\u00a0\n"), max_size=30)
_ANY = _LETTERS | st.text(st.characters(exclude_categories=["Cs"]), max_size=30)


@given(_ANY)
@example("Zoé SS ΑΣ")
def test_a_text_is_folded_letter_by_letter(text: str) -> None:
    assert search._folded(text) == fold(text)


def without_looks(text: str, own: list[str]) -> str:
    """Return what `search._without` must: the rule, without its shortcuts."""
    numbers = {d[-9:] for whole in own if len(d := re.sub(r"\D", "", whole)) >= 6}
    words = {
        fold(word)
        for whole in own
        for word in re.findall(
            r"\w+", re.sub(r"\b\d{1,5}\b", " ", whole.rpartition("@")[0] or whole)
        )
        if len(word) > 1
    }
    for whole in own:
        if len(whole) >= 6:
            letters = [re.escape(letter) for letter in whole if not letter.isspace()]
            text = re.sub(r"[\s.\-]{0,2}".join(letters), " ", text, flags=re.IGNORECASE)

    def number(match: re.Match[str]) -> str:
        digits = re.sub(r"\D", "", match.group())
        return " " if any(digits.endswith(known) for known in numbers) else match.group()

    text = search._NUMBER.sub(number, text) if numbers else text
    return re.sub(r"\w+", lambda m: " " if fold(m.group()) in words else m.group(), text)


@given(_ANY, st.lists(_ANY.filter(bool), max_size=3, unique=True), st.data())
@example("call +33 6 12 34 56 78 or SKIIN", ["+33612345678"], None)
@example("sK\u0131\u0130ns at home", ["SKIINS"], None)
def test_what_is_left_out_is_what_the_rule_says(
    text: str, own: list[str], data: st.DataObject | None
) -> None:
    if data is not None and own:
        spaced = data.draw(st.sampled_from(("", " ", ".", "- ")))
        text += " " + spaced.join(data.draw(st.sampled_from(own)).swapcase())
    traces = frozenset(own)
    assert search._without(text, traces) == without_looks(text, list(traces))
