"""A hosting provider's notification of suspected criminal offences (article 18 of Regulation (EU) 2022/2065).

The regulation prescribes no format; this is Fanal's own mapping, version 1.
"""

from typing import Literal

from msgspec import structs

from fanal.formats.envelope import (
    Part,
    Provider,
    from_leaves,
    read_envelope,
    write_envelope,
    written_report,
)
from fanal.formats.ncmec.instants import is_instant
from fanal.formats.refusal import DocumentFault, FormatRefused
from fanal.formats.report.records import PersonRole, PlaceRole, Report

Ground = Literal["OFFENCE", "SUSPECT", "VICTIM"]


class Concerned(Part, frozen=True, kw_only=True):
    """A Member State concerned (`country`, ISO 3166-1), by art. 18(2).

    `ground`: the offence took place there, or the suspect or the victim resides there.
    """

    country: str
    ground: Ground


class Informed(Part, frozen=True, kw_only=True):
    """Another authority that the provider has informed, with its country and the date; None if not stated."""

    authority: str
    country: str | None = None
    at: str | None = None


class ProviderStep(Part, frozen=True, kw_only=True):
    """A step (`code`) that the provider took on the content or account, its date, and a remark (`note`)."""

    code: Literal["REMOVED", "ACCESS_DISABLED", "ACCOUNT_SUSPENDED", "DATA_PRESERVED", "OTHER"]
    at: str | None = None
    note: str | None = None


class Notification(Part, frozen=True, kw_only=True):
    """The fields of a notification under article 18 DSA, without the enclosed report.

    `threat` is what the suspected offence threatens (life, safety or both), `stage` whether it has taken
    place, is taking place or is likely to (art. 18(1)); `suspicion` gives the reasons, `offence` the offence.
    If no Member State concerned can be identified with reasonable certainty, `not_identified` is true and
    `fallback` names the authority informed instead. `aware_at` is when the provider became aware of the
    offence, `informed` the other authorities that it has informed, `steps` what it has done. `format` is the
    mark of the format, `notified_at` the date; `other_information` is free text.
    """

    format: Literal["fanal/dsa-18/1"]
    notification_id: str
    notified_at: str
    provider: Provider
    threat: Literal["LIFE", "SAFETY", "LIFE_AND_SAFETY"]
    stage: Literal["PAST", "ONGOING", "LIKELY", "UNKNOWN"]
    suspicion: str
    offence: str | None = None
    aware_at: str | None = None
    member_states: tuple[Concerned, ...] = ()
    not_identified: bool = False
    fallback: Literal["ESTABLISHMENT", "EUROPOL"] | None = None
    informed: tuple[Informed, ...] = ()
    steps: tuple[ProviderStep, ...] = ()
    other_information: str | None = None


def read_notification(body: bytes) -> tuple[Notification, Report]:
    """Parse a notification under article 18 DSA; return (its own fields, the enclosed report).

    Raises:
        FormatRefused: not a notification, an empty id or suspicion, neither a Member State nor a fallback
            authority, or a malformed instant.
    """
    found, report = read_envelope(body, Notification)
    for name in ("notification_id", "suspicion"):
        if not getattr(found, name).strip():
            raise FormatRefused(DocumentFault.MISSING_FIELD, name)
    if not found.member_states and not (found.not_identified and found.fallback):
        raise FormatRefused(DocumentFault.MISSING_FIELD, "member_states")
    instants = [("notified_at", found.notified_at), ("aware_at", found.aware_at)]
    instants += [(f"informed[{n}]/at", i.at) for n, i in enumerate(found.informed, start=1)]
    instants += [(f"steps[{n}]/at", s.at) for n, s in enumerate(found.steps, start=1)]
    for path, text in instants:
        if text is not None and not is_instant(text):
            raise FormatRefused(DocumentFault.BAD_DATE, path)
    return found, report


def notification_of(
    report: Report,
    *,
    pairs: list[tuple[str, str]],
    reason: str | None,
    provider: str,
    received_at: str,
) -> bytes:
    """Serialise a report as a notification (JSON): with its original fields (`pairs`), else derived ones.

    `pairs` are the (path, value) pairs of the envelope that the report came in, if any (`envelope.leaves`).
    Derived fields state no more than the report: the Member States are those of its place, suspects and
    victims; if it names none, Europol is informed (art. 18(2)). For these, `provider` is the name of the
    provider, `received_at` becomes the date of notification, and `reason` the suspicion (None: the report's
    description, or else its kind). Associated persons, which the enclosed report may not hold, become text in
    `other_information`.
    """
    kept, told = written_report(report, pairs=pairs)
    own = from_leaves(pairs, Notification)
    found = own or _drawn(kept, reason=reason, provider=provider, received_at=received_at)
    if told:
        given = found.other_information
        found = structs.replace(found, other_information=f"{given}\n{told}" if given else told)
    return write_envelope(found, kept)


def _drawn(report: Report, *, reason: str | None, provider: str, received_at: str) -> Notification:
    states = _states(report)
    return Notification(
        format="fanal/dsa-18/1",
        notification_id=report.reference,
        notified_at=received_at,
        provider=Provider(name=provider),
        threat="SAFETY",
        stage="ONGOING" if report.emergency else "UNKNOWN",
        suspicion=reason or report.description or report.kind.value,
        member_states=states,
        not_identified=not states,
        fallback=None if states else "EUROPOL",
    )


def _states(report: Report) -> tuple[Concerned, ...]:
    found: dict[tuple[str, Ground], None] = {}
    if report.place is not None and report.place.country:
        found[report.place.country, "OFFENCE"] = None
    for stated in report.places:
        if stated.country:
            found[stated.country, _PLACES[stated.role]] = None
    grounds: dict[PersonRole, Ground] = {
        PersonRole.SUSPECT: "SUSPECT",
        PersonRole.VICTIM: "VICTIM",
    }
    for person in report.persons:
        if person.country and person.role in grounds:
            found[person.country, grounds[person.role]] = None
    return tuple(
        Concerned(country=country, ground=ground)
        for country, ground in found
        if country in _MEMBER_STATES
    )


_PLACES: dict[PlaceRole, Ground] = {
    PlaceRole.CHILD: "VICTIM",
    PlaceRole.PERSON: "SUSPECT",
    PlaceRole.MEETING: "OFFENCE",
}
_MEMBER_STATES = frozenset(
    {
        *("AT", "BE", "BG", "CY", "CZ", "DE", "DK", "EE", "ES", "FI", "FR", "GR", "HR", "HU"),
        *("IE", "IT", "LT", "LU", "LV", "MT", "NL", "PL", "PT", "RO", "SE", "SI", "SK"),
    }
)
