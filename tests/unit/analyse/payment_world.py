"""A seeded, neutral world of payers with its truth, apart from the code that is judged.

Every kind of payer is drawn by a function of its own from what people do with money, not from the typology
file. Nothing here is of a real person.
"""

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from random import Random
from uuid import UUID

from fanal.analyse.payments.domain.transfers import Paid, PayingParty

START = datetime(2026, 1, 1, tzinfo=UTC)
UNTIL = datetime(2026, 11, 1, tzinfo=UTC)
DAYS = (UNTIL - START).days
COUNTRIES = ("PH", "TH", "RO", "CO", "MA", "SN", "FR", "DE", "CI", "UA")
TARGETS = frozenset({"viewer", "traveller_to_be", "pressed_teen", "pressed_adult"})


class Maker:
    """Makes transfers with ids of their own."""

    def __init__(self, luck: Random) -> None:
        self.luck = luck
        self._count = 0

    def paid(
        self, sender: PayingParty, to: PayingParty, at: datetime, amount: float, label: str = ""
    ) -> Paid:
        self._count += 1
        return Paid(
            id=UUID(int=self._count),
            sender=sender,
            beneficiary=to,
            at=at,
            exact=True,
            amount=f"{amount:.2f}",
            currency="EUR",
            euros=round(amount, 2),
            label=label,
            words=label.lower(),
            operator="transfers example",
        )


def at(luck: Random, day: float, hours: tuple[int, int]) -> datetime:
    """Return an instant on a day, at an hour of Paris in winter."""
    hour = luck.randrange(*hours) % 24
    return START + timedelta(days=int(day), hours=hour - 1, minutes=luck.randrange(60))


def party(name: str, country: str = "FR", born: date | None = None) -> PayingParty:
    return PayingParty(
        key=f"HANDLE|{name}@transfers example", shown=name, country=country, born=born
    )


Kind = Callable[[Maker, Random, str], Iterator[Paid]]
RINGS = [
    party(f"ring-{n}", country) for n, country in enumerate(("PH", "PH", "TH", "RO", "CO", "PH"))
]
PRESSERS = [party(f"presser-{n}", "CI") for n in range(5)]
CHARITIES = [party(f"charity-{n}", "FR") for n in range(2)]
SHOPS = [party(f"shop-{n}", "DE") for n in range(3)]
WORDS = ("gift", "family support", "school fees", "", "", "thanks", "help")


def viewer(make: Maker, luck: Random, name: str) -> Iterator[Paid]:
    """Small sums, again and again, mostly in the evening, to somebody whom others pay as well."""
    me, day = party(name, "FR", date(1975, 1, 1)), luck.uniform(0, DAYS - 80)
    for _ in range(luck.randrange(4, 16)):
        day += luck.uniform(1, 9)
        hours = (21, 27) if luck.random() < 0.7 else (9, 21)
        amount = luck.choice((15, 20, 25, 30, 40, 50, 60, 75, 100)) + luck.choice((0, 0, 0, 2.5))
        to = luck.choice(RINGS[:4]) if luck.random() < 0.15 else RINGS[hash_of(name) % len(RINGS)]
        yield make.paid(me, to, at(luck, day, hours), amount, luck.choice(WORDS))


def traveller_to_be(make: Maker, luck: Random, name: str) -> Iterator[Paid]:
    """Sums that grow over weeks, then a ticket."""
    me, to, day, amount = (
        party(name),
        RINGS[hash_of(name) % len(RINGS)],
        luck.uniform(0, DAYS - 120),
        20.0,
    )
    for _ in range(luck.randrange(5, 10)):
        day += luck.uniform(3, 10)
        yield make.paid(me, to, at(luck, day, (18, 27)), amount, luck.choice(WORDS))
        amount = float(round(amount * luck.uniform(1.0, 1.4) / 5) * 5)
    yield make.paid(
        me, party("air example", "FR"), at(luck, day + 5, (9, 20)), 740, "flight ticket"
    )


