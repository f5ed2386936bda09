"""Identifiers drawn from a seed: none is issued twice unless a trap requires it.

IP addresses are those reserved for documentation, hosts end in `.test`, telephone numbers are reserved for
fiction.
"""

from collections.abc import Callable, Container, Sequence
from hashlib import sha256
from typing import TypedDict

from benchmarks.second_world.names import AMERICAN_AREAS, NUMBERS, Civil
from benchmarks.second_world.platforms import PLATFORMS
from benchmarks.truth.dice import Dice

_VOWELS = "aeiou"
_STARTS = (
    "b",
    "br",
    "d",
    "dr",
    "f",
    "fl",
    "g",
    "gr",
    "h",
    "j",
    "k",
    "l",
    "m",
    "n",
    "p",
    "qu",
    "r",
    "s",
    "sk",
    "t",
    "th",
    "v",
    "w",
    "x",
    "y",
    "z",
)
_ENDS = ("", "", "_", "x", "z", "37", "_fr", "404", "lol", "tv")
_MAIL_HOSTS = (
    "courriel.test",
    "boite-postale.test",
    "mailette.test",
    "postbox.test",
    "pochta.test",
)
_PAGE_HOSTS = (
    "albums-libres.test",
    "pages-perso.test",
    "depot42.test",
    "imagehost.test",
    "forum-ouvert.test",
)
SHORT_HOSTS = ("crt.test", "lnq.test", "ptit-lien.test")
_BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_MIXED = "abcdefghjkmnpqrstuvwxyzABCDEFGHJKMNPQRSTUVWXYZ23456789"
_SHARED_LINES = 40
"""Addresses of tunnels and public places, each used by many people."""


class Hashes(TypedDict, total=False):
    """The name and the digests of an invented file."""

    name: str
    sha256: str
    sha1: str
    md5: str
    pdq: str


