"""Every guide of a user exists in French and English, with the same sections, and names what the interface says."""

import re
import tomllib

import pytest
from babel.messages.pofile import read_po

from tests.architecture.tree import ROOT, SOURCE

ENGLISH = ROOT / "docs/how-to"
FRENCH = ENGLISH / "fr"
OF_THE_PLATFORM = re.compile(r"operator-.*|extend")
"""Guides of those who operate or extend the platform: in English alone."""
GUIDES = sorted(p.stem for p in ENGLISH.glob("*.md") if not OF_THE_PLATFORM.fullmatch(p.stem))
BLOCK = re.compile(r"^```[^\n]*\n.*?^```$", re.MULTILINE | re.DOTALL)
CODE = re.compile(r"`[^`\n]*`")
NAMED = re.compile(r"(?<![*\w])\*(?![*\s])([^*]+?)(?<!\s)\*(?![*\w])")
"""Text in italics: what a page or a button says. Other stress is in bold."""
PARAMETER = re.compile(r"%\(\w+\)[sd]|\{\w+\}")
PLAIN_SPACE = re.compile(r" [;:!?»%](?=\s|$)|« |\d \d{3}\b")
COMMAND = re.compile(r"\bfanal [a-z]+(?: [a-z-]+)*")


def text_of(folder, guide):
    return (folder / f"{guide}.md").read_text()


def prose(text):
    return CODE.sub("", BLOCK.sub("", text))


def plain(words):
    """Return interface words for comparison: parameters as "…", one space, no end, lower case."""
    words = " ".join(PARAMETER.sub("…", words).split()).replace("'", "’")
    return words.rstrip(" .…:").lower()


def labels(node, language):
    if isinstance(node, dict):
        if isinstance(node.get("en"), str) and isinstance(node.get("fr"), str):
            yield node[language]
        for inner in node.values():
            yield from labels(inner, language)
    elif isinstance(node, list):
        for inner in node:
            yield from labels(inner, language)


@pytest.fixture(scope="module")
def interface():
    """Return for each language the words of all catalogues and labels."""
    said = {"en": set(), "fr": set()}
    for path in SOURCE.rglob("locale/fr/LC_MESSAGES/django.po"):
        with path.open("rb") as file:
            for message in read_po(file, locale="fr"):
                for language, texts in (("en", message.id), ("fr", message.string)):
                    several = [texts] if isinstance(texts, str) else texts
                    said[language] |= {plain(text) for text in several if text}
    for path in SOURCE.rglob("*.toml"):
        read = tomllib.loads(path.read_text())
        for language, words in said.items():
            words |= {plain(text) for text in labels(read, language)}
    return said


def test_each_guide_of_a_user_has_its_french_twin():
    assert {"analyst", "citizen", "overseer", "supervisor"} <= set(GUIDES)
    assert sorted(path.stem for path in FRENCH.glob("*.md")) == GUIDES


@pytest.mark.parametrize("guide", GUIDES)
def test_both_languages_lead_to_each_other_and_have_the_same_sections(guide):
    english, french = text_of(ENGLISH, guide), text_of(FRENCH, guide)
    assert english.splitlines()[2] == f"[En français](fr/{guide}.md)"
    assert french.splitlines()[2] == f"[In English](../{guide}.md)"
    levels = [
        re.findall(r"^#+(?= )", BLOCK.sub("", text), re.MULTILINE) for text in (english, french)
    ]
    assert levels[0] == levels[1]
    assert len(BLOCK.findall(english)) == len(BLOCK.findall(french))


@pytest.mark.parametrize("guide", GUIDES)
def test_both_languages_have_the_same_shape(guide):
    """Rows of tables, items of lists, commands and settings: an addition to one language is asked of the other."""
    english, french = text_of(ENGLISH, guide), text_of(FRENCH, guide)
    for shape in (r"^ *\* ", r"^ *\d+\. ", r"^\|", r"^!!!"):
        counts = [
            len(re.findall(shape, BLOCK.sub("", text), re.MULTILINE)) for text in (english, french)
        ]
        assert counts[0] == counts[1], shape
    for pattern in (COMMAND, re.compile(r"FANAL_[A-Z_]+"), re.compile(r"`(?:GET|POST|PUT) [^`]+`")):
        assert sorted(set(pattern.findall(english))) == sorted(set(pattern.findall(french)))


@pytest.mark.parametrize("language", ["en", "fr"])
@pytest.mark.parametrize("guide", GUIDES)
def test_a_guide_names_only_what_the_interface_says(guide, language, interface):
    text = prose(text_of(ENGLISH if language == "en" else FRENCH, guide))
    named = {" ".join(words.split()) for words in NAMED.findall(text)}
    assert [words for words in sorted(named) if plain(words) not in interface[language]] == []


@pytest.mark.parametrize("guide", GUIDES)
def test_the_french_has_the_french_typography(guide):
    text = prose(text_of(FRENCH, guide))
    assert PLAIN_SPACE.findall(text) == []
    assert re.findall(r"\w'\w", text) == []
