"""Ties: the one or two values that link the reports about a careful offender, by kind of evidence."""

from collections.abc import Callable
from dataclasses import dataclass

from benchmarks.second_world import desks, phrases
from benchmarks.second_world.desks import DESKS, WRITERS
from benchmarks.second_world.facts import Draft, Fact
from benchmarks.second_world.names import WITH_SCRIPT, Civil, person
from benchmarks.second_world.platforms import KEYS, other_than
from benchmarks.second_world.stock import Stock

_DAY = 86_400
_NUMBERED = tuple(key for key in KEYS if "user_number" in DESKS[key].fields)
_WITH_VICTIMS = tuple(key for key in KEYS if "victim" in DESKS[key].fields)
_LANGUAGES = tuple(language for language in phrases.LANGUAGES if language != "fr")
SHARES = {
    "account": 1, "platform_names": 2, "handle_elsewhere": 6, "handle_typo": 4, "handle_in_text": 1,
    "renamed_account": 11, "email": 1, "email_in_text": 2, "phone": 1, "phone_in_text": 1, "money": 4,
    "money_in_text": 8, "device": 1, "line": 2, "port": 12, "page": 1, "short_link": 4, "room": 1, "file": 4,
    "picture": 23, "name_and_birth": 3, "script": 24, "same_victim": 10, "two_languages": 10,
    "same_words": 15, "follow_up": 9,
}  # fmt: skip
"""Relative number of ties by kind; largest for kinds that `lives` seldom gives as the easiest evidence."""
_DRAWN = tuple(bond for bond, share in SHARES.items() for _ in range(share))
_SOON = {
    "line": 5 * _DAY,
    "port": 2 * _DAY,
    "same_victim": 3 * _DAY,
    "two_languages": _DAY,
    "follow_up": 2 * _DAY,
}
"""Evidence that only holds for some time: seconds between the reports."""
_TOLD = (
    "account", "handle_in_text", "email", "email_in_text", "phone", "phone_in_text", "room", "page",
    "handle_elsewhere", "platform_names",
)  # fmt: skip


@dataclass(slots=True)
class Tie:
    """Evidence that several reports about one offender may give.

    `bond` is its kind of evidence, `kind` the kind of its facts. `show` returns the facts of one more report
    that gives it, `desk` the sender of that report; both take the number of reports that gave it before
    (`shown`). `soon` is the period in seconds within which all of them arrive, 0 for none; `moment` is the
    time of the incident, set by the first report.
    """

    bond: str
    kind: str
    desk: Callable[[int], str]
    show: Callable[[int, Draft], list[Fact]]
    soon: int = 0
    shown: int = 0
    moment: int = 0

    def facts(self, draft: Draft) -> list[Fact]:
        """Return the facts by which `draft` gives this evidence, and count the report."""
        given = self.show(self.shown, draft)
        self.shown += 1
        return given


