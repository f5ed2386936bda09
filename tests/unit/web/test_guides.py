"""Guides are rendered as parts of a page of the desk: the same section ids in both languages, no HTML of their own."""

import pytest

from fanal.web.components.navigation import NAVIGATION
from fanal.web.guides.places import OF_ROLE, PLACES
from fanal.web.guides.texts import guides
from tests.integration.policy.routes import walk

pytest.importorskip("markdown", reason="a tool of set-up")
from scripts.render_guides import render

ENGLISH = """# One

[En français](fr/one.md)

See [there](two.md#do-it), [here](#first-step), [the law](../reference/law.md). <b onclick="x()">Raw</b>

## First step

<script>alert(1)</script>

| A | B |
|---|---|
| 1 | 2 |
"""
FRENCH = """# Un

[In English](../one.md)

Voir [là](two.md#le-faire), [ici](#premier-pas), [la loi](../../reference/law.md).

## Premier pas

Texte.
"""
OTHER = "# Two\n\n[En français](fr/two.md)\n\nText.\n\n## Do it\n\nText.\n"
AUTRE = "# Deux\n\n[In English](../two.md)\n\nTexte.\n\n## Le faire\n\nTexte.\n"
WITHOUT_A_GUIDE = {"desk:distribution", "desk:reference", "home:home"}
"""Pages of the menu without a guide of their own: the guide of the person's role opens."""


@pytest.fixture(scope="module")
def rendered() -> dict[str, dict[str, dict[str, object]]]:
    return render({"en": {"one": ENGLISH, "two": OTHER}, "fr": {"one": FRENCH, "two": AUTRE}})


@pytest.mark.parametrize("language", ["en", "fr"])
def test_links_lead_to_the_same_sections_in_both_languages(
    rendered: dict[str, dict[str, dict[str, object]]], language: str
) -> None:
    html = str(rendered[language]["one"]["html"])
    assert '<h2 id="first-step">' in html
    assert 'href="../two/#do-it"' in html
    assert 'href="#first-step"' in html
    assert "law.md" not in html
    assert "<h1" not in html
    assert "In English" not in html


def test_titles_and_sections(rendered: dict[str, dict[str, dict[str, object]]]) -> None:
    assert rendered["fr"]["one"]["title"] == "Un"
    assert rendered["fr"]["one"]["sections"] == [["first-step", "Premier pas"]]


def test_html_of_a_guide_is_text(rendered: dict[str, dict[str, dict[str, object]]]) -> None:
    html = str(rendered["en"]["one"]["html"])
    assert "<script" not in html
    assert "<b " not in html
    assert "&lt;script&gt;" in html


def test_a_table_is_a_region_named_by_its_section(
    rendered: dict[str, dict[str, dict[str, object]]],
) -> None:
    html = str(rendered["en"]["one"]["html"])
    assert 'role="region"' in html
    assert 'aria-label="First step"' in html


def test_other_sections_in_the_other_language_are_refused() -> None:
    with pytest.raises(ValueError, match="zip"):
        render({"en": {"two": OTHER}, "fr": {"two": AUTRE + "\n## De trop\n"}})


@pytest.mark.parametrize("language", ["en", "fr"])
def test_each_place_is_a_section_of_a_guide(language: str) -> None:
    found = guides()[language]
    for place in {*PLACES.values(), *OF_ROLE.values()}:
        guide, _, section = place.partition("#")
        assert guide in found, place
        assert not section or section in dict(found[guide].sections), place


def test_each_page_of_the_menu_has_its_guide() -> None:
    menu = {page.route for _title, pages in NAVIGATION for page in pages}
    assert menu - PLACES.keys() == WITHOUT_A_GUIDE
    assert PLACES.keys() - {route.name for route in walk()} == set()
