"""Invented services, and the names that people and other services use for them."""

from typing import NamedTuple

from benchmarks.truth.dice import Dice


class Platform(NamedTuple):
    """A service: its channel in the report format, its names as written (the first is its own), its host."""

    channel: str
    names: tuple[str, ...]
    host: str


PLATFORMS = {
    "pastille": Platform(
        "MESSAGING",
        ("Pastille", "Pastille Messenger", "pastille.test", "PASTILLE (appli)"),
        "pastille.test",
    ),
    "ronron": Platform(
        "SOCIAL", ("Ronron", "ronron.test", "RonRon app", "Réseau Ronron"), "ronron.test"
    ),
    "boisvert": Platform(
        "GAME", ("Boisvert Online", "Boisvert", "BoisVert-Online", "BVO"), "boisvert-online.test"
    ),
    "blocland": Platform(
        "GAME", ("Blocland", "Bloc Land", "blocland.test", "Blocland (jeu)"), "blocland.test"
    ),
    "lumibox": Platform(
        "WEB", ("Lumibox", "Lumi Box", "lumibox.test", "Lumibox Cloud"), "lumibox.test"
    ),
    "direkto": Platform(
        "SOCIAL", ("Direkto", "Direkto Live", "direkto.test", "DIREKTO"), "direkto.test"
    ),
    "nuvola": Platform(
        "METAVERSE",
        ("Nuvola Verse", "Nuvola", "nuvola-verse.test", "NuvolaVR"),
        "nuvola-verse.test",
    ),
    "murmure": Platform(
        "MESSAGING", ("Murmure", "murmure.test", "Murmure Messenger", "mur mure"), "murmure.test"
    ),
    "lettrogram": Platform(
        "MESSAGING",
        ("Lettrogram", "lettrogram.test", "Леттрограм", "Lettrogram Messenger"),
        "lettrogram.test",
    ),
    "skuul": Platform("SOCIAL", ("Skuul", "skuul.test", "SKUUL", "Skuul (app)"), "skuul.test"),
    "kaart": Platform(
        "GAME",
        ("Kaart Rally", "KaartRally", "kaart-rally.test", "Kaart Rally Mobile"),
        "kaart-rally.test",
    ),
}
KEYS = tuple(PLATFORMS)


def own_name(key: str) -> str:
    """Return the name that the service `key` uses for itself."""
    return PLATFORMS[key].names[0]


def other_name(dice: Dice, key: str) -> str:
    """Return a random name of the service `key` other than its own."""
    return dice.one(PLATFORMS[key].names[1:])


def other_than(dice: Dice, key: str) -> str:
    """Return the key of a random service other than `key`."""
    return KEYS[(KEYS.index(key) + dice.between(1, len(KEYS) - 1)) % len(KEYS)]