def pressed(make: Maker, luck: Random, me: PayingParty) -> Iterator[Paid]:
    """A few payments within hours, then nothing more."""
    day, to = luck.uniform(0, DAYS - 40), luck.choice(PRESSERS)
    amount, when = float(luck.choice((30, 50, 80, 100, 150))), at(luck, day, (17, 24))
    for _ in range(luck.randrange(3, 6)):
        yield make.paid(me, to, when, amount, luck.choice(("", "", "@k.lumen")))
        when += timedelta(hours=luck.uniform(0.3, 14))
        amount = min(400.0, amount * luck.uniform(0.8, 1.8))


def pressed_teen(make: Maker, luck: Random, name: str) -> Iterator[Paid]:
    return pressed(make, luck, party(name, "FR", date(2026 - luck.randrange(14, 19), 3, 1)))


def pressed_adult(make: Maker, luck: Random, name: str) -> Iterator[Paid]:
    return pressed(make, luck, party(name, "FR", date(2026 - luck.randrange(20, 50), 3, 1)))


def family_by_month(make: Maker, luck: Random, name: str) -> Iterator[Paid]:
    """Somebody who sends money home each month, after work, at times by night."""
    me, to = party(name, "FR", date(1985, 5, 5)), party(f"home-{name}", luck.choice(COUNTRIES[:6]))
    usual = luck.choice((100, 120, 150, 180, 200, 250, 300))
    for month in range(luck.randrange(5, 10)):
        day = 30.4 * month + luck.uniform(0, 5)
        yield make.paid(
            me, to, at(luck, day, (17, 25)), usual, luck.choice(("family support", "family"))
        )


def family_by_week(make: Maker, luck: Random, name: str) -> Iterator[Paid]:
    """Fifty a week to a parent abroad, and more for school in September."""
    me, to = party(name), party(f"home-{name}", luck.choice(COUNTRIES[:6]))
    usual = luck.choice((30, 40, 50, 60))
    start = luck.uniform(0, 120)
    for week in range(luck.randrange(6, 20)):
        day = start + 7 * week + luck.uniform(-1, 1)
        yield make.paid(
            me, to, at(luck, day, (12, 24)), usual, luck.choice(("family support", "", "gift"))
        )


def irregular_help(make: Maker, luck: Random, name: str) -> Iterator[Paid]:
    """Help for cousins when they ask: uneven sums, no rhythm, two or three beneficiaries."""
    me = party(name)
    cousins = [party(f"cousin-{name}-{n}", luck.choice(COUNTRIES[:6])) for n in range(3)]
    day = luck.uniform(0, 100)
    for _ in range(luck.randrange(3, 9)):
        day += luck.uniform(4, 40)
        amount = luck.choice((35, 60, 80, 120, 250, 400)) + luck.choice((0, 3.5))
        yield make.paid(
            me,
            luck.choice(cousins),
            at(luck, day, (9, 24)),
            amount,
            luck.choice(("medical bills", "help", "")),
        )


def employer(make: Maker, luck: Random, name: str) -> Iterator[Paid]:
    me = party(name, "DE")
    staff = [
        party(f"staff-{name}-{n}", luck.choice(("RO", "UA", "FR")))
        for n in range(luck.randrange(3, 9))
    ]
    for month in range(8):
        for person in staff:
            yield make.paid(
                me, person, at(luck, 30.4 * month + 27, (8, 18)), luck.uniform(900, 2400), "salary"
            )


def donor(make: Maker, luck: Random, name: str) -> Iterator[Paid]:
    me, to, usual = party(name), luck.choice(CHARITIES), luck.choice((10, 20, 30, 50))
    for month in range(luck.randrange(4, 10)):
        yield make.paid(
            me, to, at(luck, 30.4 * month + 4, (6, 23)), usual, luck.choice(("gift", "donation"))
        )


def holidaymaker(make: Maker, luck: Random, name: str) -> Iterator[Paid]:
    me, day = party(name), luck.uniform(10, DAYS - 40)
    hotel = party(f"hotel-{name}", luck.choice(("TH", "PH", "CO")))
    yield make.paid(
        me,
        party("air example", "FR"),
        at(luck, day, (9, 24)),
        luck.uniform(500, 1200),
        "flight ticket",
    )
    for night in range(luck.randrange(1, 4)):
        yield make.paid(
            me, hotel, at(luck, day + 20 + night, (2, 24)), luck.uniform(40, 160), "hotel"
        )