class Offender:
    """An offender: a random civil status, and the factory of all ties between reports about them.

    `people` are all civil statuses by key.
    """

    def __init__(self, stock: Stock, people: dict[str, Civil]) -> None:
        self.stock, self.dice, self.people = stock, stock.dice, people
        self.civil = person(self.dice)
        self.key = self.enrol(self.civil)

    def enrol(self, civil: Civil) -> str:
        """Add a civil status to `people` and return its key."""
        key = f"P{len(self.people)}"
        self.people[key] = civil
        return key

    def tie(self, *, brief: bool = True, told: bool = False) -> Tie:
        """Return a new random tie.

        `brief` allows kinds that hold for some days only; `told` restricts it to kinds that any sender can
        report.
        """
        while True:
            bond = (
                self.dice.one(_TOLD) if told else self.stock.dealt(_DRAWN, () if brief else _SOON)
            )
            made = self.of(bond)
            if made is not None:
                return made

    def of(self, bond: str) -> Tie | None:
        """Return a new tie of kind `bond`; None once the numbers reserved for fiction are used up."""
        if bond in (
            "account",
            "handle_in_text",
            "platform_names",
            "handle_typo",
            "handle_elsewhere",
        ):
            return self._handle(bond)
        if bond in ("email", "email_in_text", "phone", "phone_in_text", "money", "money_in_text"):
            return self._contact(bond)
        makers = {
            "renamed_account": self._renamed,
            "line": self._line,
            "port": self._port,
            "name_and_birth": self._birth,
            "script": self._script,
            "same_victim": self._victim,
            "two_languages": self._event,
            "follow_up": self._follow,
        }
        return makers[bond]() if bond in makers else self._thing(bond)

    def account(self, key: str, *, manner: str = "") -> Fact:
        """Return the fact of a new account of the offender on the service `key`; `manner` as in `Fact`."""
        handle, rare = self.stock.account(key, self.civil)
        return Fact("account", handle, key, rare=rare, manner=manner)

    def _writer(self, _shown: int) -> str:
        return self.dice.one(WRITERS)

    def _handle(self, bond: str) -> Tie:
        key = self.dice.one(KEYS)
        rare = bond in ("handle_elsewhere", "handle_typo")
        handle, is_rare = (
            (self.stock.rare_handle(), True) if rare else self.stock.account(key, self.civil)
        )
        manner = {"handle_in_text": "text", "handle_typo": "typo"}.get(bond, "")
        odd_is_written = bond in ("platform_names", "handle_typo")

        def show(shown: int, _draft: Draft) -> list[Fact]:
            elsewhere = bond == "handle_elsewhere" and shown > 0
            return [
                Fact(
                    "account",
                    handle,
                    other_than(self.dice, key) if elsewhere else key,
                    manner=manner if shown % 2 or manner == "text" else "",
                    rare=is_rare,
                    renamed=bond == "platform_names" and shown % 2 == 1,
                )
            ]

        def desk(shown: int) -> str:
            if odd_is_written and shown % 2:
                return self._writer(shown)
            if bond == "handle_elsewhere" and self.dice.happens(0.5):
                return self._writer(shown)
            return desks.able(self.dice, "account", key)

        return Tie(bond, "account", desk, show)

    def _contact(self, bond: str) -> Tie | None:
        kind = bond.removesuffix("_in_text")
        manner = "text" if kind != bond else ""
        value: str | None
        place = ""
        if kind == "email":
            value = self.stock.email(self.civil if self.dice.happens(0.4) else None)
        elif kind == "phone":
            value = self.stock.phone(self.civil.country)
        else:
            place = self.dice.one(
                ("IBAN", "IBAN", "WALLET") if manner else ("IBAN", "WALLET", "CARD_TOKEN")
            )
            value = self.money(place)
        if value is None:
            return None
        fact = Fact(kind, value, place, manner=manner)
        return Tie(
            bond, kind, self._able(kind, written=bool(manner)), lambda _shown, _draft: [fact]
        )

    def money(self, place: str) -> str:
        """Return a new number of a payment account; `place` is IBAN, WALLET or CARD_TOKEN."""
        if place == "IBAN":
            return self.stock.iban()
        return self.stock.wallet() if place == "WALLET" else f"tok_{self.dice.digest(12)}"

    def _thing(self, bond: str) -> Tie:
        makers: dict[str, Callable[[], str]] = {
            "device": self.stock.device,
            "page": self.stock.page,
            "short_link": self.stock.short_link,
            "room": self.stock.room,
            "file": self.stock.file,
            "picture": self.stock.file,
            "same_words": lambda: phrases.odd_words(self.dice),
        }
        value = makers[bond]()
        kind = "words" if bond == "same_words" else bond

        def show(_shown: int, _draft: Draft) -> list[Fact]:
            return [Fact(kind, value, self.dice.one("abcd") if kind == "file" else "")]

        return Tie(bond, kind, self._able(kind), show)

    def _able(self, kind: str, *, written: bool = False) -> Callable[[int], str]:
        if written:
            return self._writer
        return lambda _shown: desks.able(self.dice, kind, "")

    def _renamed(self) -> Tie:
        key, number = self.dice.one(_NUMBERED), self.stock.user_number()
        return Tie(
            "renamed_account",
            "user_number",
            lambda _shown: key,
            lambda _shown, _draft: [self.account(key), Fact("user_number", number, key)],
        )

    def _line(self) -> Tie:
        static = self.stock.static_address() if self.dice.happens(0.15) else None
        fact = Fact("line", static or self.stock.prefix())
        return Tie(
            "line", "line", self._able("line"), lambda _shown, _draft: [fact], soon=_SOON["line"]
        )

    def _port(self) -> Tie:
        address, port = self.stock.carrier_address(), self.dice.between(1024, 65_000)
        made = Tie(
            "port", "port", self._able("port"), lambda _shown, _draft: [], soon=_SOON["port"]
        )
        made.show = lambda _shown, draft: [
            Fact("port", f"{address}|{port}|{made.moment or draft.moment}", trap="carrier_nat")
        ]
        return made

    def _birth(self) -> Tie:
        fact = Fact("person", self.key, "birth")
        return Tie("name_and_birth", "person", self._able("person"), lambda _shown, _draft: [fact])

    def _script(self) -> Tie:
        civil = person(self.dice, self.dice.one(WITH_SCRIPT))
        key = self.enrol(civil)

        def show(shown: int, _draft: Draft) -> list[Fact]:
            return [
                Fact(
                    "person",
                    key,
                    "birth",
                    manner="script" if shown % 2 else "",
                    trap="other_script",
                )
            ]

        return Tie("script", "person", self._able("person"), show)

    def _victim(self) -> Tie:
        key = self.dice.one(_WITH_VICTIMS)
        contact = self.stock.phone("FR") if self.dice.happens(0.15) else None
        child = (
            Fact("victim", contact, "phone", "VICTIM")
            if contact
            else Fact("victim", self.stock.rare_handle(), f"account:{key}", "VICTIM")
        )

        def show(shown: int, _draft: Draft) -> list[Fact]:
            again = [Fact("again", "")] if shown else []
            return [self.account(key), child, *again]

        def desk(_shown: int) -> str:
            return self.dice.one((key, "citizen", "school"))

        return Tie("same_victim", "victim", desk, show, soon=_SOON["same_victim"])

    def _event(self) -> Tie:
        child, game, coins = (
            self.stock.rare_handle(),
            self.dice.between(100, 9999),
            self.dice.between(20, 900),
        )
        fact = Fact("event", f"{child}|{game}|{coins}")

        def show(shown: int, draft: Draft) -> list[Fact]:
            draft.language = self.dice.one(_LANGUAGES) if shown % 2 else "fr"
            return [fact]

        return Tie("two_languages", "event", self._writer, show, soon=_SOON["two_languages"])

    def _follow(self) -> Tie:
        language = "fr" if self.dice.happens(0.8) else "en"
        mailbox = Fact("reporter", self.stock.email(), "emails", "REPORTER")

        def show(shown: int, draft: Draft) -> list[Fact]:
            draft.language = language
            return [mailbox, Fact("follow", "")] if shown else [mailbox]

        return Tie("follow_up", "reporter", lambda _shown: "citizen", show, soon=_SOON["follow_up"])
