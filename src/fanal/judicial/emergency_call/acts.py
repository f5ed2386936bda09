"""Operations and queries of emergency calls: opened with an alarm or by hand, recorded, listed."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import lru_cache, partial
from uuid import UUID

import msgspec
from django.db import transaction

from fanal import reference
from fanal.analyse.signals.domain.ages import age_of, occurred_on
from fanal.casework import queries as acts
from fanal.casework.domain.inbox import Inbox
from fanal.casework.domain.records import Act, ActDraft, Event
from fanal.casework.operations.acts import open_act, take_step
from fanal.db import sql
from fanal.formats.report.records import Person, PersonRole, PlaceRole
from fanal.harmonise.domain.records import HarmonisedReport
from fanal.intake.domain.number import desk_number
from fanal.intake.operations.lifecycle import require_unerased
from fanal.intake.queries.envelopes import list_messages, report_number
from fanal.judicial.emergency_call.document import (
    CalledPerson,
    CallFacts,
    CallPlace,
    Said,
    words_to_say,
    write_call,
)
from fanal.judicial.emergency_call.kind import EMERGENCY_CALL, TO_MAKE, EmergencyCallState
from fanal.kernel.actors import Actor
from fanal.kernel.ids import instant_of
from fanal.kernel.refusal import Refusal
from fanal.kernel.states import TransitionRefused
from fanal.orient.alarms.operations.alarms import acknowledge_alarm
from fanal.orient.alarms.queries import alarms_of
from fanal.orient.domain.clocks import desk_deadline
from fanal.orient.domain.records import Alarm
from fanal.reference.words import Value

SHOWN = 20
"""Most calls that `calls_to_make` returns: as many as a page shows."""
_COUNTED = 1000
_PERSONS = 3
_KNOWN = 4
_LOCK = 0x43414C4C  # "CALL"
_AHEAD = timedelta(hours=1)
"""Longest time by which a call may precede its report: whoever sends it may have telephoned first."""


def take_alarms(
    *,
    actor: Actor,
    alarm_ids: Iterable[UUID],
    report_id: UUID,
    record: HarmonisedReport | None,
    now: datetime,
) -> bool:
    """Acknowledge alarms (notices of a child in danger) of a report, and open its emergency call.

    Both happen in one transaction. `record` is the harmonised report, None if it is not harmonised yet.
    Return False if all of these alarms had been acknowledged before; then no call is opened. Alarms of
    another report are ignored. Those of an erased report are acknowledged without a call.

    Raises:
        Refusal: BEING_ERASED: its erasure is in progress, and may be rolled back: nothing is acknowledged.
        Refused: the actor may not acknowledge alarms at that desk.
    """
    own = {alarm.id: alarm for alarm in alarms_of(actor=actor, report_id=report_id)}
    with transaction.atomic():
        erased = _is_erased(report_id)
        _hold_calls(report_id)
        taken = [
            own[alarm_id]
            for alarm_id in dict.fromkeys(alarm_ids)
            if alarm_id in own and acknowledge_alarm(actor=actor, alarm_id=alarm_id, now=now)
        ]
        if taken and not erased:
            desk_id = taken[0].desk_id
            open_call(actor=actor, report_id=report_id, desk_id=desk_id, record=record, now=now)
    return bool(taken)


def open_call(
    *,
    actor: Actor,
    report_id: UUID,
    desk_id: int,
    record: HarmonisedReport | None,
    now: datetime,
) -> UUID:
    """Open an emergency call on a report, and acknowledge its alarms; return the id of the act.

    If a call on that report is still to be made, return that one. `record` is the harmonised report, None if
    it is not harmonised yet; `desk_id` is the report's desk.

    Raises:
        Refusal: ERASED, BEING_ERASED: the report is erased, or its erasure is in progress.
        Refused: the actor may not acknowledge alarms at that desk.
    """
    with transaction.atomic():
        require_unerased(report_ids=[report_id], of=EMERGENCY_CALL.kind, waits=False)
        _hold_calls(report_id)
        _answer(actor, alarms_of(actor=actor, report_id=report_id), now)
        known = calls_on(actor=actor, report_id=report_id)
        if waiting := [act for act in known if act.state in TO_MAKE]:
            return waiting[0].id
        draft = draft_of(
            report_id, desk_id=desk_id, record=record, number=report_number(report_id=report_id)
        )
        return open_act(actor=actor, lifecycle=EMERGENCY_CALL, draft=draft, now=now)


def open_recorded(
    *,
    actor: Actor,
    draft: ActDraft,
    shown: int,
    news: str,
    transition: str,
    event: Event,
    now: datetime,
) -> UUID:
    """Open an emergency call that was already made, and record its first step, in one transaction.

    `draft` is that of `draft_of`; the step is `transition` and `event`. The report's alarms are acknowledged.
    `shown` and `news` state what the page showed before the call (optimistic locking): the number of calls on
    the report, none of them still to be made, and the token of `news_on`. Return the id of the act.

    Raises:
        TransitionRefused: somebody has opened another call since; nothing is recorded.
        Refusal: NEWS_SINCE, an alarm or the reporter's message has come since: the call was not about it;
            ERASED, the report is erased; BEING_ERASED, its erasure is in progress.
        Refusal, Refused, OSError: from `record_call`; nothing is recorded.
    """
    with transaction.atomic():
        require_unerased(report_ids=[draft.subject_id], of=EMERGENCY_CALL.kind, waits=False)
        _hold_calls(draft.subject_id)
        known = calls_on(actor=actor, report_id=draft.subject_id)
        if len(known) != shown or any(act.state in TO_MAKE for act in known):
            raise TransitionRefused(EMERGENCY_CALL.states.name, "another call", transition)
        alarms = alarms_of(actor=actor, report_id=draft.subject_id)
        if news != _news(actor, draft.subject_id, alarms):
            raise Refusal(EMERGENCY_CALL.kind, "NEWS_SINCE")
        _answer(actor, alarms, now)
        call_id = open_act(actor=actor, lifecycle=EMERGENCY_CALL, draft=draft, now=now)
        later = now + timedelta(milliseconds=1)  # entries of one instant have no order
        record_call(actor=actor, call_id=call_id, transition=transition, event=event, now=later)
    return call_id


def news_on(*, actor: Actor, report_id: UUID) -> str:
    """Return a token of the alarms and of the reporter's messages that have come on a report so far.

    It consists of their two numbers and changes with each new one: `open_recorded` refuses an outdated token.
    """
    return _news(actor, report_id, alarms_of(actor=actor, report_id=report_id))


def _news(actor: Actor, report_id: UUID, alarms: Sequence[Alarm]) -> str:
    messages = list_messages(actor=actor, report_id=report_id)
    return f"{len(alarms)}-{sum(not message.from_desk for message in messages)}"


def _answer(actor: Actor, alarms: Iterable[Alarm], now: datetime) -> None:
    for alarm in alarms:
        if alarm.acknowledged_at is None:
            acknowledge_alarm(actor=actor, alarm_id=alarm.id, now=now)


def _is_erased(report_id: UUID) -> bool:
    """Lock a report against erasure until the transaction ends, and return whether it is erased already.

    Raises:
        Refusal: BEING_ERASED, its erasure is in progress.
    """
    try:
        require_unerased(report_ids=[report_id], of=EMERGENCY_CALL.kind, waits=False)
    except Refusal as refused:
        if refused.code != "ERASED":
            raise
        return True
    return False


def _hold_calls(report_id: UUID) -> None:
    """Take the lock on a report's calls until the transaction ends, before any row of its alarms or calls.

    Two people who take the alarms of one report get one call.
    """
    sql.run("SELECT pg_advisory_xact_lock(%s, hashtext(%s))", [_LOCK, str(report_id)])


def draft_of(
    report_id: UUID, *, desk_id: int, record: HarmonisedReport | None, number: str = ""
) -> ActDraft:
    """Return the draft of an emergency call on a report, with the sentences to say by its present facts.

    `record` is the harmonised report, None if it is not harmonised yet; `desk_id` its desk, `number` its
    number.
    """
    facts = facts_of(report_id, record, number=number)
    return ActDraft(
        desk_id=desk_id,
        subject_id=report_id,
        report_ids=(report_id,),
        addressee="EMERGENCY",
        level="DANGER",
        content=write_call(facts, words=_words, label=reference.label),
    )


def record_call(
    *, actor: Actor, call_id: UUID, transition: str, event: Event, now: datetime
) -> UUID:
    """Record a step of an emergency call, and return the id of its report.

    `transition` is `answer`, `miss`, `decline` (no call needed), `confirm` (the service acts) or `again`
    (call again). `event` has the time, at most an hour before the report came in (by its id), and the proof:
    who answered, or the reason of `decline` and `again`.

    Raises:
        ActUnknown, Refusal, TransitionRefused, Refused, OSError: from `casework.operations.acts.take_step`.
    """
    return take_step(
        actor=actor,
        lifecycle=EMERGENCY_CALL,
        act_id=call_id,
        transition=transition,
        event=event,
        now=now,
        before=after_receipt,
    )


def after_receipt(act: Act, event: Event) -> Event:
    """Return `event`, a step of the call `act`, unless it is dated long before the report came in.

    Raises:
        Refusal: EVENT_TOO_EARLY, more than an hour before the receipt.
    """
    if event.happened_at < instant_of(act.subject_id) - _AHEAD:
        raise Refusal(act.kind, "EVENT_TOO_EARLY")
    return event


def calls_to_make(
    *, actor: Actor, but: Collection[UUID] = frozenset()
) -> tuple[tuple[Act, ...], int]:
    """Return the emergency calls of the actor's desks still to be made, oldest first, and their number.

    Calls on the reports `but` are left out. Of more than `SHOWN` (20) calls, half are the oldest and half the
    newest, since the call of a child may follow a flood of others. At most a thousand are counted.
    """
    found = acts.list_acts(
        actor=actor, lifecycle=EMERGENCY_CALL, states=TO_MAKE, newest=True, limit=_COUNTED
    )
    calls = [act for act in reversed(found) if act.subject_id not in but]
    if len(calls) <= SHOWN:
        return tuple(calls), len(calls)
    return (*calls[: SHOWN // 2], *calls[-SHOWN // 2 :]), len(calls)


def calls_on(*, actor: Actor, report_id: UUID) -> tuple[Act, ...]:
    """Return the emergency calls on a report, oldest first, at the desks whose reports the actor may read."""
    found = acts.acts_on(
        actor=actor, lifecycle=EMERGENCY_CALL, subject_ids=[report_id], right="report.read"
    )
    return found.get(report_id, ())


def facts_of(report_id: UUID, record: HarmonisedReport | None, *, number: str = "") -> CallFacts:
    """Return the facts that a caller states of a report; only its number while `record` is None.

    `number` is the report's; without it, the earlier one that its id contains.
    """
    number = number or desk_number(report_id)
    if record is None:
        return CallFacts(report_id=report_id, number=number)
    victims = [person for person in record.persons if person.role is PersonRole.VICTIM]
    suspects = [person for person in record.persons if person.role is PersonRole.SUSPECT]
    occurred = record.occurred
    described = partial(_described, on=occurred_on(record), platform=record.platform or "")
    return CallFacts(
        report_id=report_id,
        number=number,
        kind=record.kind.value,
        child=_child(record, victims),
        person=_stated(record, PlaceRole.PERSON) or CallPlace(),
        meeting=_stated(record, PlaceRole.MEETING),
        victims=tuple(map(described, victims[:_PERSONS])),
        suspects=tuple(map(described, suspects[:_PERSONS])),
        earliest=occurred.earliest if occurred else "",
        precision=occurred.precision if occurred else "",
        platform=record.platform or "",
    )


def said_of(facts: CallFacts, *, lang: str) -> tuple[Said, ...]:
    """Return the sentences that state these facts in an emergency call, line by line.

    `lang` is fr or en.
    """
    return words_to_say(facts, words=_words, label=reference.label, lang=lang)


def _stated(record: HarmonisedReport, role: PlaceRole) -> CallPlace | None:
    """Return the first place that the report states with this role; None without one."""
    place = next((one for one in record.places if one.role is role), None)
    if place is None:
        return None
    return CallPlace(
        country=place.country or "",
        locality=place.locality or "",
        postcode=place.postcode or "",
        earliest=place.time.earliest if place.time else "",
        precision=place.time.precision if place.time else "",
    )


def _child(record: HarmonisedReport, victims: Sequence[Person]) -> CallPlace:
    """Return the stated place of the child, with the country of the victims where it names none."""
    stated = _stated(record, PlaceRole.CHILD)
    if stated is None:
        return _of_victims(record, victims)
    country = stated.country or next((one.country for one in victims if one.country), "")
    return msgspec.structs.replace(stated, country=_code_of(country))


@lru_cache(maxsize=256)
def _code_of(country: str) -> str:
    """Return the ISO code of a country that a report names in French or English; other words as they are."""
    words = reference.load().words
    named = country.strip().casefold()
    for code in words.codes("country"):
        if named in {reference.label("country", code, x).casefold() for x in ("fr", "en")}:
            return code
    return country


def _of_victims(record: HarmonisedReport, victims: Sequence[Person]) -> CallPlace:
    """Return the place of the victims as persons of the report, completed by that of the facts."""
    country = next((one.country for one in victims if one.country), None)
    postcode = next((one.postcode for one in victims if one.postcode), None)
    place = record.place
    here = place if place and country in {None, place.country} else None
    return CallPlace(
        country=_code_of(country or (place.country if place else "") or ""),
        locality=(here.locality if here else "") or "",
        postcode=postcode or (here.postcode if here else "") or "",
    )


def _described(person: Person, *, on: str | None, platform: str) -> CalledPerson:
    """Return a person as a caller names them; an identifier on the report's own `platform` comes without it.

    `on` is the time of the facts (RFC 3339), from which the age in years is computed.
    """
    handles = [
        f"{one.value} ({one.platform})"
        if one.platform and one.platform.casefold() != platform.casefold()
        else one.value
        for one in person.handles
    ]
    return CalledPerson(
        age=age_of(person, on=on),
        name=person.name or "",
        known=(*handles, *person.phones)[:_KNOWN],
    )


def _words(code: str, parameters: Mapping[str, Value], lang: str) -> str:
    return reference.load().words.render(code, parameters, lang, kind="emergency_call_script")


def _deadline(state: str, level: str, start: datetime) -> datetime:
    """Return the desk's deadline for the next step of a call; to make the call, that of the level DANGER."""
    stage = "REMIND" if state == EmergencyCallState.ANSWERED else "CALL"
    named = level if stage == "REMIND" else "DANGER"
    return desk_deadline(catalogue=reference.load(), stage=stage, level=named, start=start)


CALLS = Inbox(
    lifecycle=EMERGENCY_CALL,
    awaited=frozenset({str(EmergencyCallState.ANSWERED)}),
    deadline=_deadline,
)
"""The inbox of emergency calls; the confirmation of an answered one is awaited."""
