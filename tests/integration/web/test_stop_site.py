"""The stop page: both languages whole, nothing from elsewhere, nothing kept of a visit."""

import re

import pytest
from lxml import html

from fanal.web.stop.site import LANGUAGES, make_site

CONTACT, REPORT = "redress@desk.example", "https://report.desk.example/en/report/"


def page(lang: str, *, report_url: str = REPORT) -> html.HtmlElement:
    return html.document_fromstring(
        make_site(contact=CONTACT, report_url=report_url)[f"{lang}.html"]
    )


def words(lang: str) -> set[str]:
    return {t.strip() for t in page(lang).xpath("//body//text()") if t.strip()}


def test_the_site_is_a_page_in_each_language_and_a_style_sheet() -> None:
    files = make_site(contact=CONTACT)
    assert set(files) == {"index.html", "fr.html", "en.html", "style.css"}
    assert files["index.html"] == files["fr.html"]
    assert sum(map(len, files.values())) < 20_000


@pytest.mark.parametrize("lang", LANGUAGES)
def test_it_says_why_and_where_to_complain(lang: str) -> None:
    text = " ".join(words(lang))
    assert "227-23" in text
    assert "6-1" in text
    assert "Arcom" in text
    assert page(lang).get("lang") == lang
    assert page(lang).xpath("//a/@href[starts-with(., 'mailto:')]") == [f"mailto:{CONTACT}"]
    assert REPORT in page(lang).xpath("//a/@href")
    assert REPORT not in page(lang, report_url="").xpath("//a/@href")


def test_both_languages_are_whole() -> None:
    both = words("fr") & words("en")
    assert both == {CONTACT}


@pytest.mark.parametrize("lang", LANGUAGES)
def test_nothing_comes_from_elsewhere_and_nothing_is_kept(lang: str) -> None:
    tree = page(lang)
    assert tree.xpath("//script | //img | //iframe | //form | //style | //*[@style]") == []
    loaded = tree.xpath("//link/@href | //*/@src")
    assert loaded == ["/style.css"]
    assert not re.search(rb"url\(|@import", make_site(contact=CONTACT)["style.css"])
    assert "default-src 'none'" in tree.xpath("//meta[@http-equiv]/@content")[0]
