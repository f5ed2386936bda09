"""Content of a report before it is written: facts, the draft that holds them, and the finished report."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from benchmarks.truth.telling import Told

EVIDENCE = frozenset(
    (
        "account", "user_number", "email", "phone", "money", "device", "line", "port", "file", "picture",
        "page", "short_link", "room", "person", "victim", "event", "words", "reporter",
    )
)  # fmt: skip
"""Kinds of facts that join reports."""


@dataclass(frozen=True, slots=True)
class Fact:
    """A statement of a report, such as an account or a telephone number.

    `kind` is its kind, `value` the true value and `place` its context: the key of a service, a kind of
    payment account, the digests shown of a file. `role` is that of the person concerned, `who` numbers the
    persons of a role. `manner` says how it is written: "" in a field of its own, "text" in a sentence, or
    "typo", "typo text", "script" (other alphabet). `trap` names the trap that set it. A `common` value is
    shared by unrelated people; a `rare` one is uncommon; `renamed`: the service is given under another name.
    `at` is when an address was used, in seconds after the first instant; -1: at the time of the incident.
    """

    kind: str
    value: str
    place: str = ""
    role: str = "SUSPECT"
    who: int = 0
    manner: str = ""
    trap: str = ""
    rare: bool = False
    renamed: bool = False
    common: bool = False
    at: int = -1

    def evidence(self) -> set[tuple[str, str]]:
        """Return (kind, value) of the clues that this fact gives, none if they are no evidence."""
        if self.common or self.kind not in EVIDENCE or (self.kind, self.place) == ("person", ""):
            return set()
        placed = self.kind in ("account", "user_number", "victim")
        value = self.value.lower() if self.kind == "account" else self.value
        keys = {(self.kind, f"{self.place}:{value}" if placed else value)}
        return keys | {("nickname", value)} if self.rare else keys


@dataclass(frozen=True, slots=True)
class Clue:
    """A true value that a report reveals: reports that share `kind` and `value` share evidence.

    `manner` is how it is written (`Fact`), `written` its form in the body, `service` the name of the service
    as written there; a `common` value is no evidence.
    """

    kind: str
    value: str
    manner: str
    written: str
    service: str = ""
    common: bool = False


@dataclass(slots=True)
class Draft:
    """A report to be written: sender (`desk`), arrival and incident times, language and facts.

    `at` is its arrival and `moment` its incident, both in seconds after the first instant; `label` the true
    dossier; `traps` the traps in it.
    """

    label: int
    at: int
    moment: int
    desk: str
    language: str
    facts: list[Fact] = field(default_factory=list)
    traps: set[str] = field(default_factory=set)


@dataclass(slots=True)
class BondedTold(Told):
    """A finished report: as `Told`, with the evidence that joins it to the other reports of its label.

    `clues` are the true values that it reveals. `bond` names the easiest kind of evidence that the report
    shares with an earlier one of its label; else "first", "single" (a label of one report), "bridge" (only
    later reports join it) or "nothing".
    """

    bond: str = ""
    clues: tuple[Clue, ...] = ()


_BY_KIND = {
    "nickname": "handle_elsewhere",
    "user_number": "renamed_account",
    "person": "name_and_birth",
    "victim": "same_victim",
    "event": "two_languages",
    "reporter": "follow_up",
    "words": "same_words",
}
_IN_TEXT = {
    "account": "handle_in_text",
    "email": "email_in_text",
    "phone": "phone_in_text",
    "money": "money_in_text",
}
BONDS = (
    "account",
    "email",
    "phone",
    "money",
    "device",
    "renamed_account",
    "file",
    "page",
    "room",
    "short_link",
    "platform_names",
    "name_and_birth",
    "handle_in_text",
    "email_in_text",
    "phone_in_text",
    "money_in_text",
    "handle_elsewhere",
    "line",
    "port",
    "same_victim",
    "follow_up",
    "script",
    "two_languages",
    "picture",
    "handle_typo",
    "same_words",
)
"""Kinds of evidence, the easiest for a reader first."""
APART = ("single", "first", "bridge", "nothing")
"""Bonds of reports that share nothing with an earlier report of their label."""


def bond_of(one: Clue, other: Clue) -> str:
    """Return the kind of evidence (`BONDS`) of two clues with the same value, by how both are written."""
    if "typo" in one.manner or "typo" in other.manner:
        return "handle_typo"
    if "script" in one.manner + other.manner and one.written != other.written:
        return "script"
    if "text" in one.manner or "text" in other.manner:
        return _IN_TEXT.get(one.kind) or _BY_KIND.get(one.kind, one.kind)
    if one.kind == "account" and one.service != other.service:
        return "platform_names"
    return _BY_KIND.get(one.kind, one.kind)


def shared_values(
    one: Iterable[Clue], other: Iterable[Clue]
) -> dict[tuple[str, str], tuple[Clue, Clue]]:
    """Return by (kind, value) the pairs of clues that two reports share as evidence.

    A user name counts once: as an account, else as an uncommon name on another service.
    """
    first = {(clue.kind, clue.value): clue for clue in one if not clue.common}
    shared = {
        (clue.kind, clue.value): (first[clue.kind, clue.value], clue)
        for clue in other
        if not clue.common and (clue.kind, clue.value) in first
    }
    names = {value.partition(":")[2] for kind, value in shared if kind == "account"}
    return {
        key: pair for key, pair in shared.items() if key[0] != "nickname" or key[1] not in names
    }


def bonds_of(reports: list[tuple[Clue, ...]]) -> list[str]:
    """Return the bond of each report of a label (`BondedTold.bond`), from the clues of each, oldest first."""
    if len(reports) == 1:
        return ["single"]
    reports = [tuple(clue for clue in clues if not clue.common) for clues in reports]
    seen: dict[tuple[str, str], list[Clue]] = {}
    holders: dict[tuple[str, str], int] = {}
    for clues in reports:
        for key in {(clue.kind, clue.value) for clue in clues}:
            holders[key] = holders.get(key, 0) + 1
    bonds = []
    for place, clues in enumerate(reports):
        found = {
            bond_of(clue, earlier)
            for clue in clues
            for earlier in seen.get((clue.kind, clue.value), ())
        }
        shared = any(holders[clue.kind, clue.value] > 1 for clue in clues)
        if found:
            bonds.append(min(found, key=BONDS.index))
        elif shared:
            bonds.append("bridge" if place else "first")
        else:
            bonds.append("nothing")
        for clue in clues:
            seen.setdefault((clue.kind, clue.value), []).append(clue)
    return bonds