class Stock:
    """Source of the invented identifiers of the data: user names, numbers, addresses, files.

    Every `str` is in canonical form, as a careful analyst would write it; most are issued only once.
    """

    def __init__(self, dice: Dice) -> None:
        self.dice = dice
        self.files: dict[str, Hashes] = {}
        self._issued: set[str] = set()
        self._deck: list[str] = []
        self._numbers = {country: _shuffled(dice, ranges) for country, ranges in NUMBERS.items()}
        self._numbers["US"] = _shuffled(
            dice, tuple((f"+1{area}5550100", 100) for area in AMERICAN_AREAS)
        )
        self._static = _shuffled(dice, (("1", 254),))

    def dealt(self, cards: Sequence[str], unfit: Container[str]) -> str:
        """Return a random item of `cards` that is not in `unfit`, each equally often in the long run."""
        while True:
            for place, card in enumerate(self._deck):
                if card not in unfit:
                    return self._deck.pop(place)
            fresh = list(cards)
            while fresh:
                self._deck.append(fresh.pop(self.dice.below(len(fresh))))

    def rare_handle(self) -> str:
        """Return an uncommon user name of nine characters or more."""
        while True:
            body = "".join(
                self.dice.one(_STARTS) + self.dice.one(_VOWELS)
                for _ in range(self.dice.between(4, 5))
            )
            handle = body + self.dice.one(_ENDS)
            if len(handle) > 8 and self._new(handle):
                return handle

    def frequent_handle(self, who: Civil) -> str:
        """Return a user name made from a civil status, which strangers may have too."""
        given, family = _ascii(who.given), _ascii(who.family)
        return self.dice.one(
            (
                f"{given}.{family}",
                f"{given}{who.birth[2:4]}",
                f"{given}{who.postcode[:2].lower()}",
                f"{given}_{family[:1]}",
                f"le_{family}",
            )
        )

    def account(self, platform: str, who: Civil) -> tuple[str, bool]:
        """Return a user name that is free on `platform`, and whether it is uncommon."""
        if self.dice.happens(0.6):
            handle = self.rare_handle()
            self.claim(platform, handle)
            return handle, True
        handle = self.frequent_handle(who)
        while not self.claim(platform, handle):
            handle = f"{self.frequent_handle(who)}{self.dice.below(9999)}"
        return handle, False

    def claim(self, platform: str, handle: str) -> bool:
        """Reserve a user name on a service; return False if somebody has it already."""
        return self._new(f"{platform}:{handle}")

    def user_number(self) -> str:
        """Return a new account number, which a service never changes."""
        return self._once(lambda: str(self.dice.between(10**8, 10**10)))

    def email(self, who: Civil | None = None) -> str:
        """Return a new mailbox, named after the person `who` or with an uncommon word (None)."""
        while True:
            if who is None:
                local = self.rare_handle().strip("_")
            else:
                local = f"{_ascii(who.given)}.{_ascii(who.family)}{self.dice.below(9000)}"
            if self._new(mail := f"{local}@{self.dice.one(_MAIL_HOSTS)}"):
                return mail

    def phone(self, country: str) -> str | None:
        """Return a number of `country` in E.164; once its numbers are used up, a French or American one.

        None once those are used up too: they are reserved for fiction.
        """
        if country not in self._numbers:
            country = "US"
        for pool in (country, "FR", "US"):
            while self._numbers[pool]:
                if self._new(number := self._numbers[pool].pop()):
                    return number
        return None

    def neighbour(self, number: str) -> str | None:
        """Return a number that differs from `number` in the last digit; None if all are issued."""
        first = self.dice.below(10)
        for step in range(10):
            other = f"{number[:-1]}{(first + step) % 10}"
            if self._new(other):
                return other
        return None

    def iban(self) -> str:
        """Return a French or Belgian account number (IBAN) with valid check digits."""
        if self.dice.happens(0.8):
            bank, desk, account = (
                "99999",
                f"{self.dice.below(99_999):05}",
                f"{self.dice.below(10**11):011}",
            )
            key = 97 - (89 * int(bank) + 15 * int(desk) + 3 * int(account)) % 97
            return _with_check("FR", f"{bank}{desk}{account}{key:02}")
        number = 9_990_000_000 + self.dice.below(9_999_999)
        return _with_check("BE", f"{number}{number % 97 or 97:02}")

    def wallet(self) -> str:
        """Return a wallet address on one of two blockchains; that on the second has a valid checksum."""
        if self.dice.happens(0.5):
            return "0x" + self.dice.digest(20)
        payload = bytes([0]) + bytes.fromhex(self.dice.digest(20))
        whole = payload + sha256(sha256(payload).digest()).digest()[:4]
        number, text = int.from_bytes(whole), ""
        while number:
            number, rest = divmod(number, 58)
            text = _BASE58[rest] + text
        return "1" + text

    def device(self) -> str:
        """Return a device identifier: IMEI of a test model, advertising or installation number."""
        kind = self.dice.below(3)
        if kind == 0:
            return self._once(lambda: _luhn(f"00101700{self.dice.below(10**6):06}"))
        digits = self.dice.digest(16)
        if kind == 1:
            return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-a{digits[17:20]}-{digits[20:32]}"
        return digits[:16]

    def static_address(self) -> str | None:
        """Return an IPv4 address of one household; None once all are issued."""
        return f"192.0.2.{self._static.pop().lstrip('+')}" if self._static else None

    def prefix(self) -> str:
        """Return the first four groups of an IPv6 address (/64): one household for some days."""
        return self._once(
            lambda: f"2001:db8:{self.dice.between(1, 65_535):x}:{self.dice.between(1, 65_535):x}"
        )

    def host_of(self, prefix: str) -> str:
        """Return an address within an IPv6 prefix, random as with privacy extensions."""
        return prefix + "".join(f":{self.dice.between(4096, 65_535):x}" for _ in range(4))

    def carrier_address(self) -> str:
        """Return an IPv4 address shared by many customers of a mobile operator (carrier-grade NAT)."""
        return f"198.51.100.{self.dice.between(1, 254)}"

    def shared_address(self) -> str:
        """Return the IP address of a VPN exit or of a public place."""
        return f"203.0.113.{self.dice.often_first(range(1, _SHARED_LINES))}"

    def page(self) -> str:
        """Return a new URL of a page, on a service or a free host."""
        if self.dice.happens(0.4):
            host = PLATFORMS[self.dice.one(tuple(PLATFORMS))].host
            return f"https://www.{host}/watch/{self.code(10)}"
        return (
            f"https://{self.dice.one(_PAGE_HOSTS)}/u/{self.rare_handle()}/{self.dice.word(5)}.html"
        )

    def short_link(self) -> str:
        """Return a new shortened URL; the case of its letters matters."""
        return f"https://{self.dice.one(SHORT_HOSTS)}/{self.code(6)}"

    def room(self) -> str:
        """Return a new invitation to a chat room: a URL, a code in blocks, or a meeting number."""
        kind = self.dice.below(4)
        if kind == 0:
            service = self.dice.one(("pastille", "murmure", "lettrogram"))
            return f"https://{PLATFORMS[service].host}/join/{self.code(9)}"
        if kind == 1:
            word = self.code(8).upper()
            return f"{word[:3]}-{word[3:6]}-{word[6:]}{self.dice.between(10, 99)}"
        if kind == 2:
            number = self._once(lambda: str(self.dice.between(10**10, 10**11 - 1)))
            return f"{number[:3]} {number[3:7]} {number[7:]}"
        return f"https://{PLATFORMS['nuvola'].host}/invite/{self.code(12)}"

    def code(self, letters: int) -> str:
        """Return a new string of `letters` letters and digits."""
        return self._once(lambda: "".join(self.dice.one(_MIXED) for _ in range(letters)))

    def file(self) -> str:
        """Issue a file and return its SHA-256; the other digests are in `files`."""
        digest = self.dice.digest(32)
        self.files[digest] = Hashes(
            name=f"{self.dice.one(('IMG', 'VID', 'photo', 'capture', 'DSC'))}_{self.dice.below(9999):04}",
            sha256=digest,
            sha1=self.dice.digest(20),
            md5=self.dice.digest(16),
            pdq=self.dice.digest(32),
        )
        return digest

    def saved_again(self, digest: str) -> Hashes:
        """Return the hashes of a re-saved picture: other digests, a PDQ hash at most eight bits away.

        `digest` is the SHA-256 of the original.
        """
        bits = int(self.files[digest]["pdq"], 16)
        for _ in range(self.dice.between(1, 8)):
            bits ^= 1 << self.dice.below(256)
        return Hashes(sha256=self.dice.digest(32), md5=self.dice.digest(16), pdq=f"{bits:064x}")

    def _once(self, draw: Callable[[], str]) -> str:
        while not self._new(text := draw()):
            continue
        return text

    def _new(self, text: str) -> bool:
        folded = text.lower()
        if folded in self._issued:
            return False
        self._issued.add(folded)
        return True


