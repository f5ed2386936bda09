"""Instants on pages are written for people; a machine's form stands in attributes only."""

import re

from tests.architecture.tree import SOURCE, files, name

MACHINE = re.compile(r"\|date:.c.|\.isoformat")
ATTRIBUTE = re.compile(r'\b(datetime|value|data-[\w-]+)="[^"]*$')


def _spoken(text):
    """Return the places where a machine's form is text, and no attribute's value."""
    return [m.start() for m in MACHINE.finditer(text) if not ATTRIBUTE.search(text[: m.start()])]


def test_no_page_speaks_a_machine_s_instant():
    found = {
        name(path): places
        for path in files(".html")
        if path.is_relative_to(SOURCE) and (places := _spoken(path.read_text()))
    }
    assert found == {}


def test_the_rule_finds_the_fault_that_it_is_for():
    assert _spoken('<span class="visually-hidden">({{ at|date:"c" }})</span>')
    assert not _spoken("<time datetime=\"{{ at|date:'c' }}\">")
