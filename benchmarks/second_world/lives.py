"""An offender's values over time, each used for some period, and which of them a sender of a report sees.

Reports about one offender share what both senders saw and what was not replaced between the two.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

from benchmarks.second_world import desks, phrases
from benchmarks.second_world.desks import DESKS, UNTOLD
from benchmarks.second_world.facts import Draft, Fact
from benchmarks.second_world.names import WITH_SCRIPT, person
from benchmarks.second_world.platforms import KEYS
from benchmarks.second_world.stock import Stock
from benchmarks.second_world.ties import Offender
from benchmarks.truth.dice import Dice

_DAY = 86_400
_USED = {
    "email": 0.9, "phone": 0.8, "device": 0.9, "line": 0.9, "port": 0.5, "iban": 0.5, "wallet": 0.4,
    "payee": 0.6, "page": 0.5, "short_link": 0.35, "room": 0.55, "files": 0.65, "pictures": 0.3,
    "words": 0.15, "victim": 0.9, "person": 1.0, "name": 0.9,
}  # fmt: skip
"""Share of offenders who use or show each kind of value."""
_NEVER_CAREFUL = ("payee", "words", "person", "name", "pictures")
_DAYS = {
    "account": 160, "email": 220, "phone": 200, "device": 330, "line": 20, "port": 1, "iban": 260,
    "wallet": 120, "payee": 150, "page": 70, "short_link": 35, "room": 60, "file": 150, "picture": 150,
    "victim": 1, "words": 900,
}  # fmt: skip
"""Days that a value of each kind is used, for the most constant offenders."""
_MOST = {"victim": 3 * _DAY, "port": 2 * _DAY}
"""Longest time in seconds that such a value is evidence."""
_PROVIDER = {
    "own": 0.99, "email": 0.85, "phone": 0.6, "device": 0.7, "lines": 0.9, "files": 0.45, "pictures": 0.15,
    "victim": 0.4, "other": 0.25, "room": 0.2, "page": 0.1, "wallet": 0.1, "words": 0.2,
}  # fmt: skip
_LETTER = {
    "account": 0.96, "other": 0.6, "page": 0.45, "short_link": 0.35, "room": 0.5, "email": 0.55, "phone": 0.6,
    "iban": 0.25, "name": 0.15, "words": 0.6, "victim": 0.3,
}  # fmt: skip
SEES = {
    "citizen": _LETTER,
    "school": _LETTER,
    "hotline": {
        "page": 0.95, "account": 0.75, "short_link": 0.5, "room": 0.5, "email": 0.3, "phone": 0.2,
        "words": 0.3,
    },
    "foreign": {
        "account": 0.75, "other": 0.45, "email": 0.55, "phone": 0.45, "iban": 0.3, "wallet": 0.3,
        "person": 0.4, "page": 0.25, "room": 0.25, "device": 0.3, "victim": 0.15, "words": 0.3,
    },
    "payment": {"person": 0.85, "iban": 0.95, "wallet": 0.4, "payee": 0.7, "email": 0.5, "phone": 0.45},
    "telecom": {"phone": 0.97, "device": 0.75, "lines": 0.8, "person": 0.5},
    "mailhost": {"email": 0.97, "phone": 0.4, "lines": 0.85, "files": 0.5},
    "peers": {"lines": 0.95, "files": 0.95, "device": 0.4},
}  # fmt: skip
"""Probability that a sender sees each kind of value of an offender; `_PROVIDER` holds for all services."""
_FIELDS = {"files": "file", "pictures": "picture", "lines": "line"}
_NEEDS = {"payment": "iban", "telecom": "phone", "mailhost": "email", "peers": "files"}
_EYES = (0.8, 0.95, 1.0, 1.0, 1.0)
"""Probabilities that a report states a value which its sender sees; one is drawn for each report."""


class Held(NamedTuple):
    """The facts that state one value, and the time of its use in seconds: from `since` until `until`."""

    facts: tuple[Fact, ...]
    since: int
    until: int


class Chain:
    """Values of one kind that replace one another.

    `make` returns the facts of a new value, from the time of its first use; `life` is its usual time of use
    in seconds (0: every report has another one), `most` the longest (0: no limit).
    """

    def __init__(
        self, dice: Dice, make: Callable[[int], tuple[Fact, ...]], life: int, most: int = 0
    ) -> None:
        self._dice, self._make, self._life, self._most = dice, make, life, most
        self._held: list[Held] = []

    def at(self, moment: int) -> Held:
        """Return the value in use at `moment`; before the first one, the first one.

        A value with a longest time of use (`most`) that is not in use then is replaced by a new one, for this
        call only.
        """
        if not self._life:
            return Held(self._make(moment), moment, moment)
        if not self._held:
            self._begin(moment - self._dice.below(max(1, self._span() // 2)))
        while (last := self._held[-1].until) <= moment:
            self._begin(max(last, moment - self._dice.below(self._life)))
        found = next(
            held for held in reversed(self._held) if held.since <= moment or held is self._held[0]
        )
        if self._most and not found.since <= moment < found.until:
            return Held(self._make(moment), moment, moment)
        return found

    def before(self, held: Held) -> Held | None:
        """Return the value in use before `held`; None if no report could have seen one."""
        place = self._held.index(held) if held in self._held else 0
        return self._held[place - 1] if place else None

    def _span(self) -> int:
        span = self._dice.tail(max(1, self._life // 2), 5 * self._life, steepness=1.2)
        return min(span, self._most) if self._most else span

    def _begin(self, since: int) -> None:
        self._held.append(Held(self._make(since), since, since + self._span()))


class Life:
    """The values of an offender over time.

    `pace` multiplies the time of use of all values: 1 for a constant offender, 0 for a careful one, who
    never shows the same value twice.
    """

    def __init__(self, offender: Offender, pace: float) -> None:
        self.offender, self.pace = offender, pace
        self.stock: Stock = offender.stock
        self.dice: Dice = offender.dice
        if self.dice.happens(0.12):
            offender.civil = person(self.dice, self.dice.one(WITH_SCRIPT))
            offender.key = offender.enrol(offender.civil)
        self.uses = {kind for kind, share in _USED.items() if self.dice.happens(share)}
        if not pace:
            self.uses -= set(_NEVER_CAREFUL)
        self.services = self._services()
        self._favourite = self.stock.rare_handle() if self.dice.happens(0.55) else ""
        self._last = ""
        self._accounts: dict[str, Chain] = {}
        self._registrations: dict[str, tuple[Fact, Fact]] = {}
        self._known: dict[tuple[str, str], bool] = {}
        self._chains: dict[str, Chain] = {}
        self.files = [self._chain("file") for _ in range(self.dice.tail(2, 9, steepness=1.0))]
        self.pictures = [self._chain("picture") for _ in range(self.dice.between(1, 3))]

    def chain(self, kind: str) -> Chain:
        """Return the values of one kind over time (except for accounts, files and pictures)."""
        if kind not in self._chains:
            self._chains[kind] = self._chain(kind)
        return self._chains[kind]

    def share(self, kind: str, other: "Life") -> None:
        """Use the values of one kind of another offender, as members of a ring do."""
        self.uses.add(kind)
        self._chains[kind] = other.chain(kind)

    def sender(self) -> str:
        """Return the key of a random sender who can know the offender, often one of their services.

        A sender that reported before often reports again.
        """
        if self._last and self.dice.happens(0.45):
            return self._last
        self._last = self._drawn_sender()
        return self._last

    def _drawn_sender(self) -> str:
        while True:
            name = desks.drawn(self.dice)
            if DESKS[name].platform:
                return self.dice.often_first(self.services)
            if _NEEDS.get(name, "person") in self.uses or name not in _NEEDS:
                return name

    def seen(self, draft: Draft) -> list[Fact]:
        """Return the facts that the sender of `draft` sees of the offender at the time of the incident."""
        desk = DESKS[draft.desk]
        eye, facts = self.dice.one(_EYES), list[Fact]()
        for kind, share in (SEES.get(draft.desk) or _PROVIDER).items():
            field = _FIELDS.get(kind, kind)
            if field in UNTOLD and field not in desk.fields:
                continue
            if self._sees(draft.desk, kind, share) and self.dice.happens(eye):
                facts += self._shown(kind, draft, facts)
        if not any(fact.evidence() for fact in facts):
            facts += self.account(draft.desk if desk.platform else self.services[0], draft)
        return facts

    def _sees(self, desk: str, kind: str, share: float) -> bool:
        """Return whether a sender knows this kind of value; one that knew it of an offender still does."""
        if desk == "citizen" or not self.pace:  # another person each time
            return self.dice.happens(share)
        if (desk, kind) not in self._known:
            self._known[desk, kind] = self.dice.happens(share)
        return self._known[desk, kind]

    def account(self, key: str, draft: Draft, *, who: int = 0) -> list[Fact]:
        """Return the account on the service `key` as the sender of `draft` gives it; `who` as in `Fact`."""
        if key not in self._accounts:
            self._accounts[key] = self._chain("account", key)
        name, number = self._accounts[key].at(draft.moment).facts
        if not DESKS[draft.desk].platform and name.rare and self.dice.happens(0.06):
            name = replace(name, manner="typo")
        given = [name]
        if draft.desk == key and "user_number" in DESKS[key].fields and self.dice.happens(0.75):
            given.append(number)
        return [replace(fact, who=who) for fact in given]

    def _services(self) -> list[str]:
        wanted, chosen = self.dice.one((1, 1, 1, 2, 2, 3)), list[str]()
        while len(chosen) < wanted:
            name = desks.drawn(self.dice)
            if name in KEYS and name not in chosen:
                chosen.append(name)
        return chosen

    def _chain(self, kind: str, key: str = "") -> Chain:
        simple: dict[str, Callable[[], str]] = {
            "email": lambda: self.stock.email(
                self.offender.civil if self.dice.happens(0.4) else None
            ),
            "device": self.stock.device,
            "page": self.stock.page,
            "short_link": self.stock.short_link,
            "room": self.stock.room,
            "file": self.stock.file,
            "picture": self.stock.file,
            "words": lambda: phrases.odd_words(self.dice),
        }
        makers = {
            "phone": self._phone,
            "line": self._line,
            "port": self._session,
            "iban": lambda _since: (Fact("money", self.offender.money("IBAN"), "IBAN"),),
            "wallet": lambda _since: (Fact("money", self.offender.money("WALLET"), "WALLET"),),
            "payee": self._payee,
            "victim": self._victim,
            "account": lambda _since: self._registered(key),
        }
        make = makers.get(kind) or (lambda _since: (Fact(kind, simple[kind]()),))
        if kind == "line" and self.pace and self.dice.happens(0.03):
            static = Fact("line", self.stock.static_address() or self.stock.prefix())
            return Chain(self.dice, lambda _since: (static,), 400 * _DAY)
        return Chain(self.dice, make, int(_DAYS[kind] * _DAY * self.pace), _MOST.get(kind, 0))

    def _shown(self, kind: str, draft: Draft, facts: list[Fact]) -> list[Fact]:
        if kind in ("own", "account", "other"):
            return self._user_names(kind, draft, facts)
        if kind == "lines":
            return self._lines(draft)
        if kind not in self.uses:
            return []
        if kind in ("files", "pictures"):
            return self._of_collection(kind, draft)
        if kind in ("name", "person"):
            return [self._named(draft, "birth" if kind == "person" else "")]
        return list(self.chain(kind).at(draft.moment).facts)

    def _user_names(self, kind: str, draft: Draft, facts: list[Fact]) -> list[Fact]:
        if kind == "own":
            return self.account(draft.desk, draft)
        named = {fact.place for fact in facts if fact.kind == "account"}
        free = [key for key in self.services if key not in named]
        return self.account(self.dice.often_first(free), draft) if free else []

    def _named(self, draft: Draft, place: str) -> Fact:
        foreign = len(self.offender.civil.spellings) > 1
        odd = foreign and draft.desk != "payment" and self.dice.happens(0.7)
        trap = "other_script" if odd else ""
        return Fact("person", self.offender.key, place, manner="script" if odd else "", trap=trap)

    def _of_collection(self, kind: str, draft: Draft) -> list[Fact]:
        held = self.files if kind == "files" else self.pictures
        drawn = {
            self.dice.below(self.dice.between(1, len(held))) for _ in range(self.dice.between(1, 4))
        }
        return [
            replace(fact, place=self.dice.one("abcd"))
            for place in sorted(drawn)
            for fact in held[place].at(draft.moment).facts
        ]

    def _lines(self, draft: Draft) -> list[Fact]:
        """Return the addresses of the last logins: at home now and before, mobile, through a tunnel."""
        shown: list[Fact] = []
        if "line" in self.uses:
            chain = self.chain("line")
            now = chain.at(draft.moment)
            shown += now.facts
            before = chain.before(now)
            if before and before.until > draft.moment - 45 * _DAY and self.dice.happens(0.5):
                shown += [replace(fact, at=before.until) for fact in before.facts]
        if "port" in self.uses and self.dice.happens(0.6):
            shown += self.chain("port").at(draft.moment).facts
        if not shown or self.dice.happens(0.12):
            shown.append(Fact("line", self.stock.shared_address(), trap="tunnel", common=True))
        return shown

    def _registered(self, key: str) -> tuple[Fact, Fact]:
        """Return a new account on a service, or the old one renamed: its user name and its number."""
        old = self._registrations.get(key)
        handle, rare = self._favourite, True
        if old and self.dice.happens(0.3):
            handle, rare = f"{old[0].value}{self.dice.between(1, 99)}", old[0].rare
        if not handle or self.dice.happens(0.3) or not self.stock.claim(key, handle):
            handle, rare = self.stock.account(key, self.offender.civil)
        number = old[1] if old and self.pace and self.dice.happens(0.5) else None
        made = (
            Fact("account", handle, key, rare=rare),
            number or Fact("user_number", self.stock.user_number(), key),
        )
        self._registrations[key] = made
        return made

    def _phone(self, _since: int) -> tuple[Fact, ...]:
        number = self.stock.phone(self.offender.civil.country)
        return (Fact("phone", number),) if number else ()

    def _line(self, _since: int) -> tuple[Fact, ...]:
        return (Fact("line", self.stock.prefix(), trap="moving_prefix"),)

    def _session(self, since: int) -> tuple[Fact, ...]:
        value = f"{self.stock.carrier_address()}|{self.dice.between(1024, 65_000)}|{since}"
        return (Fact("port", value, trap="carrier_nat"),)

    def _payee(self, _since: int) -> tuple[Fact, ...]:
        key = self.offender.enrol(person(self.dice))
        place = self.dice.one(("IBAN", "WALLET"))
        return (
            Fact("person", key, role="RECIPIENT"),
            Fact("money", self.offender.money(place), place, role="RECIPIENT"),
        )

    def _victim(self, _since: int) -> tuple[Fact, ...]:
        if self.dice.happens(0.1) and (number := self.stock.phone("FR")):
            return (Fact("victim", number, "phone", "VICTIM"),)
        key = self.dice.one(self.services)
        return (Fact("victim", self.stock.rare_handle(), f"account:{key}", "VICTIM"),)
