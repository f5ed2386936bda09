"""Labelled reports about people: some of their true values, with errors, placeholders and common values.

Bodies follow the report format. Sentences are neutral; texts only serve to hold values.
"""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from benchmarks.truth.dice import Dice
from benchmarks.truth.people import COMMON_HANDLES, CYRILLIC, PLATFORMS, Someone

START = datetime(2025, 11, 1, tzinfo=UTC)
SPAN = 390 * 86_400
"""The world lasts thirteen months; its times are seconds after `START`."""
_VICTIM_WORDS = "A message was sent to this account."
_FILLERS = {
    "emails": ("none@none.test", "noreply@chatline.test", "n/a@n-a.test", "unknown@unknown.test"),
    "phones": ("0000000000", "+33600000000", "0123456789", "+33612345678"),
    "devices": ("00000000-0000-0000-0000-000000000000", "unknown", "n/a", "000000000000000"),
    "names": ("n/a", "Inconnu", "Unknown", "X", "N/A N/A", "Anonyme"),
    "handles": ("unknown", "n/a", "deleted", "user", "anonymous", "none"),
}


@dataclass(slots=True)
class Told:
    """A labelled report: its `body` in the report format, its true dossier (`label`) and its traps.

    `reference` is the sender's. `at` is its time, in seconds from the first instant. `traps` names the
    misleading values in it. `beside` holds values of other formats that the body has no field for, by their
    path there.
    """

    reference: str
    label: int
    body: dict[str, object]
    at: int
    traps: frozenset[str] = frozenset()
    beside: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Commons:
    """Values that many unrelated people share.

    `files` (as in a report's body) and `urls` are viral, `texts` are standard texts of services, `wallets`
    are (kind, address), `cafes` the devices of public computers, as hexadecimal digits.
    """

    files: list[dict[str, object]] = field(default_factory=list)
    urls: list[str] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    wallets: list[tuple[str, str]] = field(default_factory=list)
    cafes: list[str] = field(default_factory=list)

    @staticmethod
    def drawn(dice: Dice, size: int) -> "Commons":
        """Return the common values for `size` reports: a few very frequent, most of them rare."""
        many = max(20, size // 60)
        return Commons(
            files=[hashes(dice) for _ in range(many)],
            urls=[_shared_url(dice) for _ in range(many)],
            texts=[_service_text(dice, n) for n in range(max(10, size // 800))],
            wallets=[("WALLET", "0x" + dice.digest(20)) for _ in range(max(5, size // 2000))],
            cafes=[dice.digest(16) for _ in range(max(5, size // 1500))],
        )


class Teller:
    """Writes reports about people; `commons` are the values that unrelated reports share."""

    def __init__(self, dice: Dice, commons: Commons) -> None:
        self.dice, self.commons, self._number = dice, commons, 0

    def when(self, person: Someone) -> int:
        """Return a random time within the person's period, in seconds."""
        return person.since + self.dice.below(max(1, person.until - person.since))

    def report(
        self, person: Someone, at: int, *also: Someone, traps: frozenset[str] = frozenset()
    ) -> Told:
        """Return a provider's report about a person at the time `at`, and about the people in `also`."""
        marks = set(traps)
        suspects = [self.suspect(one, at, marks) for one in (person, *also)]
        body: dict[str, object] = {
            "kind": "ABUSE_MATERIAL",
            "channel": "SOCIAL",
            "persons": suspects,
        }
        self._content(body, marks)
        return self._told(person.label, at, body, marks)

    def citizen(self, person: Someone, at: int) -> Told:
        """Return a report from the public that names the person only in its sentences."""
        platform, name = self.dice.one(person.handles)
        words = [f"Account {name} on {platform} wrote to a child."]
        if self.dice.happens(0.4):
            words.append(f"He also gave {self.dice.one(person.emails)}.")
        if person.phones and self.dice.happens(0.3):
            words.append(f"Number {person.phones[0]}.")
        body: dict[str, object] = {
            "kind": "GROOMING",
            "platform": platform,
            "description": " ".join(words),
        }
        return self._told(person.label, at, body, {"FREE_TEXT"})

    def page(self, label: int, url: str, at: int, *, traps: frozenset[str] = frozenset()) -> Told:
        """Return a report of a page (`url`), without any person."""
        body: dict[str, object] = {"kind": "ABUSE_MATERIAL", "channel": "WEB", "urls": [url]}
        return self._told(label, at, body, set(traps))

    def suspect(self, person: Someone, at: int, marks: set[str]) -> dict[str, object]:
        """Return a person as in a report's body: some values, some of them wrong or placeholders.

        The traps that occur are added to `marks`.
        """
        dice = self.dice
        platform, name = dice.one(person.handles)
        told: dict[str, object] = {"role": "SUSPECT"}
        if dice.happens(0.9):
            told["handles"] = [{"platform": platform, "value": self._typed(name, marks)}]
            if len(person.handles) > 1 and dice.happens(0.35):
                other, more = dice.one(person.handles)
                told["handles"].append({"platform": other, "value": more})  # type: ignore[attr-defined]
        if dice.happens(0.55) or "handles" not in told:
            told["emails"] = [self._typed(dice.often_first(person.emails), marks)]
        if person.phones and dice.happens(0.4):
            told["phones"] = [self._typed(dice.one(person.phones), marks)]
        if dice.happens(0.45):
            told["devices"] = [dice.often_first(person.devices)]
        if person.accounts and dice.happens(0.5):
            kind, value = dice.one(person.accounts)
            told["accounts"] = [{"kind": kind, "value": value}]
        self._about(person, told)
        told["ips"] = [self.address(person, at)] if dice.happens(0.75) else []
        self._fill(told, marks)
        return told

    def address(self, person: Someone, at: int) -> dict[str, object]:
        """Return an IP address of the person at a time; an IPv6 prefix changes every week."""
        dice, value = self.dice, person.line
        if value.startswith("2001:db8:"):
            week = (at // (7 * 86_400) * 7919 + int(value.rpartition(":")[2], 16)) % 65536
            value = f"{value}:{week:x}:{dice.digest(1)}::{dice.between(1, 99)}"
        when = instant(at + dice.between(-600, 600))
        port = {"port": dice.between(1024, 65_000)} if dice.happens(0.3) else {}
        return {"value": value, "at": when, **port}

    def _about(self, person: Someone, told: dict[str, object]) -> None:
        dice = self.dice
        if dice.happens(0.3):
            told["name"] = self._name(person)
        if dice.happens(0.12):
            told["birth_date"] = person.birth
        if dice.happens(0.2):
            told["postcode"], told["country"] = person.postcode, "FR"

    def _name(self, person: Someone) -> str:
        dice, given, family = self.dice, person.given, person.family
        style = dice.below(8)
        if style == 0:
            return f"{family.upper()} {given}"
        if style == 1:
            return f"{given[0]}. {family}"
        if style == 2 and family in CYRILLIC and given in CYRILLIC:
            return f"{CYRILLIC[given]} {CYRILLIC[family]}"
        if style == 3:
            return f"{given} {family}".translate(str.maketrans("éèêëïîàâôûçÉ’", "eeeeiiaaoucE'"))
        return f"{given} {family}"

    def _typed(self, text: str, marks: set[str]) -> str:
        if not self.dice.happens(0.02):
            return text
        marks.add("TYPO")
        head, at, tail = text.partition("@")
        return self.dice.mistyped(head) + at + tail

    def _fill(self, told: dict[str, object], marks: set[str]) -> None:
        """Add, by chance, placeholders to a suspect, as forms with compulsory fields cause.

        Seldom one takes the place of the suspect's user names.
        """
        dice = self.dice
        if not dice.happens(0.08):
            return
        marks.add("PLACEHOLDER")
        for key in ("emails", "phones", "devices"):
            if key not in told and dice.happens(0.6):
                told[key] = [dice.one(_FILLERS[key])]
        if "name" not in told and dice.happens(0.6):
            told["name"] = dice.one(_FILLERS["names"])
        if "handles" not in told or dice.happens(0.1):
            told["handles"] = [
                {"platform": dice.one(PLATFORMS), "value": dice.one(_FILLERS["handles"])}
            ]

    def _content(self, body: dict[str, object], marks: set[str]) -> None:
        """Add, by chance, viral files and links, and standard texts of services, to a report's body."""
        dice, commons = self.dice, self.commons
        files = [hashes(dice)] if dice.happens(0.5) else []
        if dice.happens(0.2):
            files.append(dice.often_first(commons.files))
            marks.add("VIRAL")
        if dice.happens(0.08):
            body["urls"] = [dice.often_first(commons.urls)]
            marks.add("VIRAL")
        if dice.happens(0.25):
            body["description"] = dice.often_first(commons.texts)
            marks.add("BOILERPLATE")
        if files:
            body["files"] = files

    def _told(self, label: int, at: int, body: dict[str, object], marks: set[str]) -> Told:
        self._number += 1
        reference = f"W-{self._number:07d}"
        body |= {"reference": reference, "occurred_at": instant(at)}
        return Told(reference, label, body, at, frozenset(marks))


def instant(at: int) -> str:
    """Return a time, in seconds from the first instant, in RFC 3339."""
    return (START + timedelta(seconds=at)).isoformat()


def hashes(dice: Dice) -> dict[str, object]:
    """Return random hashes (`sha256`, `md5`) of a new file, as a report's file has them."""
    return {"sha256": dice.digest(32), "md5": dice.digest(16)}


def victim(dice: Dice, person: Someone) -> dict[str, object]:
    """Return a person in the role of a victim, always with the first account, by chance with more values."""
    platform, name = person.handles[0]
    told: dict[str, object] = {"role": "VICTIM", "handles": [{"platform": platform, "value": name}]}
    if dice.happens(0.5):
        told["emails"] = [person.emails[0]]
    if person.phones and dice.happens(0.3):
        told["phones"] = [person.phones[0]]
    return told


def common_handle(dice: Dice) -> tuple[str, str]:
    """Return a (service, user name) that many people have."""
    return dice.one(PLATFORMS), dice.one(COMMON_HANDLES) + str(dice.below(30))


def _shared_url(dice: Dice) -> str:
    if dice.happens(0.3):
        return f"https://court{dice.below(4)}.test/{dice.word(6)}"  # a shortener
    return f"https://videos{dice.below(30)}.test/watch/{dice.word(10)}"


def _service_text(dice: Dice, number: int) -> str:
    service = f"service{number}.test"
    mobile = f"+3363998{9000 + dice.below(999):04d}"
    return (
        f"Report made by the trust team of {service}. {_VICTIM_WORDS} Questions: desk@{service} or {mobile}. "
        f"Terms: https://{service}/terms"
    )
