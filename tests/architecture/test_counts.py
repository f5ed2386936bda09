"""A number and the noun beside it agree: for 0, 1 and more, in both languages.

What is looked at: a parameter followed, within three words, by one that ends like a plural. Such a word takes the form
of its number (`{count:point|points}` in labels, two forms in a catalogue) or stands before a number, after a colon.
Irregular plurals, and numbers that a template or a module puts beside words by itself, are not seen here.
"""

import re
import tomllib
from pathlib import Path

import pytest
from babel.messages.pofile import read_po

from fanal import reference
from tests.architecture.test_labels import LABELS, walk
from tests.architecture.test_languages import CATALOGUES

AFTER = r"[ \u00a0\u202f]+((?:[^\W\d_][\w’'-]*)(?: [^\W\d_][\w’'-]*){0,2})"
IN_LABEL = re.compile(r"\{(\w+)\}" + AFTER)
IN_SENTENCE = re.compile(r"%(?:\((\w+)\))?[sd]" + AFTER)
NO_PLURAL = {
    "acknowledges", "allows", "après", "as", "aux", "ces", "chez", "dans", "depuis", "des", "does",
    "fois", "has", "holds", "is", "its", "les", "mais", "pas", "plus", "puis", "sans", "ses", "sous",
    "tells", "this", "us", "vers", "was",
}  # fmt: skip
"""Words that end like a plural and are none, or have one form."""
NO_NUMBER = {"article", "list", "name", "part", "path", "reference", "speaker", "year"}
"""Parameters that are no number."""
ALWAYS_SEVERAL = {
    "cap", "learning", "long", "maximum", "minutes", "most", "shown", "withdrawn_days",
}  # fmt: skip
"""Bounds of the program itself, all above one; so is `n` where it is the least of something."""
YOURS = {"(%(n)s yours)", "(dont %(n)s à vous)"}


def disagreeing(pattern: re.Pattern[str], text: str) -> list[str]:
    found = []
    for parameter, words in pattern.findall(text):
        plural = [
            word
            for word in words.split()
            if len(word) > 1 and word[-1] in "sx" and word.lower() not in NO_PLURAL
        ]
        least = parameter == "n" and re.search(r"at least|au moins|d’au moins", text)
        several = ALWAYS_SEVERAL if not least else ALWAYS_SEVERAL | {"n"}
        if plural and parameter and parameter not in NO_NUMBER | several:
            found.append(f"{parameter}: {words}")
    return found


@pytest.mark.parametrize("path", LABELS, ids=lambda path: path.stem)
def test_a_label_has_the_form_of_its_number(path: Path):
    found = {
        ".".join((*keys, lang)): disagreeing(IN_LABEL, text)
        for keys, words in walk(tomllib.loads(path.read_text()))
        for lang, text in words.items()
        if isinstance(text, str)
    }
    assert {where: what for where, what in found.items() if what} == {}


@pytest.mark.parametrize("path", CATALOGUES, ids=lambda path: path.parts[-5])
def test_a_sentence_of_a_page_has_two_forms(path: Path):
    with path.open("rb") as file:
        entries = [m for m in read_po(file, locale="fr") if isinstance(m.id, str) and m.id]
    texts = [str(text) for m in entries for text in (m.id, m.string) if text not in YOURS]
    assert {t: what for t in texts if (what := disagreeing(IN_SENTENCE, t))} == {}


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("{count} points avant", 1),
        ("{count} petits paiements en", 1),
        ("{count} even payments to", 1),
        ("{count} {count:point|points} avant", 0),
        ("signalements : {count}", 0),
        ("{name} is away", 0),
    ],
)
def test_the_look_itself(text: str, found: int):
    assert len(disagreeing(IN_LABEL, text)) == found


@pytest.mark.parametrize(
    ("before", "fr", "en"),
    [
        (0, "0 point avant", "0 points before"),
        (1, "1 point avant", "1 point before"),
        (1.5, "1,5 point avant", "1.5 points before"),
        (-1, "\u22121 point avant", "\u22121 point before"),
        (2, "2 points avant", "2 points before"),
        (1600, "1\u202f600 points avant", "1,600 points before"),
    ],
)
def test_both_languages_count_in_their_own_way(before: float, fr: str, en: str):
    said = {"words": ["Une règle", "A rule"], "before": before, "after": 3}
    assert fr in reference.render("OWN_RULE_CHANGED", said, "fr")
    assert en in reference.render("OWN_RULE_CHANGED", said, "en")