def friends(make: Maker, luck: Random, name: str) -> Iterator[Paid]:
    """Bills shared in the evening, odd sums, at home."""
    me, day = party(name, "FR", date(2026 - luck.randrange(17, 35), 6, 1)), luck.uniform(0, 60)
    mates = [party(f"mate-{luck.randrange(900)}", "FR") for _ in range(4)]
    for _ in range(luck.randrange(4, 25)):
        day += luck.uniform(0.5, 12)
        yield make.paid(
            me,
            luck.choice(mates),
            at(luck, day, (19, 27)),
            luck.uniform(4, 45),
            luck.choice(("pizza", "cinema", "")),
        )


def shopper(make: Maker, luck: Random, name: str) -> Iterator[Paid]:
    me, day = (
        party(name, "FR", date(2026 - luck.randrange(15, 60), 6, 1)),
        luck.uniform(0, DAYS - 20),
    )
    for _ in range(luck.randrange(1, 6)):
        day += luck.uniform(0, 12)
        yield make.paid(
            me,
            luck.choice(SHOPS),
            at(luck, day, (8, 27)),
            luck.choice((9.99, 19.9, 25, 50, 120)),
            "order",
        )


def collection(make: Maker, luck: Random, name: str) -> Iterator[Paid]:
    """One gift to a colleague who leaves, together with the others of the office."""
    me, office = party(name), hash_of(name) % 20
    yield make.paid(
        me,
        party(f"colleague-{office}", "FR"),
        at(luck, 10 * office + 3, (9, 24)),
        luck.choice((10, 15, 20)),
        "gift",
    )


def savings_group(make: Maker, luck: Random, name: str) -> Iterator[Paid]:
    """A dozen people who pay the same sum each month to whoever holds the purse."""
    me, group = party(name), hash_of(name) % 12
    holder = party(f"purse-{group}", luck.choice(("FR", "FR", "SN", "CI", "PH")))
    for month in range(luck.randrange(5, 10)):
        yield make.paid(
            me, holder, at(luck, 30.4 * month + 2, (10, 23)), 100, luck.choice(("savings", ""))
        )


def student(make: Maker, luck: Random, name: str) -> Iterator[Paid]:
    """A parent who pays a student abroad when asked: small, round, at times by night."""
    me, child, day = (
        party(name),
        party(f"student-{name}", luck.choice(("RO", "US", "DE", "PH"))),
        luck.uniform(0, 100),
    )
    for _ in range(luck.randrange(5, 14)):
        day += luck.uniform(4, 20)
        yield make.paid(
            me,
            child,
            at(luck, day, (8, 25)),
            luck.choice((30, 50, 100, 150)),
            luck.choice(("education", "", "rent")),
        )


CAST: dict[Kind, int] = {
    viewer: 60,
    traveller_to_be: 15,
    pressed_teen: 40,
    pressed_adult: 15,
    family_by_month: 400,
    family_by_week: 150,
    irregular_help: 200,
    employer: 20,
    donor: 400,
    holidaymaker: 200,
    friends: 250,
    shopper: 400,
    collection: 200,
    savings_group: 100,
    student: 100,
}


def hash_of(name: str) -> int:
    return int(name.rpartition("-")[2])


def world(seed: int) -> tuple[list[Paid], dict[str, str]]:
    """Return all transfers in no order, and the kind of each payer by key."""
    luck = Random(seed)
    make = Maker(luck)
    transfers: list[Paid] = []
    kinds: dict[str, str] = {}
    for kind, count in CAST.items():
        for number in range(count):
            name = f"{kind.__name__}-{number}"
            mine = list(kind(make, luck, name))
            kinds[mine[0].sender.key] = kind.__name__
            transfers += mine
    luck.shuffle(transfers)
    return transfers, kinds
