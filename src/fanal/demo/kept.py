"""Demo events of older reports: some due for review, one with a proposed expiry that awaits approval."""

from datetime import datetime, timedelta
from functools import partial

from fanal.demo.content import material
from fanal.demo.world import DemoEvent, World
from fanal.intake import operations as intake
from fanal.orient.domain.records import Track

_TAKEN_OVER = timedelta(days=395)
_AGE = timedelta(days=800)
"""More than the two years after which a report's retention is reviewed; outside the statistics."""
_NO_LONGER = (
    "Plus aucun acte ne s’appuie sur ce signalement ; l’adresse n’existe plus depuis un an."
)
KEPT = ("KP-archive-1", "KP-archive-2", "KP-archive-3")


def events() -> list[DemoEvent]:
    """Return the events of older reports, and the proposal to let one of them expire."""
    return [
        *(
            DemoEvent(
                before=_TAKEN_OVER - timedelta(hours=number),
                play=partial(_take_over, name=name, age=_AGE - timedelta(days=9 * number)),
                story="kept",
                report=name,
            )
            for number, name in enumerate(KEPT)
        ),
        DemoEvent(before=timedelta(days=2, hours=3), play=_propose_end),
    ]


def _take_over(world: World, at: datetime, *, name: str, age: timedelta) -> None:
    received = world.now - age
    body = material(f"{name.lower()}.example", received, name, addresses=1)
    report_id = world.from_partner(name, body, received)
    world.decide(report_id, at, by="claire", tracks=(Track.NONE,))


def _propose_end(world: World, at: datetime) -> None:
    intake.review_report(
        actor=world.person("claire", at),
        report_id=world.find(KEPT[-1]),
        end=True,
        motive=_NO_LONGER,
        now=at,
    )
