"""Demo events of dereferencings: a removal request whose addresses search engines are asked not to list."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from fanal.casework import queries as casework
from fanal.casework.domain.records import Addressee, AddresseeKind, Event
from fanal.casework.operations.approvals import approve_act
from fanal.demo.content import material
from fanal.demo.tracks import addressee, follow, inform
from fanal.demo.world import DemoEvent, Play, World
from fanal.measures.dereferencing import acts
from fanal.measures.dereferencing.kind import DEREFERENCING
from fanal.orient.domain.records import Track

_HOUR = timedelta(hours=1)
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
class _Way:
    """A removal request of the demo and its dereferencings: for each recipient, the transitions.

    `hours`: how long before loading its report arrives.
    """

    host: str
    hours: float
    steps: tuple[tuple[Addressee, tuple[str, ...]], ...]


WAYS: tuple[_Way, ...] = (
    _Way(
        host="serre-lune.example",
        hours=1950,
        steps=(
            (_ENGINE, (*_SENT, "confirm", "check")),
            (_DIRECTORY, (*_SENT, "confirm", "lift", "ask", "restore")),
        ),
    ),
    _Way(
        host="verger-gris.test",
        hours=400,
        steps=((_ENGINE, (*_SENT, "confirm", "lift", "ask")), (_DIRECTORY, (*_SENT, "lift"))),
    ),
    _Way(
        host="digue-est.example",
        hours=70,
        steps=((_ENGINE, (*_SENT, "confirm", "doubt")), (_DIRECTORY, (*_SENT, "free"))),
    ),
    _Way(
        host="phare-sud.test",
        hours=40,
        steps=((_ENGINE, _SENT), (_DIRECTORY, ("submit", "approve"))),
    ),
    _Way(
        host="moulin-bas.example",
        hours=26,
        steps=((_ENGINE, ("submit",)), (_DIRECTORY, ("withdraw",))),
    ),
    _Way(host="etang-clair.test", hours=25, steps=((_ENGINE, ()),)),
)


def events() -> list[DemoEvent]:
    """Return one demo event for each entry of `WAYS`: report, decision, removal request, dereferencings."""
    return [
        DemoEvent(
            before=way.hours * _HOUR, play=_play(way), story="dereferencings", report=_name(way)
        )
        for way in WAYS
    ]


def _name(way: _Way) -> str:
    return f"DR-{way.host}"


def _play(way: _Way) -> Play:
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
            (act_id,) = acts.open_dereferencings(
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
        acts.record_dereferencing(
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
