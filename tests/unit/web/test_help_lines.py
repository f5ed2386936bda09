"""What public pages say of the numbers to call: plainly, and each is listed for the operator."""

import re

import pytest

from fanal.web.public.help_lines import HELP_LINES
from tests.architecture.tree import SOURCE, files, name

CAVEAT = re.compile(
    r"unchecked|not (?:yet )?been checked|non vérifié|pas encore été (?:contrôlé|vérifié)", re.I
)
NUMBER = re.compile(r"tel:(\d+)|\b(?:text|message to|au) (\d{2,4})\b")
PUBLIC = [
    path
    for path in files(".html", ".po")
    if path.is_relative_to(SOURCE / "web/public")
    or path.name in {"base_public.html", "actions.html"}
]


@pytest.mark.parametrize("path", PUBLIC, ids=name)
def test_no_public_page_shows_a_caveat_of_ours(path):
    assert CAVEAT.findall(path.read_text()) == []


def test_each_number_on_a_public_page_is_listed():
    shown = {
        digits
        for path in PUBLIC
        for found in NUMBER.findall(path.read_text())
        for digits in found
        if digits
    }
    assert shown == {line.number for line in HELP_LINES}
