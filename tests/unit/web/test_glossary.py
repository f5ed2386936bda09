"""Terms that pages explain are those of the glossary, in both languages, and every term is used."""

import re
from pathlib import Path

import pytest

from fanal import web
from fanal.web.components.glossary import TERMS, term

_WEB = Path(web.__file__).parent
_GLOSSARY = Path(__file__).parents[3] / "docs/reference/glossary.md"
_LINE = re.compile(r"^\| ([^|]+) \| ([^|]+) \| ([^|]+) \| ([^|]+) \|$", re.MULTILINE)
_USED = re.compile(r'{% term "(\w+)" %}')


@pytest.mark.parametrize("code", TERMS)
def test_a_term_agrees_with_the_glossary(code: str) -> None:
    meanings = {line[0]: line[3] for line in _LINE.findall(_GLOSSARY.read_text("utf-8"))}
    assert meanings[TERMS[code]["term"]] == TERMS[code]["en"]
    assert TERMS[code]["fr"]
    assert not re.search(r" [;:!?»]", TERMS[code]["fr"]), "a French no-break space is missing"


def test_pages_use_each_term_and_no_other() -> None:
    pages = (p for p in _WEB.rglob("*.html") if "staticfiles" not in p.parts)
    assert {code for p in pages for code in _USED.findall(p.read_text())} == set(TERMS)


def test_two_definitions_on_a_page_are_apart() -> None:
    ids = {re.search(r'id="(term-\w+)"', str(term("x", "DOSSIER")))[1] for _ in range(9)}  # type: ignore[index]
    assert len(ids) == 9
