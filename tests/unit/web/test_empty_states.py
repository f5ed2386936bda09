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
        if "staticfiles" not in path.parts and "account_pages" not in path.parts
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
