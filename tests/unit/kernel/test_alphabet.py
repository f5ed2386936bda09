"""Names sort as a dictionary does, whatever the locale of the database."""

import re

from fanal.kernel.texts import alphabetical
from tests.architecture.tree import SOURCE, files, name

BY_NAME = re.compile(
    r"""ORDER\ BY\ [^"{]*\b(?<!rel)(?<!dat)name\b | order_by\([^)]*name"(?!")""", re.VERBOSE
)


def test_accents_and_capitals_do_not_count():
    names = ["Zoé", "élise", "Sallé", "Élise", "Eva", "Œuvre", "Oslo", "Ordre", "Éric"]
    expected = ["Élise", "élise", "Éric", "Eva", "Œuvre", "Ordre", "Oslo", "Sallé", "Zoé"]
    assert sorted(names, key=alphabetical) == expected


def test_names_that_differ_by_an_accent_alone_have_one_order():
    one, other = ["cote", "côté", "Cote", "coté"], ["coté", "Cote", "côté", "cote"]
    assert sorted(one, key=alphabetical) == sorted(other, key=alphabetical)


def test_no_query_sorts_names_by_their_bytes():
    """The database compares bytes: É comes after Z there."""
    found = {
        f"{name(path)}: {line.strip()}"
        for path in files(".py")
        if path.is_relative_to(SOURCE) and "migrations" not in path.parts
        for line in path.read_text().splitlines()
        if BY_NAME.search(line)
    }
    assert found == set()
