"""Senders of reports: providers of many kinds, payment and telephone operators, desks, schools, public."""

from typing import NamedTuple

from benchmarks.second_world.platforms import PLATFORMS
from benchmarks.truth.dice import Dice


class Desk(NamedTuple):
    """A sender of reports, such as a provider or a police desk.

    `prefix` begins its references, `channel` is its channel in the report format. `kinds` are its kinds of
    reports, `fields` the kinds of facts for which it has a field, `languages` those in which it writes,
    `share` its relative frequency. `platform` is the key of the service that it runs; `footer`: it ends most
    reports with a standard text. `careless` is the share of reports that give all values in sentences
    although fields exist, and of badly written sentences.
    """

    prefix: str
    channel: str
    kinds: tuple[str, ...]
    fields: frozenset[str]
    languages: tuple[str, ...]
    share: int
    platform: str = ""
    footer: bool = False
    careless: float = 0.0


_ONLINE = ("GROOMING", "SOLICITATION", "SEXTORTION", "OTHER")
_CHAT = frozenset(
    (
        "account",
        "user_number",
        "email",
        "phone",
        "device",
        "line",
        "port",
        "file",
        "picture",
        "victim",
    )
)
_GAME = frozenset(("account", "user_number", "email", "device", "line", "port", "victim"))
_STORE = frozenset(("account", "email", "device", "line", "port", "file", "picture", "page"))
_PAPER = frozenset(
    ("account", "email", "phone", "money", "person", "page", "short_link", "room", "victim")
)
_BANK = frozenset(("person", "email", "phone", "money"))
_TELEPHONE = frozenset(("phone", "device", "line", "port", "person"))
_MAIL = frozenset(("email", "phone", "line", "port", "file"))
_PEERS = frozenset(("line", "port", "file", "device"))
_MANY = ("fr", "fr", "en", "de", "es", "it", "nl", "pl", "ru", "ar", "el", "pt")

DESKS = {
    "pastille": Desk("PST-", "MESSAGING", _ONLINE, _CHAT, ("en",), 9, "pastille", footer=True),
    "ronron": Desk("rr/", "SOCIAL", _ONLINE, _CHAT, ("fr", "en"), 8, "ronron", footer=True),
    "boisvert": Desk(
        "BV.", "GAME", ("GROOMING", "OTHER"), _GAME, ("en", "fr", "de"), 5, "boisvert"
    ),
    "blocland": Desk(
        "bloc-", "GAME", ("GROOMING", "OTHER"), _GAME, ("en",), 6, "blocland", footer=True
    ),
    "lumibox": Desk("LBX", "WEB", ("ABUSE_MATERIAL",), _STORE, ("en",), 8, "lumibox", footer=True),
    "direkto": Desk(
        "D", "SOCIAL", ("LIVESTREAM", "SOLICITATION"), _CHAT, ("en", "es"), 4, "direkto"
    ),
    "nuvola": Desk("nv_", "METAVERSE", ("GROOMING", "OTHER"), _GAME, ("en", "it"), 3, "nuvola"),
    "murmure": Desk("M-", "MESSAGING", _ONLINE, _CHAT, ("fr",), 4, "murmure", footer=True),
    "lettrogram": Desk("LG", "MESSAGING", _ONLINE, _CHAT, ("ru", "en"), 3, "lettrogram"),
    "skuul": Desk("sk-", "SOCIAL", _ONLINE, _CHAT, ("nl", "en", "fr"), 3, "skuul", footer=True),
    "kaart": Desk("KR", "GAME", ("GROOMING", "OTHER"), _GAME, ("en", "pl"), 2, "kaart"),
    "citizen": Desk(
        "F-", "OTHER", (*_ONLINE, "ABUSE_MATERIAL"), _PAPER, ("fr",) * 8 + _MANY, 20, careless=0.22
    ),
    "hotline": Desk("HL/", "WEB", ("ABUSE_MATERIAL", "OTHER"), _PAPER, _MANY, 8, careless=0.2),
    "foreign": Desk(
        "INT-", "OTHER", (*_ONLINE, "TRAFFICKING"), _PAPER | {"device"}, _MANY, 6, careless=0.1
    ),
    "school": Desk("EC-", "OTHER", _ONLINE, _PAPER, ("fr",), 3, careless=0.22),
    "payment": Desk(
        "VIR", "OTHER", ("LIVESTREAM", "SOLICITATION"), _BANK, ("fr", "en"), 6, footer=True
    ),
    "telecom": Desk("OP-", "PHONE", _ONLINE, _TELEPHONE, ("fr",), 3),
    "mailhost": Desk("mh", "EMAIL", _ONLINE, _MAIL, ("en",), 4, footer=True),
    "peers": Desk("P2P-", "P2P", ("ABUSE_MATERIAL",), _PEERS, ("en",), 3),
}
NAMES = tuple(DESKS)
_DRAWN = tuple(name for name, desk in DESKS.items() for _ in range(desk.share))
WRITERS = ("citizen", "citizen", "citizen", "hotline", "foreign", "school")
"""Senders who write sentences, the frequent ones more often."""
UNTOLD = frozenset({"device", "line", "port", "file", "picture", "user_number"})
"""Values that nobody writes in a sentence: only senders with a field for them give them."""


def drawn(dice: Dice) -> str:
    """Return the key of a random sender; frequent senders are more likely."""
    return dice.one(_DRAWN)


def able(dice: Dice, kind: str, place: str) -> str:
    """Return the key of a random sender that can report a fact of `kind`: in a field, or in a sentence.

    For an account on the service `place`, half of the time that service itself; for an account number,
    always.
    """
    if kind in UNTOLD:
        fitting = [name for name in _DRAWN if kind in DESKS[name].fields]
        if kind == "user_number":
            return place
        return dice.one(fitting)
    if kind == "account" and place in DESKS and dice.happens(0.5):
        return place
    if dice.happens(0.12):
        return drawn(dice)
    return dice.one(
        [name for name in _DRAWN if kind in DESKS[name].fields and not DESKS[name].platform]
        or WRITERS
    )


def host_of(name: str) -> str:
    """Return the name of a sender (a key of `DESKS`) for use in host names and mail addresses."""
    platform = DESKS[name].platform
    return PLATFORMS[platform].host.removesuffix(".test") if platform else f"{name}-desk"
