"""Invented people: names, accounts, numbers, devices and IP addresses, none of which belongs to anybody.

Telephone numbers are those reserved for fiction (ARCEP; 555-01xx of North America), IP addresses those for
documentation (RFC 5737, RFC 3849), hosts end in `.test` (RFC 6761).
"""

from dataclasses import dataclass, field

from benchmarks.truth.dice import Dice

PLATFORMS = ("Chatline", "Snapgram", "Pixlo", "Voxa", "Blokworld", "Murmur", "Telechat", "Fanpage")
MAILS = ("courrier.test", "mail.test", "poste.test", "boite.test", "webmel.test")
GIVEN = (
    *(
        "Jean",
        "Pierre",
        "Michel",
        "André",
        "Philippe",
        "Nicolas",
        "Julien",
        "Kévin",
        "Mathéo",
        "Loïc",
    ),
    *("Marie", "Camille", "Élodie", "Zoé", "Inès", "Noémie", "Hélène", "Chloé", "Anaïs", "Léa"),
    *(
        "Mohamed",
        "Karim",
        "Youssef",
        "Amine",
        "Dmitri",
        "Sergueï",
        "Ivan",
        "Oleksandr",
        "Piotr",
        "Luca",
    ),
)
SURNAMES = (
    *(
        "Martin",
        "Bernard",
        "Dubois",
        "Thomas",
        "Robert",
        "Petit",
        "Durand",
        "Leroy",
        "Moreau",
        "Lefèvre",
    ),
    *(
        "de La Tour",
        "du Bois",
        "d’Arc",
        "Le Goff",
        "de Saint-Martin",
        "L’Hénoret",
        "des Prés",
        "von Berg",
    ),
    *(
        "Benali",
        "El Amrani",
        "Haddad",
        "Ivanov",
        "Kuznetsov",
        "Shevchenko",
        "Nguyen",
        "Kowalski",
        "Rossi",
    ),
)
SYLLABLES = (
    *("ba", "co", "du", "fé", "gla", "hi", "jo", "ka", "li", "mor", "nou", "pi", "que", "ro", "sa"),
    *("tri", "val", "wen", "xa", "yol", "zé", "bri", "char", "don", "el", "fran", "gui", "her"),
)
CYRILLIC = {
    "Dmitri": "Дмитрий",
    "Sergueï": "Сергей",
    "Ivan": "Иван",
    "Oleksandr": "Олександр",
    "Ivanov": "Иванов",
    "Kuznetsov": "Кузнецов",
    "Shevchenko": "Шевченко",
}
NICKNAMES = (
    *(
        "dark",
        "wolf",
        "neo",
        "pixel",
        "lune",
        "ghost",
        "tiger",
        "nova",
        "zero",
        "blue",
        "max",
        "ange",
    ),
    *(
        "storm",
        "fox",
        "rex",
        "kiwi",
        "raven",
        "echo",
        "frost",
        "iron",
        "jade",
        "koala",
        "lynx",
        "moon",
    ),
)
COMMON_HANDLES = ("alex", "kevin", "julie92", "shadow", "princess", "dragon", "lola", "gamer")
MOBILES = 88_000
LANDLINES = 40_000
_CGNAT = ("192.0.2.10", "192.0.2.11", "203.0.113.200")
_VPN = tuple(f"198.51.100.{n}" for n in range(1, 9))


@dataclass(slots=True)
class Someone:
    """An invented person with all values that reports may hold; `label` is their true dossier.

    `birth` is an ISO date. `handles` are (service, user name), `accounts` are payment accounts as (kind,
    value), `devices` identifiers of devices. `line` is their IP address; for IPv6 the first three groups.
    `since` and `until` bound the time of their acts, in seconds.
    """

    label: int
    given: str
    family: str
    birth: str
    postcode: str
    nickname: str
    emails: list[str] = field(default_factory=list)
    handles: list[tuple[str, str]] = field(default_factory=list)
    phones: list[str] = field(default_factory=list)
    devices: list[str] = field(default_factory=list)
    accounts: list[tuple[str, str]] = field(default_factory=list)
    line: str = ""
    since: int = 0
    until: int = 0


