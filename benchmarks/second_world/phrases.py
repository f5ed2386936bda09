"""Neutral sentences of reports, from `phrases.toml`, and their badly written variants."""

import tomllib
from collections.abc import Mapping
from pathlib import Path

from benchmarks.truth.dice import Dice

_DATA = tomllib.loads((Path(__file__).parent / "phrases.toml").read_text(encoding="utf-8"))
_BY_LANGUAGE: Mapping[str, Mapping[str, list[str]]] = _DATA["languages"]
_OTHERS: Mapping[str, list[str]] = _DATA["others"]
LANGUAGES = tuple(_BY_LANGUAGE)
_WEEKDAYS = ("lundi", "mardi", "jeudi", "vendredi soir", "samedi", "dimanche matin")
_TOWNS = (
    "Valfleury",
    "Pont-Aubert",
    "Brévanne",
    "Kirkbourne",
    "Altenroda",
    "Villarreina",
    "Morvenez",
    "Brzegowo",
)
_ABBREVIATED = (
    ("vous", "vs"),
    ("que ", "ke "),
    ("c'est", "c"),
    ("quelqu'un", "qqn"),
    ("toujours", "tjrs"),
    ("pour", "pr"),
    ("beaucoup", "bcp"),
    ("é", "e"),
    ("è", "e"),
    ("ê", "e"),
    ("à", "a"),
)


def sentence(
    dice: Dice, language: str, kind: str, values: Mapping[str, str], *, careless: bool
) -> str:
    """Return a random sentence of `kind` in `language`, filled with `values`; missing ones are random.

    `careless`: its words are badly written, never the values.
    """
    drawn: dict[str, object] = {
        "n": dice.between(3, 19),
        "a": dice.between(9, 16),
        "c": dice.one(("6e", "5e", "4e", "CM2")),
        "h": dice.between(7, 23),
        "r": dice.between(100, 9999),
        "d": dice.one(_WEEKDAYS)
        if language == "fr"
        else f"{dice.between(1, 28)}/{dice.between(1, 12)}",
        "t": dice.one(_TOWNS),
    }
    text = dice.one(_BY_LANGUAGE[language][kind])
    return (_badly_written(dice, text) if careless else text).format_map({**drawn, **values})


def variety(language: str, kind: str) -> int:
    """Return the number of sentences of `kind` in `language`."""
    return len(_BY_LANGUAGE[language].get(kind, ()))


def footer(service: str, number: int) -> str:
    """Return the standard text at the end of the reports of `service`, with mailboxes or numbers of its own.

    `number` chooses the text and makes the number.
    """
    texts = _OTHERS["footers"]
    return texts[number % len(texts)].format(s=service, n=f"{900 + number}", n2=f"{10 + number}")


def chain_letter(number: int, handle: str, page: str) -> str:
    """Return a text that strangers pass on, always the same for the same arguments.

    It contains the user name `handle` and the URL `page`; `number` chooses the text.
    """
    texts = _OTHERS["chain_letters"]
    return texts[number % len(texts)].format(h=handle, u=page)


def odd_words(dice: Dice) -> str:
    """Return a distinctive sentence of some twenty words without meaning, as evidence of one author."""
    parts = [
        f"{dice.one(_OTHERS['verbs'])} {dice.between(2, 99)} fois la {dice.one(_OTHERS['nouns'])} "
        f"et le {dice.one(_OTHERS['nouns'])} {dice.one(_OTHERS['places'])}"
        for _ in range(2)
    ]
    return " puis ".join(parts)


def _badly_written(dice: Dice, text: str) -> str:
    """Return `text` as typed in haste: abbreviated, without accents, in lower case, mistyped."""
    for good, bad in _ABBREVIATED:
        if dice.happens(0.6):
            text = text.replace(good, bad)
    if dice.happens(0.6):
        text = text[:1].lower() + text[1:].rstrip(".")
    words = text.split(" ")
    place = dice.below(len(words))
    if dice.happens(0.3) and words[place].isalpha() and len(words[place]) > 3:
        words[place] = dice.mistyped(words[place])
    return " ".join(words)
