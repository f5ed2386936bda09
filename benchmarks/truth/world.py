"""Labelled reports: people, the values that truly join their reports, and traps that join unrelated people.

A label is a true dossier: one offender, or one ring. Two reports belong together exactly if their labels are
equal.
"""

from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import NamedTuple

from benchmarks.truth.dice import Dice
from benchmarks.truth.people import People, Someone
from benchmarks.truth.telling import SPAN, Commons, Teller, Told, common_handle, victim

_MONTH = 30 * 86_400


class _Part(NamedTuple):
    share: float
    make: Callable[["World"], Iterator[Told]]


class World:
    """Makes about `size` labelled reports from a seed."""

    def __init__(self, size: int, *, seed: int) -> None:
        self.dice = Dice(seed)
        self.people = People(self.dice)
        self.teller = Teller(self.dice, Commons.drawn(self.dice, size))
        self.size = size
        self._label = 0

    def reports(self) -> list[Told]:
        """Return the reports in the order of their incidents."""
        found: list[Told] = []
        for part in _PARTS:
            wanted = len(found) + int(self.size * part.share)
            while len(found) < wanted:
                found.extend(part.make(self))
        return sorted(found, key=lambda told: (told.at, told.reference))

    def offender(self, label: int | None = None) -> Someone:
        """Return a new person with a random period of acts; `label`: that of their ring, or a new one."""
        length = self.dice.tail(_MONTH // 2, SPAN, steepness=0.8)
        since = self.dice.below(max(1, SPAN - length))
        return self.people.someone(
            self.fresh_label() if label is None else label, since=since, until=since + length
        )

    def times(self, person: Someone, least: int, most: int) -> list[int]:
        """Return between `least` and `most` times of reports about a person, ascending, in seconds."""
        count = self.dice.tail(least, most, steepness=1.3)
        return sorted(self.teller.when(person) for _ in range(count))

    def fresh_label(self) -> int:
        """Return a new label."""
        self._label += 1
        return self._label


def _singles(world: World) -> Iterator[Told]:
    """Yield the only report about a person."""
    person = world.offender()
    yield world.teller.report(person, world.teller.when(person))


def _repeated(world: World) -> Iterator[Told]:
    """Yield several reports about one person, up to some hundreds."""
    person = world.offender()
    for at in world.times(person, 2, max(20, min(300, world.size // 60))):
        yield world.teller.report(person, at)


def _moving(world: World) -> Iterator[Told]:
    """Yield reports of a person who returns with a new e-mail and handle, but the same device or number."""
    person, people = world.offender(), world.people
    for turn, at in enumerate(world.times(person, 3, 24)):
        if turn % 3 == 2:
            fresh = people.email(person), people.handle(person)
            person.emails, person.handles = [fresh[0]], [fresh[1]]
        yield world.teller.report(person, at, traps=frozenset({"REREGISTERED"}))


def _rings(world: World) -> Iterator[Told]:
    """Yield reports of a ring: some name two members, others may name a page; all but one share a wallet."""
    dice, teller = world.dice, world.teller
    head = world.offender()
    members = [head, *(world.offender(head.label) for _ in range(dice.between(1, 5)))]
    page = f"https://{dice.word(12)}.test/{dice.word(8)}"
    wallet = world.people.wallet()
    mark = frozenset({"RING"})
    for one, other in pairwise(members):
        yield teller.report(one, teller.when(one), other, traps=mark)
        one.accounts.append(wallet)
    for member in members:
        for at in world.times(member, 1, 12):
            told = teller.report(member, at, traps=mark)
            if dice.happens(0.4):
                told.body["urls"] = [page]
            yield told
    for _ in range(dice.between(0, 2)):
        yield teller.page(head.label, page, teller.when(head), traps=mark)


def _families(world: World) -> Iterator[Told]:
    """Yield reports of different people of one home: same IP address, device, landline and surname."""
    dice = world.dice
    first = world.offender()
    landline = world.people.landline()
    for _ in range(dice.between(2, 4)):
        one = world.offender()
        one.family, one.line, one.postcode = first.family, first.line, first.postcode
        one.since, one.until = first.since, first.until
        one.devices = [first.devices[0], *one.devices]
        if landline:
            one.phones = [landline, *one.phones]
        for at in world.times(one, 1, 6):
            yield world.teller.report(one, at, traps=frozenset({"FAMILY"}))


def _numbers_again(world: World) -> Iterator[Told]:
    """Yield reports of two people with the same mobile number, reassigned months later."""
    first, second = world.offender(), world.offender()
    number = world.people.mobile()
    first.since, first.until = 0, 4 * _MONTH
    second.since, second.until = 9 * _MONTH, 13 * _MONTH
    for one in (first, second):
        one.phones = [number] if number else []
        for at in world.times(one, 1, 8):
            yield world.teller.report(one, at, traps=frozenset({"RECYCLED_PHONE"}))


def _same_names(world: World) -> Iterator[Told]:
    """Yield reports of two people with the same name, or the same handle (other service or later)."""
    first, second = world.offender(), world.offender()
    kind = world.dice.below(3)
    if kind == 0:
        second.given, second.family = first.given, first.family
    elif kind == 1:
        name = common_handle(world.dice)[1]
        first.handles, second.handles = [("Chatline", name)], [("Pixlo", name)]
    else:
        first.handles = second.handles = [common_handle(world.dice)]
    mark = frozenset({("NAMESAKE", "HANDLE_COLLISION", "HANDLE_TAKEN_AGAIN")[kind]})
    for one in (first, second):
        for at in world.times(one, 1, 6):
            yield world.teller.report(one, at, traps=mark)


def _victims(world: World) -> Iterator[Told]:
    """Yield reports of two strangers with the same victim, who sometimes is a suspect elsewhere."""
    dice = world.dice
    child = world.offender()
    swapped = dice.happens(0.4)
    for _ in range(2):
        one = world.offender()
        for at in world.times(one, 1, 5):
            told = world.teller.report(
                one, at, traps=frozenset({"ROLE_SWAP" if swapped else "SHARED_VICTIM"})
            )
            told.body["persons"].append(victim(dice, child))  # type: ignore[attr-defined]
            yield told
    if swapped:
        yield world.teller.report(child, world.teller.when(child), traps=frozenset({"ROLE_SWAP"}))


def _shared_places(world: World) -> Iterator[Told]:
    """Yield reports of a person at a public computer, or with an account at an exchange, shared by others."""
    commons, dice = world.teller.commons, world.dice
    person = world.offender()
    mark = "CAFE" if dice.happens(0.5) else "EXCHANGE"
    if mark == "CAFE":
        digits = dice.often_first(commons.cafes)
        person.devices = [
            f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"
        ]
    else:
        person.accounts = [dice.often_first(commons.wallets)]
    for at in world.times(person, 1, 4):
        yield world.teller.report(person, at, traps=frozenset({mark}))


def _mailboxes(world: World) -> Iterator[Told]:
    """Yield reports of two or three people who share a mailbox, each with accounts of their own."""
    shared = world.people.email(world.offender())
    for _ in range(world.dice.between(2, 3)):
        one = world.offender()
        one.emails = [shared, *one.emails]
        for at in world.times(one, 1, 3):
            yield world.teller.report(one, at, traps=frozenset({"SHARED_MAILBOX"}))


def _citizens(world: World) -> Iterator[Told]:
    """Yield reports of a person, by providers in fields and by the public in sentences."""
    person = world.offender()
    for at in world.times(person, 2, 10):
        spoken = world.dice.happens(0.35)
        yield world.teller.citizen(person, at) if spoken else world.teller.report(person, at)


def _viral_pages(world: World) -> Iterator[Told]:
    """Yield a report of a viral link, with a label of its own."""
    teller = world.teller
    label = world.fresh_label()
    url = world.dice.often_first(teller.commons.urls)
    yield teller.page(label, url, world.dice.below(SPAN), traps=frozenset({"VIRAL"}))


_PARTS = (
    _Part(0.26, _singles), _Part(0.3, _repeated), _Part(0.08, _moving), _Part(0.08, _rings),
    _Part(0.06, _families), _Part(0.03, _numbers_again), _Part(0.04, _same_names),
    _Part(0.04, _victims), _Part(0.03, _shared_places), _Part(0.002, _mailboxes),
    _Part(0.06, _citizens), _Part(0.02, _viral_pages),
)  # fmt: skip