class People:
    """Makes people; a number belongs to one person unless a trap gives it to another on purpose."""

    def __init__(self, dice: Dice) -> None:
        self._dice = dice
        self._mobiles = self._landlines = self._made = 0

    def someone(self, label: int, *, since: int, until: int) -> Someone:
        """Return a new person whose acts lie between two times, in seconds from the first instant."""
        dice = self._dice
        self._made += 1
        nickname = f"{dice.one(NICKNAMES)}{dice.one(NICKNAMES)}{self._made}"
        rare = dice.happens(0.6)
        family = self._rare_name() if rare else dice.one(SURNAMES)
        birth = f"{dice.between(1950, 2006)}-{dice.between(1, 12):02d}-{dice.between(1, 28):02d}"
        found = Someone(
            label, dice.one(GIVEN), family, birth, f"{dice.between(1, 95):02d}000", nickname
        )
        found.since, found.until = since, until
        found.emails = [self.email(found) for _ in range(1 + dice.happens(0.3))]
        found.handles = [self.handle(found) for _ in range(dice.tail(1, 6, steepness=1.6))]
        if (mobile := self.mobile()) and dice.happens(0.6):
            found.phones = [mobile]
        found.devices = [self.device() for _ in range(1 + dice.happens(0.35))]
        if dice.happens(0.25):
            found.accounts = [self.wallet()] if dice.happens(0.5) else [self.iban()]
        found.line = self.line()
        return found

    def email(self, person: Someone) -> str:
        """Return a new e-mail address of a person, from the name or the nickname."""
        tail = f"{self._made}{self._dice.word(1)}"
        base = (
            person.nickname
            if self._dice.happens(0.5)
            else _ascii(person.given + "." + person.family)
        )
        return f"{base}{tail}@{self._dice.one(MAILS)}"

    def handle(self, person: Someone) -> tuple[str, str]:
        """Return a (service, user name) of a person: mostly a variant of the nickname."""
        dice, name = self._dice, person.nickname
        style = dice.below(6)
        if style == 1:
            name = f"{name}_{dice.below(100)}"
        elif style == 2:
            name = name.replace("o", "0", 1).replace("e", "3", 1)
        elif style == 3:
            name = f"x{name}x"
        elif style == 4:
            name = f"{dice.word(7)}{dice.below(1000)}"
        return dice.one(PLATFORMS), name

    def mobile(self) -> str | None:
        """Return a new mobile number; None once those reserved for fiction are used up."""
        number = self._mobiles
        self._mobiles += 1
        if number >= MOBILES:
            return None
        if number < 10_000:
            return f"+3363998{number:04d}"
        area, last = divmod(number - 10_000, 100)
        return f"+1{201 + area}55501{last:02d}"

    def landline(self) -> str | None:
        """Return a new landline number; None once those reserved for fiction are used up."""
        number = self._landlines
        self._landlines += 1
        if number >= LANDLINES:
            return None
        return f"+33{('19900', '26191', '35301', '46571')[number // 10_000]}{number % 10_000:04d}"

    def device(self) -> str:
        """Return a random identifier of a device: 32 hexadecimal digits in five groups."""
        digits = self._dice.digest(16)
        return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"

    def wallet(self) -> tuple[str, str]:
        """Return a new wallet as (kind, address): Ethereum in one case of letters, without checksum."""
        return "WALLET", "0x" + self._dice.digest(20)

    def iban(self) -> tuple[str, str]:
        """Return a new bank account as (kind, IBAN) with valid check digits (ISO 13616)."""
        body = "".join(str(self._dice.below(10)) for _ in range(23))
        check = 98 - int(f"{body}152700") % 97
        return "IBAN", f"FR{check:02d}{body}"

    def line(self) -> str:
        """Return a random IP address: of a home, carrier-grade NAT or a VPN; or an IPv6 prefix."""
        dice = self._dice
        drawn = dice.uniform()
        if drawn < 0.25:
            return dice.one(_CGNAT)
        if drawn < 0.35:
            return dice.one(_VPN)
        if drawn < 0.7:
            return f"2001:db8:{dice.below(65536):x}"
        return f"{dice.one(('192.0.2', '198.51.100', '203.0.113'))}.{dice.between(20, 199)}"

    def _rare_name(self) -> str:
        return "".join(self._dice.one(SYLLABLES) for _ in range(3)).capitalize()


def _ascii(text: str) -> str:
    plain = text.lower().replace("’", "").replace(" ", "")
    return plain.translate(str.maketrans("éèêëïîàâôûç", "eeeeiiaaouc"))
