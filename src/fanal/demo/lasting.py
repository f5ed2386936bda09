"""Demo of measures that last until they are lifted: dereferencing of addresses, blocking of a domain name.

A dereferencing asks search engines not to list the addresses of a removal request. `block` and `lift` play
all lawful steps of a blocking and of its end, by the people of the demo (`fanal demo block`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.db import transaction

from fanal.accounts.operations.demo import NotADemo
from fanal.accounts.queries.people import has_demo_mark
from fanal.casework import queries as casework
from fanal.casework.domain.records import Addressee, AddresseeKind, Event
from fanal.casework.operations.approvals import approve_act
from fanal.demo import people
from fanal.demo.content import material
from fanal.demo.tracks import addressee, follow, inform
from fanal.demo.world import DemoEvent, Play, World
from fanal.measures.blocking.acts import open_blocking, record_blocking
from fanal.measures.blocking.document import Ground
from fanal.measures.blocking.kind import BLOCKING, BLOCKS
from fanal.measures.blocking.names import read_name
from fanal.measures.blocking.views import BlockingView, list_blockings, view_of
from fanal.measures.dereferencing.acts import open_dereferencings, record_dereferencing
from fanal.measures.dereferencing.kind import DEREFERENCING
from fanal.measures.domain.records import LiftOutcome
from fanal.measures.operations import issuing_authority
from fanal.orient.domain.records import Track

_HOUR, _MINUTE = timedelta(hours=1), timedelta(minutes=1)
_ENGINE = Addressee(
    kind=AddresseeKind.SEARCH_ENGINE, name="Cherche (exemple)", contact="juridique@cherche.example"
)
_DIRECTORY = Addressee(
    kind=AddresseeKind.DIRECTORY, name="Annuaire (exemple)", contact="contact@annuaire.example"
)
_REASONS = "Les pages se trouvent par des mots ordinaires (exemple)."
_SENT = ("submit", "approve", "notify")
_AUTHORS = {"submit": "ana", "withdraw": "ana", "free": "ana", "review": "farid", "keep": "farid"}
_OUTCOMES = {"doubt": "APPEAL", "lift": "GONE"}
_PAUSES = {"check": 1400 * _HOUR, "lift": 300 * _HOUR, "doubt": 20 * _HOUR, "restore": 30 * _HOUR}


@dataclass(frozen=True, slots=True, kw_only=True)
class _DereferencingWay:
    """A removal request of the demo and its dereferencings.

    `host` is the host name of the content. `hours` is how long before the loading of the demo its report
    arrives. `steps` are the recipients, each with the names of the transitions of its dereferencing.
    """

    host: str
    hours: float
    steps: tuple[tuple[Addressee, tuple[str, ...]], ...]


WAYS: tuple[_DereferencingWay, ...] = (
    _DereferencingWay(
        host="serre-lune.example",
        hours=1950,
        steps=(
            (_ENGINE, (*_SENT, "confirm", "check")),
            (_DIRECTORY, (*_SENT, "confirm", "lift", "ask", "restore")),
        ),
    ),
    _DereferencingWay(
        host="verger-gris.test",
        hours=400,
        steps=((_ENGINE, (*_SENT, "confirm", "lift", "ask")), (_DIRECTORY, (*_SENT, "lift"))),
    ),
    _DereferencingWay(
        host="digue-est.example",
        hours=70,
        steps=((_ENGINE, (*_SENT, "confirm", "doubt")), (_DIRECTORY, (*_SENT, "free"))),
    ),
    _DereferencingWay(
        host="phare-sud.test",
        hours=40,
        steps=((_ENGINE, _SENT), (_DIRECTORY, ("submit", "approve"))),
    ),
    _DereferencingWay(
        host="moulin-bas.example",
        hours=26,
        steps=((_ENGINE, ("submit",)), (_DIRECTORY, ("withdraw",))),
    ),
    _DereferencingWay(host="etang-clair.test", hours=25, steps=((_ENGINE, ()),)),
)


def events() -> list[DemoEvent]:
    """Return the demo events of dereferencings, one for each entry of `WAYS`.

    Each plays a report, the decision on it, a removal request and its dereferencings.
    """
    return [
        DemoEvent(
            before=way.hours * _HOUR, play=_play(way), story="dereferencings", report=_name(way)
        )
        for way in WAYS
    ]


def _name(way: _DereferencingWay) -> str:
    return f"DR-{way.host}"


def _play(way: _DereferencingWay) -> Play:
    def play(world: World, at: datetime) -> None:
        report_id = world.from_partner(_name(way), material(way.host, at, _name(way)), at)
        opened = world.decide(
            report_id,
            at + _HOUR,
            tracks=(Track.JUDICIAL, Track.MEASURES),
            addressees={way.host: addressee(way.host)},
        ).opened["measure"]
        inform(world, way.host, at + 1.2 * _HOUR)
        sent = follow(world, opened[0], ("approve", "send", "receive"), at=at + 2 * _HOUR)
        for recipient, transitions in way.steps:
            (act_id,) = open_dereferencings(
                actor=world.person("ana", sent),
                removal_id=opened[0],
                recipients=[recipient],
                reasons=_REASONS,
                now=sent,
            )
            _follow(world, act_id, transitions, at=sent)

    return play


def _follow(world: World, act_id: UUID, transitions: Sequence[str], *, at: datetime) -> None:
    moment = at
    for transition in transitions:
        moment += _PAUSES.get(transition, _HOUR)
        actor = world.person(_AUTHORS.get(transition, "elise"), moment)
        if transition == "approve":
            file = casework.get_act(actor=actor, lifecycle=DEREFERENCING, act_id=act_id)
            if file is None:
                raise LookupError(str(act_id))
            approve_act(
                actor=actor, lifecycle=DEREFERENCING, act_id=act_id, digest=file.digest, now=moment
            )
            continue
        record_dereferencing(
            actor=actor,
            act_id=act_id,
            transition=transition,
            event=Event(
                happened_at=moment,
                proof="Constat (exemple)",
                reason="Vérifié (exemple)",
                outcome=_OUTCOMES.get(transition, ""),
            ),
            now=moment,
        )


_STORY = 42 * _HOUR
"""From the report to the listing: decision, first contact and 12 hours, receipt and 24 hours."""


def block(hosts: Sequence[str], *, now: datetime) -> None:
    """Block each host name at `now`, with all the steps that the law requires, dated in the past.

    The steps: a report, the decision, a removal request left without effect for its legal delays, the
    proposal to block and its approval by a second person, the confirmation by a supervisor of a protected
    name, and the entry in the blocking list. A name already blocked by an act of its own stays as it is.

    Raises:
        NotADemo: the database is not marked as a demo.
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

    A subdomain of another blocked name stays blocked by that one.

    Raises:
        NotADemo: the database is not marked as a demo.
        Refusal: a text that is no name that could be blocked (kind `blocking`).
    """
    names = set(_names(hosts))
    world = _world(now)
    officer = world.person("farid", now)
    with transaction.atomic():
        for one in _in_force(world):
            if one.host in names:
                for transition, outcome in (("lift", str(LiftOutcome.GONE)), ("restore", "")):
                    record_blocking(
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
    blocking_id = open_blocking(
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
    record_blocking(
        actor=world.person(by, at),
        blocking_id=blocking_id,
        transition=transition,
        event=Event(happened_at=at, reason="Vérifié (exemple)", proof="Constat (exemple)"),
        now=at,
    )
