"""Fourteen months of reports, decisions and measures in every state, made through the operations."""

from datetime import datetime, timedelta
from random import Random
from uuid import UUID

import msgspec

from fanal.casework.domain.records import Event
from fanal.formats.report.records import Channel, ReportKind
from fanal.intake.domain.records import ENTERED, Arrival, Format, Submission
from fanal.intake.operations.receive import receive_reports
from fanal.kernel.actors import Actor, Role, system_actor
from fanal.measures.operations import milestones
from fanal.measures.operations.drafts import withdraw_measure
from fanal.orient.operations.batch import orient_batch
from tests.integration.measures.stories import RECIPIENT, decide, seconded
from tests.integration.orient.people import WORKER, person
from tests.unit.orient.items import Place, item

SYSTEM = system_actor("tests")
_POSTCODES = ("", "75011", "13001", "59000", "97400", "20000", "93100", "33000", "98800", "")


def reports(now: datetime, *, count: int = 120) -> None:
    """Reports of all kinds and doors over fourteen months, more in the last ones."""
    chance = Random(7)
    channels = [arrival for arrival in Arrival if arrival not in ENTERED]
    items = []
    for n in range(count):
        at = now - timedelta(days=int(420 * chance.random() ** 1.5), minutes=n)
        body = msgspec.json.encode({"reference": f"R{n}", "n": n})
        submission = Submission(
            arrival=chance.choice(channels),
            format=Format.REPORT,
            body=body,
            canonical=body,
            urgent=chance.random() < 0.1,
        )
        receive_reports(actor=SYSTEM, submissions=[submission], now=at)
        kind = chance.choice([*list(ReportKind), ReportKind.GROOMING, ReportKind.ABUSE_MATERIAL])
        postcode = _POSTCODES[n * n % 101 % len(_POSTCODES)]
        place = Place(country="FR", postcode=postcode) if postcode else None
        items.append((at, item(kind, at=at, channel=chance.choice(list(Channel)), place=place)))
    for at, one in items:
        orient_batch(actor=WORKER, items=[one], now=at + timedelta(seconds=40))


def every_state(
    now: datetime, *, officer: Actor | None = None, author: Actor | None = None
) -> list[UUID]:
    """Measures that wait, were sent, received, suspended, executed, lifted and annulled."""
    officer = officer or person(Role.MEASURES_OFFICER)
    author = author or person(Role.ANALYST)
    told = Event(happened_at=now - timedelta(days=60), proof="informed")
    milestones.record_first_contact(
        actor=officer, recipient=RECIPIENT, event=told, now=told.happened_at
    )
    found = []
    for n, story in enumerate(_STORIES):
        at = now - timedelta(days=2 + 3 * n)
        [measure_id] = decide(author=author, now=at, at=at).opened["measure"]
        for step, name in enumerate(story):
            when = at + timedelta(hours=1 + step)
            if name == "approve":
                seconded(measure_id, author=author, officer=officer, now=when)
            else:
                _move(name, measure_id, officer, when)
        found.append(measure_id)
    return found


def one_that_left(now: datetime, *, officer: Actor, author: Actor) -> UUID:
    """A seconded measure that was given up, and had left all the same."""
    at = now - timedelta(days=1)
    [measure_id] = decide(author=author, now=at, at=at).opened["measure"]
    seconded(measure_id, author=author, officer=officer, now=at)
    withdraw_measure(actor=author, measure_id=measure_id, cause="", now=at)
    event = Event(happened_at=now, proof="mail")
    milestones.record_left(actor=officer, measure_id=measure_id, event=event, now=now)
    return measure_id


_STORIES = (
    (),
    ("approve",),
    ("approve", "send"),
    ("approve", "send", "receive"),
    ("approve", "send", "receive", "suspend"),
    ("approve", "send", "receive", "execute"),
    ("approve", "send", "receive", "execute", "lift"),
    ("approve", "send", "receive", "execute", "annul"),
)


def _move(name: str, measure_id: UUID, officer: Actor, at: datetime) -> None:
    event = Event(happened_at=at, proof=f"record of {name}", proof_digest="ab" * 32)
    _ACTS[name](actor=officer, measure_id=measure_id, event=event, now=at)


def _suspend(*, actor: Actor, measure_id: UUID, event: Event, now: datetime) -> None:
    from fanal.measures.domain.records import SuspensionCause

    milestones.suspend_clock(
        actor=actor,
        measure_id=measure_id,
        cause=SuspensionCause.CLARIFICATION,
        event=event,
        now=now,
    )


def _lift(*, actor: Actor, measure_id: UUID, event: Event, now: datetime) -> None:
    milestones.lift_measure(actor=actor, measure_id=measure_id, cause="", event=event, now=now)


_ACTS = {
    "send": milestones.record_sent,
    "receive": milestones.record_receipt,
    "suspend": _suspend,
    "execute": milestones.record_execution,
    "lift": _lift,
    "annul": milestones.annul_measure,
}
