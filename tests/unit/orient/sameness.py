"""Small reports that are the same in many ways: what tests of folding put together."""

import hashlib
from datetime import datetime, timedelta
from random import Random
from uuid import UUID

from msgspec import structs

from fanal.formats.report.records import File, Handle, IpSighting, Person, PersonRole
from fanal.harmonise.domain.records import Selector, SelectorKind, SelectorRole
from fanal.orient.domain.records import OrientItem
from tests.unit.orient.items import NOW, item, period

PROVIDERS = (UUID(int=11), UUID(int=12))
MONDAY = datetime(2026, 11, 23, 6, 0, tzinfo=NOW.tzinfo)


def picture(name: str, turned: int = 0) -> File:
    """A file that does not exist: its hashes, with some bits of its PDQ hash turned."""
    pdq = int(hashlib.sha256(f"pdq/{name}".encode()).hexdigest(), 16) ^ ((1 << turned) - 1)
    return File(sha256=hashlib.sha256(f"{name}/{turned}".encode()).hexdigest(), pdq=f"{pdq:064x}")


def account(handle: str, *, address: str = "", at: str | None = None) -> Person:
    """A suspect by a name on a service, perhaps with an address."""
    ips = (IpSighting(value=address, at=at),) if address else ()
    return Person(role=PersonRole.SUSPECT, handles=(Handle(value=handle),), ips=ips)


def report(
    *files: File,
    who: str = "",
    provider: int = 0,
    at: datetime = MONDAY,
    day: str = "",
    **values: object,
) -> OrientItem:
    """One provider's report of files in the hands of an account."""
    if who:
        values.setdefault("persons", (account(who),))
        values["selectors"] = (
            Selector(kind=SelectorKind.HANDLE, value=who, role=SelectorRole.SUSPECT),
        )
    made = item(at=at, files=files, occurred=period(day, day) if day else None, **values)  # type: ignore[arg-type]
    return structs.replace(made, sender_id=PROVIDERS[provider])


def mixed(luck: Random, count: int) -> list[OrientItem]:
    """Return reports among which every level finds something, in any order of their ids."""
    made = []
    for _ in range(count):
        name = luck.choice("ABC")
        file = picture(name, luck.choice((0, 0, 12, 20, 40)))
        made.append(
            report(
                *([file] if luck.random() < 0.9 else []),
                who=luck.choice(("", "one", "two", "three")),
                provider=luck.randrange(2),
                at=MONDAY + timedelta(minutes=luck.randrange(60 * 24 * 3)),
                day=luck.choice(("", "2026-11-20", "2026-11-21")),
                emergency=luck.random() < 0.05,
            )
        )
    return made
