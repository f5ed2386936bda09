"""Each page of a child's path is about as easy to read as a text of the sixth year of school.

Two measures: RIX, long words a sentence, with the school years of J. Anderson ("Lix and Rix", Journal of Reading 26,
1983: 2.4 ends the sixth); and for French the reading ease of Kandel and Moles (1958), high for easy texts. The library's
syllables are those at which words are hyphenated, fewer than the spoken ones: legal texts score some 80 instead of 60,
so 90 is asked here.
"""

import re
from collections.abc import Iterator
from types import ModuleType

import pytest
import time_machine
from django.test import Client
from django.utils import translation
from lxml import html

from fanal.web.public import sayings, wording
from fanal.web.public.steps import STEPS, Voice
from tests.integration.web.public.test_public_node import (
    CODE,
    NOW,
    _draft,
    fresh_limits,
    pytestmark,
    send,
)

__all__ = ["fresh_limits", "pytestmark"]
SIXTH_YEAR = 2.4
EASY = 90
EASY_SENTENCE = 65
LONGEST_SENTENCE = 18
"""In words."""
SHORT = 4
"""Words of a label, which is no sentence: it would make the sentences beside it look easy."""
BLOCKS = (
    "p",
    "legend",
    "label",
    "button",
    "h1",
    "h2",
    "h3",
    "dt",
    "summary",
    "a",
    "span",
    "strong",
)
ANSWERS = {
    "whom": {"whom": "CHILD"},
    "danger": {"danger": "YES"},
    "what": {"kind": "OTHER"},
    "meeting": {"meeting": "YES"},
    "you": {"contact": "ANONYMOUS"},
}


def measures() -> ModuleType:
    """Return the library that counts words and syllables; loaded by the tests that ask it, as it is slow to load."""
    import textstat

    return textstat


def sentences(texts: list[str]) -> list[str]:
    """Return the sentences of the texts, each once, without labels of a few words."""
    lines = (re.sub(r"\s+", " ", text).strip() for text in texts)
    ended = [line if line.endswith((".", "!", "?", ":", "…")) else f"{line}." for line in lines]
    parts = dict.fromkeys(part for line in ended for part in re.split(r"(?<=[.!?…:]) ", line))
    return [part for part in parts if measures().lexicon_count(part) >= SHORT]


def texts_of(page: str) -> list[str]:
    """Return the texts of a page's main part, one a block."""
    main = html.fromstring(page).find(".//main")
    assert main is not None
    leaves = (n for n in main.iter(*BLOCKS) if n.tag == "p" or n.find(".//span") is None)
    return [node.text_content() for node in leaves]


def rix(said: list[str]) -> float:
    return float(measures().rix(" ".join(said)))


def ease(said: list[str]) -> float:
    return float(measures().flesch_reading_ease(" ".join(said)))


def path(lang: str) -> Iterator[tuple[str, list[str]]]:
    """Walk as a child in danger who is to meet somebody, up to the follow-up; yield each page's sentences."""
    client, url = Client(), f"/{lang}/report/"
    page = client.get(url).content.decode()
    for step in STEPS[:-1]:
        yield step.name, sentences(texts_of(page))
        form = {"draft": _draft(page), "step": step.name, "go": "next"}
        page = client.post(url, form | ANSWERS.get(step.name, {})).content.decode()
    yield "check", sentences(texts_of(page))
    status, page = send(client, _draft(page))
    assert status == 201
    yield "receipt", sentences(texts_of(page))
    code = CODE.search(page)
    assert code is not None
    for name, typed in (("follow", code.group(1)), ("wrong code", "x")):
        page = client.post(f"/{lang}/follow/", {"code": typed}).content.decode()
        yield name, sentences(texts_of(page))


@pytest.fixture(params=["fr", "en"])
def lang(request: pytest.FixtureRequest) -> Iterator[str]:
    """The language of the pages, in which the library measures too."""
    lang = str(request.param)
    measures().set_lang(
        "fr"
    )  # the French way of counting words asks for no download; RIX does not differ
    with translation.override(lang):
        yield lang
    measures().set_lang("en")


def said_to_a_child() -> dict[str, list[str]]:
    """Return the sentences of errors and of messages that a walk does not show."""
    errors = (*wording.PROBLEMS.values(), wording.TOO_LONG)
    return {
        "messages": sentences([str(text) for text in sayings.said_to(Voice.CHILD).values()]),
        "errors": sentences([str(saying.to(Voice.CHILD)) for saying in errors]),
    }


def test_each_page_and_each_message_is_easy(lang: str) -> None:
    with time_machine.travel(NOW, tick=False):
        pages = dict(path(lang))
    pages |= said_to_a_child()
    assert len(pages) == len(STEPS) + 5
    hard = {name: rix(said) for name, said in pages.items() if rix(said) > SIXTH_YEAR}
    assert hard == {}
    every = [sentence for said in pages.values() for sentence in said]
    assert [s for s in every if measures().lexicon_count(s) > LONGEST_SENTENCE] == []
    if lang == "fr":
        assert {name: ease(said) for name, said in pages.items() if ease(said) < EASY} == {}
        whole = [sentence for sentence in every if measures().lexicon_count(sentence) > SHORT]
        assert [(s, ease([s])) for s in whole if ease([s]) < EASY_SENTENCE] == []


def test_the_measures_tell_a_text_for_adults() -> None:
    measures().set_lang("fr")
    for page in ("legal", "privacy", "accessibility"):
        said = sentences(texts_of(Client().get(f"/fr/{page}/").content.decode()))
        assert rix(said) > SIXTH_YEAR, page
        assert ease(said) < EASY, page
    measures().set_lang("en")
