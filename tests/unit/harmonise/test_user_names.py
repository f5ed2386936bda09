"""User names in sentences: which words are names, and of which service."""

import time

import pytest

from fanal.harmonise.domain.values.handles import account_in_url
from fanal.harmonise.domain.values.texts import find_selectors
from fanal.harmonise.domain.values.urls import read_url


def names(text: str, platform: str | None = None) -> set[str]:
    """The user names of a text in a report about `platform`."""
    found = find_selectors(text, platform=platform)
    return {hit.value for hit in found if hit.kind.value == "HANDLE"}


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("il se fait appeler red_kite sur Snapchat", "red_kite@snapchat"),
        ("his Roblox name is kite4421", "kite4421@roblox"),
        ("kite4421 (Instagram) m'a écrit hier", "kite4421@instagram"),
        ("insta kite4421, snap red_kite", "kite4421@instagram"),
        ("insta kite4421, snap red_kite", "red_kite@snapchat"),
        ("Snapchat'ta red_kite adıyla yazıyor", "red_kite@snapchat"),
        ("red_kite sur Blue Lamp lui écrit", "red_kite@bluelamp"),
        ("ajoute @red.kite sur Nightbird", "red.kite@nightbird"),
    ],
)
def test_a_word_with_a_digit_or_a_line_near_a_service_is_a_name(text: str, name: str) -> None:
    assert name in names(text)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("ajoute @red.kite stp", "red.kite@bluelamp"),
        ("c'est kite#4421 qui écrit", "kite#4421@bluelamp"),
        ("son pseudo est red_kite", "red_kite@bluelamp"),
        ("pseudo : red_kite", "red_kite@bluelamp"),
        ("under the username kite4421 since May", "kite4421@bluelamp"),
        ("red_kite on Blue Lamp wrote to him", "red_kite@bluelamp"),
        ("on BlueLamp she met red_kite", "red_kite@bluelamp"),
    ],
)
def test_a_name_without_a_service_belongs_to_the_platform_of_the_report(
    text: str, name: str
) -> None:
    assert name in names(text, "Blue Lamp (app)")


def test_a_service_near_the_name_comes_before_the_platform_of_the_report() -> None:
    assert names("@red_kite sur Discord", "Blue Lamp") == {"red_kite@discord"}
    assert names("@red_kite sur Nightbird", "Blue Lamp") == {"red_kite@nightbird"}


@pytest.mark.parametrize(
    "text",
    [
        "elle avait un iPhone13 et jouait sur Roblox",
        "sur Snapchat depuis 2ans, à 12h30, le 10.12.2026, 100euros",
        "voir la page2 du site sur Instagram",
        "C'est fini.Elle est sur Discord",
        "un rendez-vous peut-être sur Instagram",
        "son pseudo est inconnu, sur Snapchat",
        "red_kite a écrit",
        "photo_12.jpg reçue sur Snapchat",
    ],
)
def test_other_words_are_no_names(text: str) -> None:
    assert names(text) == set()


def test_a_name_of_another_sentence_is_not_of_the_service() -> None:
    assert names("Elle est sur Discord. Ailleurs il y a red_kite qui écrit.") == set()


@pytest.mark.parametrize("piece", ["a_", "a1 snap ", "snap ", "pseudo ", "a1_b.", "insta a_1 "])
def test_reading_time_stays_linear(piece: str) -> None:
    text = (piece * 200_000)[:200_000]
    start = time.process_time()
    find_selectors(text, platform="Blue Lamp")
    assert time.process_time() - start < 2


@pytest.mark.parametrize(
    ("address", "name"),
    [
        ("https://www.instagram.com/Red.Kite/?igsh=1", "red.kite@instagram"),
        ("https://www.snapchat.com/add/red_kite", "red_kite@snapchat"),
        ("https://t.me/red_kite", "red_kite@telegram"),
        ("https://www.tiktok.com/@red.kite/video/73190", "red.kite@tiktok"),
        ("https://www.reddit.com/user/red_kite/", "red_kite@reddit"),
        ("https://steamcommunity.com/id/red_kite", "red_kite@steam"),
        ("https://blue-lamp.example/@red_kite", "red_kite@bluelamp"),
        ("https://www.blue-lamp.example/users/red_kite", "red_kite@bluelamp"),
    ],
)
def test_the_page_of_an_account_names_it(address: str, name: str) -> None:
    assert profile_of(address) == name


@pytest.mark.parametrize(
    "address",
    [
        "https://www.instagram.com/p/Cx12/",
        "https://www.instagram.com/explore",
        "https://t.me/joinchat",
        "https://blue-lamp.example/red_kite",
        "https://blue-lamp.example/users/",
        "https://blue-lamp.example/users/login",
        "https://192.0.2.1/@red_kite",
        "ftp://blue-lamp.example/@red_kite",
    ],
)
def test_other_pages_name_no_account(address: str) -> None:
    assert profile_of(address) is None


def profile_of(address: str) -> str | None:
    """The user name of which an address is the page."""
    read = read_url(address)
    assert read.key is not None
    return account_in_url(read.key, read.registrable_domain)
