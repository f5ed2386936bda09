"""The whole lawful story of a blocked name, and of its lifting, played by the people of the demo."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from django.db import transaction

from fanal.accounts.operations.demo import NotADemo
from fanal.accounts.queries.people import has_demo_mark
from fanal.casework import queries as casework
from fanal.casework.domain.records import Event
from fanal.casework.operations.approvals import approve_act
from fanal.demo import people
from fanal.demo.content import material
from fanal.demo.tracks import addressee, follow, inform
from fanal.demo.world import World
from fanal.measures.blocking import acts
from fanal.measures.blocking.document import Ground
from fanal.measures.blocking.kind import BLOCKING, BLOCKS
from fanal.measures.blocking.names import read_name
from fanal.measures.blocking.views import BlockingView, list_blockings, view_of
from fanal.measures.domain.records import LiftOutcome
from fanal.measures.operations import issuing_authority
from fanal.orient.domain.records import Track

_HOUR, _MINUTE = timedelta(hours=1), timedelta(minutes=1)
_STORY = 42 * _HOUR
"""From the report to the listing: decision, first contact and 12 hours, receipt and 24 hours."""


def block(hosts: Sequence[str], *, now: datetime) -> None:
    """Play, for each host name, the story from a report to the list, so that the name is blocked at `now`.

    Two people propose and approve, and a supervisor vouches for a protected name; the clocks have run. A name
    already blocked by an act of its own stays as it is.

    Raises:
        NotADemo: the database does not carry the mark DEMO.
        Refusal: a name that nobody may block (kind `blocking`); then none is blocked.
    """
    names = _names(hosts)
    world = _world(now)
    blocked = {one.host for one in _in_force(world)}
    with transaction.atomic():
        for name in names:
            if name not in blocked:
                _block(world, name)


def lift(hosts: Sequence[str], *, now: datetime) -> None:
    """Lift every blocking in force that names one of the hosts: the content is gone, access is restored.

    A name below another blocked name stays blocked by that one.

    Raises:
        NotADemo: the database does not carry the mark DEMO.
        Refusal: a text that is no name that could be blocked (kind `blocking`).
    """
    names = set(_names(hosts))
    world = _world(now)
    officer = world.person("farid", now)
    with transaction.atomic():
        for one in _in_force(world):
            if one.host in names:
                for transition, outcome in (("lift", str(LiftOutcome.GONE)), ("restore", "")):
                    acts.record_blocking(
                        actor=officer,
                        blocking_id=one.act.id,
                        transition=transition,
                        event=Event(happened_at=now, proof="Constat (exemple)", outcome=outcome),
                        now=now,
                    )


def _names(hosts: Sequence[str]) -> list[str]:
    own = issuing_authority.own_names()
    return list(dict.fromkeys(str(read_name(host, own=own)) for host in hosts))


def _world(now: datetime) -> World:
    if not has_demo_mark():
        raise NotADemo("demo stories exist in a demo database only")
    world = World(now=now)
    people.open_desk(world, now - people.OPENED)
    return world


def _in_force(world: World) -> list[BlockingView]:
    officer = world.person("elise", world.now)
    found = list_blockings(actor=officer, states=BLOCKS, now=world.now)
    return [one for one in found if not one.lapsed]


def _block(world: World, host: str) -> None:
    start = world.now - _STORY
    name = f"BL-{host}-{world.now:%Y%m%dT%H%M%S%f}"
    report_id = world.from_partner(name, material(host, start, name), start)
    decided = start + _HOUR
    opened = world.decide(
        report_id,
        decided,
        tracks=(Track.JUDICIAL, Track.MEASURES),
        addressees={host: addressee(host)},
    ).opened["measure"]
    inform(world, host, decided + 12 * _MINUTE)
    received = follow(world, opened[0], ("approve", "send", "receive"), at=decided + _HOUR)
    blocking_id = acts.open_blocking(
        actor=world.person("ana", received + _HOUR),
        removal_id=opened[0],
        name=host,
        ground=Ground.UNEXECUTED,
        reasons="Les pages répondent encore (exemple).",
        now=received + _HOUR,
    )
    _take(world, blocking_id, "submit", received + _HOUR, by="ana")
    _approve(world, blocking_id, received + 2 * _HOUR)
    if _is_protected(world, blocking_id):
        _take(world, blocking_id, "vouch", received + 3 * _HOUR, by="claire")
    _take(world, blocking_id, "list", world.now, by="elise")


def _approve(world: World, blocking_id: UUID, at: datetime) -> None:
    actor = world.person("farid", at)
    file = casework.get_act(actor=actor, lifecycle=BLOCKING, act_id=blocking_id)
    if file is None:
        raise LookupError(str(blocking_id))
    approve_act(actor=actor, lifecycle=BLOCKING, act_id=blocking_id, digest=file.digest, now=at)


def _is_protected(world: World, blocking_id: UUID) -> bool:
    actor = world.person("elise", world.now)
    (act,) = casework.get_acts(actor=actor, lifecycle=BLOCKING, act_ids=[blocking_id]).values()
    return view_of(actor=actor, act=act, now=world.now).facts.protected


def _take(world: World, blocking_id: UUID, transition: str, at: datetime, *, by: str) -> None:
    acts.record_blocking(
        actor=world.person(by, at),
        blocking_id=blocking_id,
        transition=transition,
        event=Event(happened_at=at, reason="Vérifié (exemple)", proof="Constat (exemple)"),
        now=at,
    )
