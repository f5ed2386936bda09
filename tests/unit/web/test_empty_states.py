"""Every empty list of a page says more than that it is empty: what it will show, or the next step."""

import re
from pathlib import Path

import pytest

from fanal import web

_WEB = Path(web.__file__).parent
_BLOCK = re.compile(r'<div class="[^"]*\bfn-empty\b[^"]*">.*?</div>', re.DOTALL)
_SENTENCE = re.compile(r'{% translate "([^"]+)" %}')
_TWO_PARTS = re.compile(r"[.:] \S")


def _blocks() -> list[tuple[str, str]]:
    return [
        (path.name, block)
        for path in sorted(_WEB.rglob("*.html"))
        if "staticfiles" not in path.parts
        for block in _BLOCK.findall(path.read_text())
    ]


@pytest.mark.parametrize(("page", "block"), _blocks())
def test_an_empty_state_names_what_comes_or_the_next_step(page: str, block: str) -> None:
    sentences = _SENTENCE.findall(block)
    helps = (
        "<a " in block
        or block.count("<p") > 1
        or any(_TWO_PARTS.search(said) or said.startswith("Choose") for said in sentences)
    )
    assert helps, f"{page}: {sentences}"


_LINE = re.compile(r"{% empty %}((?:(?!{% for|{% empty).)*?){% endfor %}", re.DOTALL)


def _lines() -> list[tuple[str, str]]:
    return [
        (path.name, said)
        for path in sorted(_WEB.rglob("*.html"))
        if "staticfiles" not in path.parts
        for line in _LINE.findall(path.read_text())
        if (said := " ".join(_SENTENCE.findall(line))).endswith(".")
    ]


STATES = {
    "Every opinion was taken back.",
    "Every opening has been seen by another person.",
    "Give your login and your password.",
    "No decision was taken.",
    "No reason recorded.",
    "No report here.",  # of a kind: the list itself says what to do
    "No term runs.",
    "None.",
}
"""Sentences that state a fact of the object shown, and wait for nothing."""


def test_an_empty_line_of_a_list_says_more_than_that_it_is_empty() -> None:
    assert len(_lines()) > 12
    short = {said for _page, said in _lines() if not _TWO_PARTS.search(said)}
    assert short == STATES
