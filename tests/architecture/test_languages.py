"""French is complete: each sentence of a page has a translation, none is fuzzy or stale."""

import ast
import re
from collections import defaultdict

import pytest
from babel.messages.pofile import read_po
from django.utils.translation.template import templatize

from tests.architecture.tree import SOURCE, files, name

CATALOGUES = [p for p in files(".po") if p.is_relative_to(SOURCE)]
CALL = re.compile(
    r"""\b(_|n?gettext|n?pgettext)\((?:u?'[^']*', )?u?("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')"""
)
FUNCTIONS = {
    "gettext",
    "gettext_lazy",
    "_",
    "ngettext",
    "ngettext_lazy",
    "pgettext",
    "pgettext_lazy",
}


def catalogues():
    known = defaultdict(set)
    for path in CATALOGUES:
        with path.open("rb") as file:
            for message in read_po(file, locale="fr"):
                if message.id:
                    known[path].update(
                        message.id if isinstance(message.id, tuple) else (message.id,)
                    )
    return known


def messages_of_template(path):
    for _function, literal in CALL.findall(templatize(path.read_text(), origin=str(path))):
        yield ast.literal_eval(literal)


def messages_of_module(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call) and called(node) in FUNCTIONS and node.args:
            position = 1 if called(node).startswith("pgettext") else 0
            argument = node.args[position]
            if isinstance(argument, ast.Constant) and isinstance(argument.value, str):
                yield argument.value


def called(node):
    function = node.func
    return function.id if isinstance(function, ast.Name) else getattr(function, "attr", "")


def test_every_sentence_of_a_page_is_in_a_french_catalogue():
    known = set().union(*catalogues().values())
    missing = [
        f"{name(path)}: {text}"
        for path in files(".html", ".py")
        if path.is_relative_to(SOURCE / "web") or path.is_relative_to(SOURCE / "config")
        for text in (messages_of_template if path.suffix == ".html" else messages_of_module)(path)
        if text not in known
    ]
    assert missing == []


@pytest.mark.parametrize("path", CATALOGUES, ids=name)
def test_no_entry_is_empty_or_fuzzy(path):
    with path.open("rb") as file:
        entries = [m for m in read_po(file, locale="fr") if m.id]
    bad = [
        str(m.id)
        for m in entries
        if m.fuzzy or not (all(m.string) if isinstance(m.string, tuple) else m.string)
    ]
    assert bad == []


def test_one_sentence_has_one_translation():
    """Catalogues are merged as Django loads them: of two translations of a sentence the last one is everywhere."""
    found = defaultdict(set)
    for path in CATALOGUES:
        with path.open("rb") as file:
            for message in read_po(file, locale="fr"):
                if message.id:
                    found[message.context, message.id].add(message.string)
    assert {key: several for key, several in found.items() if len(several) > 1} == {}
