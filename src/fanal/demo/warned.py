"""Demo events of removal requests: one approved despite a warning, one sent before its report reopened."""

from datetime import datetime, timedelta

from fanal.casework.domain.records import Event as Recorded
from fanal.demo.content import material
from fanal.demo.tracks import addressee, follow, inform
from fanal.demo.world import DemoEvent, World
from fanal.measures import operations as measures, queries as measured
from fanal.measures.domain.records import Measure
from fanal.measures.domain.warnings import Asked
from fanal.orient import operations as orient
from fanal.orient.domain.records import Track

_BOTH = (Track.JUDICIAL, Track.MEASURES)
_HOUR = timedelta(hours=1)
_BACK = "photos-lac.test"
_LEFT = "carnet-bleu.example"


def events() -> list[DemoEvent]:
    """Return the two events."""
    return [
        DemoEvent(before=34 * _HOUR, play=_back, story="measures", report=f"MS-again-{_BACK}"),
        DemoEvent(before=28 * _HOUR, play=_left, story="measures", report=f"MS-{_LEFT}"),
    ]


def _back(world: World, at: datetime) -> None:
    """Report an album again at addresses removed by a measure: both people give a reason to continue."""
    name = f"MS-again-{_BACK}"
    earlier = material(_BACK, at, f"MS-{_BACK}")
    body = material(_BACK, at, name) | {"urls": earlier["urls"]}
    measure = _drafted(world, name, body, host=_BACK, at=at)
    measures.submit_measure(
        actor=world.person("ana", at + 2 * _HOUR),
        measure_id=measure.id,
        seen=_tokens(world, measure, at + 2 * _HOUR),
        reason="L’album est revenu aux mêmes adresses, constaté ce matin.",
        now=at + 2 * _HOUR,
    )
    measures.approve_measure(
        actor=world.person("elise", at + 4 * _HOUR),
        measure_id=measure.id,
        digest=measure.digest,
        seen=_tokens(world, measure, at + 4 * _HOUR),
        reason="Vérifié ce jour ; la première demande est exécutée et ne vaut plus.",
        now=at + 4 * _HOUR,
    )


def _left(world: World, at: datetime) -> None:
    """Send a request, reopen its report, and record the sending only then."""
    measure = _drafted(world, f"MS-{_LEFT}", material(_LEFT, at, f"MS-{_LEFT}"), host=_LEFT, at=at)
    inform(world, _LEFT, at + _HOUR)
    follow(world, measure.id, ("approve",), at=at + 2 * _HOUR)
    opened, recorded = at + 20 * _HOUR, at + 21 * _HOUR
    orient.reopen_case(
        actor=world.person("claire", opened), report_id=measure.report_id, now=opened
    )
    measures.record_left(
        actor=world.person("elise", recorded),
        measure_id=measure.id,
        event=Recorded(happened_at=at + 16 * _HOUR, proof="Courriel au point de contact"),
        now=recorded,
    )


def _drafted(
    world: World, name: str, body: dict[str, object], *, host: str, at: datetime
) -> Measure:
    report_id = world.from_partner(name, body, at)
    (measure_id,) = world.decide(
        report_id, at + _HOUR, tracks=_BOTH, addressees={host: addressee(host)}
    ).opened["measure"]
    found = measured.get_measure(actor=world.person("elise", at), measure_id=measure_id)
    if found is None:
        raise LookupError(name)
    return found.measure


def _tokens(world: World, measure: Measure, at: datetime) -> set[str]:
    """Return the tokens that a form sends back for the displayed warnings of a measure."""
    asked = Asked(desk_id=measure.desk_id, report_id=measure.report_id, request=measure.request)
    found = measured.warnings_on(actor=world.person("elise", at), asked=[asked])[measure.id]
    return {token for one in found for token in one.tokens}