def one_letter_off(dice: Dice, handle: str) -> str:
    """Return `handle` with one letter in the middle replaced, lost or doubled, or two letters swapped."""
    while (wrong := dice.mistyped(handle)) == handle:
        continue
    return wrong


def _ascii(text: str) -> str:
    table = str.maketrans("éèêëàâäîïôöùûüçñíóáúłąęśżźćńşğ", "eeeeaaaiioouuucnioaulaeszzcnsg")
    return "".join(c for c in text.lower().translate(table) if c.isascii() and c.isalpha()) or "nom"


def _shuffled(dice: Dice, ranges: tuple[tuple[str, int], ...]) -> list[str]:
    numbers = [f"+{int(first) + step}" for first, count in ranges for step in range(count)]
    for place in range(len(numbers) - 1, 0, -1):
        other = dice.below(place + 1)
        numbers[place], numbers[other] = numbers[other], numbers[place]
    return numbers


def _with_check(country: str, rest: str) -> str:
    letters = "".join(str(ord(c) - 55) for c in country)
    return f"{country}{98 - int(rest + letters + '00') % 97:02}{rest}"


def _luhn(digits: str) -> str:
    total = 0
    for place, digit in enumerate(reversed(digits)):
        value = int(digit) * (2 if place % 2 == 0 else 1)
        total += value - 9 if value > 9 else value
    return f"{digits}{-total % 10}"
