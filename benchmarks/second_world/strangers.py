"""Traps: similar values in reports of different labels, which suggest one person where there are several."""

from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise

from benchmarks.second_world.desks import DESKS
from benchmarks.second_world.facts import Draft, Fact
from benchmarks.second_world.names import Civil, person
from benchmarks.second_world.platforms import KEYS
from benchmarks.second_world.stock import Stock, one_letter_off

_DAY = 86_400
_LATER = 150 * _DAY
"""Seconds after which a number, a name or a prefix may belong to somebody else."""
SHARES = {
    "family": 0.03, "namesake": 0.05, "handle_family": 0.05, "near_handle": 0.025, "handle_collision": 0.04,
    "registered_again": 0.025, "recycled_phone": 0.025, "reassigned_prefix": 0.015, "shared_victim": 0.03,
    "role_swap": 0.02, "near_value": 0.03, "short_case": 0.012, "same_evening": 0.02,
}  # fmt: skip
"""Share of all reports in each trap."""
_TIMED = ("event", "port", "line", "victim")
_STEMS = (
    "shadow",
    "petitloup",
    "dragon",
    "marine",
    "ninja",
    "lucas",
    "princesse",
    "toto",
    "wolf",
    "kevin",
)


class Strangers:
    """Adds the traps to the drafts, which are in order of arrival; `people` are the civil statuses by key.

    Each trap method returns (draft, facts to add) pairs, [] if it found no suitable drafts.
    """

    def __init__(self, stock: Stock, people: dict[str, Civil], drafts: list[Draft]) -> None:
        self.stock, self.dice, self.people, self.drafts = stock, stock.dice, people, drafts

    def add(self) -> None:
        """Add each kind of trap to drafts until its share of the reports (`SHARES`) has it."""
        traps: dict[str, Callable[[], list[tuple[Draft, list[Fact]]]]] = {
            "family": self._family,
            "namesake": self._namesake,
            "handle_family": self._handle_family,
            "near_handle": self._near_handle,
            "handle_collision": self._collision,
            "registered_again": self._registered_again,
            "recycled_phone": self._recycled_phone,
            "reassigned_prefix": self._reassigned_prefix,
            "shared_victim": self._shared_victim,
            "role_swap": self._role_swap,
            "near_value": self._near_value,
            "short_case": self._short_case,
            "same_evening": self._same_evening,
        }
        for trap, make in traps.items():
            held, wanted = 0, SHARES[trap] * len(self.drafts)
            for _ in range(len(self.drafts)):
                if held >= wanted:
                    break
                caught = make()
                for draft, facts in caught:
                    draft.facts += [replace(fact, trap=trap) for fact in facts]
                held += len(caught)

    def _some(
        self,
        number: int,
        *,
        apart: int = 0,
        within: int = 0,
        field: str = "",
        nameless: bool = False,
    ) -> list[Draft]:
        """Return `number` random drafts of different labels in order of arrival; [] if none are found.

        Their arrivals are at least `apart` and at most `within` seconds apart (0: no limit). `field`: a kind
        of fact for which their senders have a field; `nameless`: they name no suspect.
        """
        for _ in range(400):
            chosen = self._drawn(number, within)
            times = [draft.at for draft in chosen]
            if len({draft.label for draft in chosen}) < number:
                continue
            if apart and any(b - a < apart for a, b in pairwise(times)):
                continue
            if all(self._fits(draft, field, nameless) for draft in chosen):
                return chosen
        return []

    def _drawn(self, number: int, within: int) -> list[Draft]:
        if not within:
            return sorted(
                (self.dice.one(self.drafts) for _ in range(number)), key=lambda draft: draft.at
            )
        start = self.dice.below(max(1, len(self.drafts) - 40))
        near = [
            draft
            for draft in self.drafts[start : start + 40]
            if draft.at - self.drafts[start].at <= within
        ]
        return sorted((self.dice.one(near) for _ in range(number)), key=lambda draft: draft.at)

    def _fits(self, draft: Draft, field: str, nameless: bool) -> bool:
        if field and field not in DESKS[draft.desk].fields:
            return False
        return not nameless or not any(
            fact.kind == "person" and fact.role == "SUSPECT" for fact in draft.facts
        )

    def _enrol(self, civil: Civil) -> str:
        key = f"P{len(self.people)}"
        self.people[key] = civil
        return key

    def _family(self) -> list[tuple[Draft, list[Fact]]]:
        """Make members of one household, who share a surname, a town, an address, a mailbox or telephone."""
        chosen = self._some(self.dice.between(2, 3), nameless=True)
        parent = person(self.dice, "FR")
        line = Fact("line", self.stock.static_address() or self.stock.prefix())
        number = self.stock.phone("FR")
        shared = (
            Fact("phone", number)
            if number and self.dice.happens(0.5)
            else Fact("email", self.stock.email(parent))
        )
        caught = []
        for draft in chosen:
            own = person(self.dice, "FR")
            full = f"{own.given} {parent.family}"
            member = replace(
                own,
                family=parent.family,
                spellings=(full,),
                town=parent.town,
                postcode=parent.postcode,
            )
            facts = [Fact("person", self._enrol(member), "birth"), shared]
            if "line" in DESKS[draft.desk].fields:
                facts.append(line)
            caught.append((draft, facts))
        return caught

    def _namesake(self) -> list[tuple[Draft, list[Fact]]]:
        """Give several people the same name: without birth dates, with different ones, or on 1 January."""
        chosen = self._some(self.dice.between(2, 3), nameless=True)
        one, style = person(self.dice), self.dice.below(3)
        caught = []
        for draft in chosen:
            birth = person(self.dice, one.country).birth
            if style == 2:
                birth = f"{birth[:4]}-01-01"
            key = self._enrol(replace(one, birth=birth))
            caught.append((draft, [Fact("person", key, "birth" if style else "")]))
        return caught

    def _handle_family(self) -> list[tuple[Draft, list[Fact]]]:
        """Give strangers on one service user names with the same stem and different numbers."""
        stem, key, first = self.dice.one(_STEMS), self.dice.one(KEYS), self.dice.between(1, 9_000)
        chosen = self._some(self.dice.between(2, 6))
        return [
            (draft, [Fact("account", f"{stem}{first + step}", key)])
            for step, draft in enumerate(chosen)
            if self.stock.claim(key, f"{stem}{first + step}")
        ]

    def _near_handle(self) -> list[tuple[Draft, list[Fact]]]:
        """Give two strangers ordinary user names on one service that differ in a letter."""
        key, handle = self.dice.one(KEYS), self.stock.frequent_handle(person(self.dice))
        other = one_letter_off(self.dice, handle)
        if not (self.stock.claim(key, handle) and self.stock.claim(key, other)):
            return []
        names = (handle, other)
        return [
            (draft, [Fact("account", name, key)])
            for draft, name in zip(self._some(2), names, strict=False)
        ]

    def _collision(self) -> list[tuple[Draft, list[Fact]]]:
        """Give the same ordinary user name to different people on several services."""
        chosen = self._some(self.dice.between(2, 4))
        handle, key = self.stock.frequent_handle(person(self.dice)), self.dice.one(KEYS)
        caught = []
        for draft in chosen:
            key = KEYS[(KEYS.index(key) + 1) % len(KEYS)]
            if self.stock.claim(key, handle):
                caught.append((draft, [Fact("account", handle, key)]))
        return caught

    def _registered_again(self) -> list[tuple[Draft, list[Fact]]]:
        """Give a user name on one service to another person five months later or more."""
        chosen = self._some(2, apart=_LATER)
        if not chosen:
            return []
        key = next((draft.desk for draft in chosen if draft.desk in KEYS), self.dice.one(KEYS))
        handle, _ = self.stock.account(key, person(self.dice))
        caught = []
        for draft in chosen:
            facts = [Fact("account", handle, key)]
            if draft.desk == key and "user_number" in DESKS[key].fields:
                facts.append(Fact("user_number", self.stock.user_number(), key))
            caught.append((draft, facts))
        return caught

    def _recycled_phone(self) -> list[tuple[Draft, list[Fact]]]:
        """Give a telephone number to another subscriber five months later or more."""
        number = self.stock.phone("FR")
        if number is None:
            return []
        return [(draft, [Fact("phone", number)]) for draft in self._some(2, apart=_LATER)]

    def _reassigned_prefix(self) -> list[tuple[Draft, list[Fact]]]:
        """Give an IPv6 prefix to another household five months later or more."""
        line = Fact("line", self.stock.prefix())
        return [(draft, [line]) for draft in self._some(2, apart=_LATER, field="line")]

    def _shared_victim(self) -> list[tuple[Draft, list[Fact]]]:
        """Let two or three offenders contact the same child, months apart."""
        child, key = self.stock.rare_handle(), self.dice.one(KEYS)
        fact = Fact("victim", child, f"account:{key}", "VICTIM")
        return [(draft, [fact]) for draft in self._some(self.dice.between(2, 3), apart=60 * _DAY)]

    def _role_swap(self) -> list[tuple[Draft, list[Fact]]]:
        """Make the victim of one report the suspect of another."""
        handle, key = self.stock.rare_handle(), self.dice.one(KEYS)
        facts = [Fact("victim", handle, f"account:{key}", "VICTIM"), Fact("account", handle, key)]
        return [(draft, [fact]) for draft, fact in zip(self._some(2), facts, strict=False)]

    def _near_value(self) -> list[tuple[Draft, list[Fact]]]:
        """Give two strangers numbers that differ in a digit, or mailboxes that differ in digits only."""
        chosen = self._some(2)
        number = self.stock.phone("FR") if self.dice.happens(0.5) else None
        other = self.stock.neighbour(number) if number else None
        if number and other:
            kind, values = "phone", (number, other)
        else:
            who = person(self.dice)
            kind, values = "email", (self.stock.email(who), self.stock.email(who))
        return [(draft, [Fact(kind, each)]) for draft, each in zip(chosen, values, strict=False)]

    def _short_case(self) -> list[tuple[Draft, list[Fact]]]:
        """Give two strangers shortened URLs that differ only in the case of their letters."""
        link = self.stock.short_link()
        host, _, code = link.rpartition("/")
        other = f"{host}/{code.swapcase()}"
        return [
            (draft, [Fact("short_link", each)])
            for draft, each in zip(self._some(2), (link, other), strict=False)
        ]

    def _same_evening(self) -> list[tuple[Draft, list[Fact]]]:
        """Make two separate incidents of the same hour, with other children in other games."""
        chosen = self._some(2, within=_DAY)
        if any(fact.kind in _TIMED for draft in chosen for fact in draft.facts):
            return []
        coins, caught = self.dice.between(20, 900), []
        for draft in chosen:
            draft.moment = chosen[0].moment + self.dice.between(0, 1200)
            value = f"{self.stock.rare_handle()}|{self.dice.between(100, 9999)}|{coins}"
            caught.append((draft, [Fact("event", value)]))
        return caught
