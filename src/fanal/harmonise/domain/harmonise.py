"""Harmonisation of drafts (reports as read from their source format) to the canonical record.

Identifiers get a canonical form and become selectors, by which reports are compared; classes of files and
incidents are mapped between schemes; each value that is unreadable gives a warning.
"""

from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from uuid import UUID

from msgspec import structs

from fanal.formats.report.records import Channel, File, Place, PlaceRole, StatedPlace
from fanal.harmonise.domain.collect import Collector, Origin
from fanal.harmonise.domain.computed import collect_computed, is_low
from fanal.harmonise.domain.people import (
    ReadPerson,
    collect_payments,
    collect_person,
    country_code,
    is_reporter,
    read_person,
    texts_of,
    withhold_reporter,
)
from fanal.harmonise.domain.records import (
    Category,
    ComputedFile,
    HarmonisedPlace,
    HarmonisedReport,
    HarmonisedUrl,
    SelectorKind as Kind,
    SelectorRole,
    TimeRange,
)
from fanal.harmonise.domain.redaction.reporter import is_of_reporter
from fanal.harmonise.domain.sources.building import Draft
from fanal.harmonise.domain.values.handles import read_game
from fanal.harmonise.domain.values.hashes import read_hash
from fanal.harmonise.domain.values.texts import find_selectors
from fanal.harmonise.domain.values.times import read_time
from fanal.harmonise.domain.values.urls import TRACKING_VERSION, read_url
from fanal.harmonise.domain.vocabulary import BRIDGE, categories_of, is_known

RULE_VERSION = f"harmonise-1/bridge-{BRIDGE.version}/tracking-{TRACKING_VERSION}"
_CONTENT = SelectorRole.CONTENT
_HASHES = tuple((kind, kind.lower()) for kind in (Kind.SHA256, Kind.SHA1, Kind.MD5, Kind.PDQ))
_GAMES = frozenset({Channel.GAME, Channel.METAVERSE})
_ADDRESSES = frozenset({Kind.URL, Kind.HOST})
# Fields of external formats in which a person writes sentences; the others hold one fact each.
_SENTENCES = frozenset(
    {
        "additionalinfo",
        "content",
        "profilebio",
        "incidentdatetimedescription",
        "comments",
        "filenames",
    }
    | {"physicaldescription", "chatroomname", "additional", "value", "description", "text"}
)
_COARSENESS = ("SECOND", "MINUTE", "HOUR", "DAY", "MONTH", "YEAR")


def harmonise(drafts: Iterable[tuple[UUID, Draft]]) -> list[HarmonisedReport]:
    """Return the harmonised report of each (report id, draft as read from its source), in order.

    No draft is refused: an unreadable value stays as its source wrote it, with a warning. The result holds
    the reporter's own values in `persons`; `reporter.withhold` removes them before storage.
    """
    return [harmonise_one(report_id, draft) for report_id, draft in drafts]


def harmonise_one(report_id: UUID, draft: Draft) -> HarmonisedReport:
    """Return the harmonised report of one draft, a report as read from its source format.

    No draft is refused: an unreadable value stays as written, with a warning.
    """
    place = _place(draft.place)
    countries = _countries(place, draft)
    collector = Collector(countries=countries)
    people = [
        read_person(person, f"persons[{i}]", countries=countries, platform=draft.platform)
        for i, person in enumerate(draft.persons)
    ]
    urls, files = _collect_fields(draft, people, collector)
    _collect_texts(draft, collector)
    occurred = _occurred(draft, collector)
    places = tuple(_stated(p, f"places[{i}]", collector) for i, p in enumerate(draft.places))
    categories = _categories(draft, collector)
    return HarmonisedReport(
        report_id=report_id,
        reference=draft.reference,
        kind=draft.kind,
        emergency=draft.emergency,
        escalation_reason=draft.escalation_reason,
        annotations=draft.annotations,
        stated=draft.stated,
        occurred=occurred,
        occurred_at=draft.occurred_at,
        occurred_until=draft.occurred_until,
        language=draft.language,
        channel=draft.channel,
        platform=draft.platform,
        place=place,
        places=places,
        urls=urls,
        description=draft.description,
        conversation=draft.conversation,
        persons=tuple(read.person for read in people),
        files=files,
        computed=draft.computed,
        payments=draft.payments,
        categories=categories,
        extra=draft.extra,
        warnings=(*draft.warnings, *collector.warnings()),
        selectors=collector.selectors(),
        rule_version=RULE_VERSION,
    )


def _collect_fields(
    draft: Draft, people: list[ReadPerson], collector: Collector
) -> tuple[tuple[HarmonisedUrl, ...], tuple[File, ...]]:
    """Add the identifiers in a draft's fields to the collector; return its addresses and files, canonical.

    `people` are its persons, parsed. The reporter's values are registered first, so that no later field adds
    them as selectors.
    """
    for read in people:
        if is_reporter(read.person):
            withhold_reporter(read, collector)
    for read in people:
        if not is_reporter(read.person):
            collect_person(read, collector)
    addresses = [read_url(text) for text in draft.urls]
    for place, address in enumerate(addresses):
        collector.add_url(address, Origin(role=_CONTENT, source=f"urls[{place}]"))
    _collect_loose(draft, collector)
    collect_payments(draft.payments, collector)
    files = tuple(
        [_collect_file(file, n, collector, draft.computed) for n, file in enumerate(draft.files)]
    )
    if draft.computed:
        collect_computed(draft.computed, collector)
    return tuple([address.record() for address in addresses]), files


def _collect_loose(draft: Draft, collector: Collector) -> None:
    for raw in draft.loose:
        origin = Origin(role=raw.role, source=raw.source, at=raw.at, port=raw.port, weak=raw.weak)
        collector.add_raw(raw.kind, raw.value, origin)
    if draft.platform and draft.channel in _GAMES:
        game = read_game(draft.platform)
        if game is not None:
            collector.add(Kind.GAME, game, Origin(role=_CONTENT, source="platform"))


def _collect_file(
    file: File, place: int, collector: Collector, computed: Sequence[ComputedFile]
) -> File:
    """Add the hashes of a file (`files[place]`) as selectors; return it with readable hashes canonical.

    A PDQ hash that `computed` (the desk's own hashing) shows to be of low quality yields no selector:
    pictures without detail have the same hash. `collector` gathers the report's selectors. A selector is an
    identifier by which reports are compared.
    """
    canonical = {}
    for kind, name in _HASHES:
        text: str | None = getattr(file, name)
        if text is None:
            continue
        value, path = read_hash(kind, text), f"files[{place}].{name}"
        if value is None:
            collector.warn(path, f"{kind}_UNREADABLE", text)
            continue
        if not (computed and kind is Kind.PDQ and is_low(file, place, computed)):
            collector.add(kind, value, Origin(role=_CONTENT, source=path))
        if value != text:
            canonical[name] = value
    return structs.replace(file, **canonical) if canonical else file


def _collect_texts(draft: Draft, collector: Collector) -> None:
    for path, text in _texts(draft):
        for hit in find_selectors(text, countries=collector.countries, platform=draft.platform):
            origin = Origin(role=_CONTENT, source=path, port=hit.port, weak=True)
            if hit.kind in _ADDRESSES:
                collector.add_raw(hit.kind, hit.value, origin)
            else:
                collector.add(hit.kind, hit.value, origin)


def _texts(draft: Draft) -> Iterator[tuple[str, str]]:
    if draft.description:
        yield "description", draft.description
    for place, message in enumerate(draft.conversation):
        if message.text:
            yield f"conversation[{place}].text", message.text
    if draft.escalation_reason:
        yield "escalation_reason", draft.escalation_reason
    yield from texts_of(draft.payments)
    told = draft.description or ""
    for extra in draft.extra:
        # Some sources repeat a value of `extra` in the description: it is read once.
        if _is_sentence(extra.path) and extra.value not in told:
            yield extra.path, extra.value


@lru_cache(maxsize=8192)
def _is_sentence(path: str) -> bool:
    leaf = path.lower().replace("/", ".").rpartition(".")[2].partition("[")[0]
    return leaf in _SENTENCES and not is_of_reporter(path)


def _categories(draft: Draft, collector: Collector) -> tuple[Category, ...]:
    given = {(hint.scheme, hint.code): hint.path for hint in draft.hints}
    for place, file in enumerate(draft.files):
        named = file.classification
        if named is not None:
            given.setdefault((named.scheme, named.code), f"files[{place}].classification")
    for (scheme, code), path in given.items():
        if not is_known(scheme, code):
            collector.warn(path, "CLASS_UNKNOWN", code)
    return tuple(category for pair in given for category in categories_of(*pair))


def _occurred(draft: Draft, collector: Collector) -> TimeRange | None:
    first = _time("occurred_at", draft.occurred_at, collector)
    last = _time("occurred_until", draft.occurred_until, collector)
    if first is None or last is None:
        return first or last
    if last.latest < first.earliest:
        collector.warn("occurred_until", "TIME_BEFORE_START", draft.occurred_until or "")
        return first
    coarser = max(first.precision, last.precision, key=_COARSENESS.index)
    return structs.replace(first, latest=max(first.latest, last.latest), precision=coarser)


def _time(name: str, text: str | None, collector: Collector) -> TimeRange | None:
    read = None if text is None else read_time(text)
    if text is not None and read is None:
        collector.warn(name, "TIME_UNREADABLE", text)
    if read is None:
        return None
    if read.warning is not None:
        collector.warn(name, read.warning, text or "")
    return read.range


def _place(place: Place | None) -> Place | None:
    code = None if place is None else country_code(place.country)
    return place if place is None or code is None else structs.replace(place, country=code)


def _stated(place: StatedPlace, path: str, collector: Collector) -> HarmonisedPlace:
    """Return a stated place with a canonical country and the range of its time; it yields no selector.

    `collector` gathers the warnings, `path` is the place's path in the report.
    """
    return HarmonisedPlace(
        role=place.role,
        country=country_code(place.country) or place.country,
        locality=place.locality,
        postcode=place.postcode,
        at=place.at,
        time=_time(f"{path}.at", place.at, collector),
    )


def _countries(place: Place | None, draft: Draft) -> tuple[str, ...]:
    codes = [country_code(place.country) if place is not None else None]
    codes += [country_code(p.country) for p in draft.places if p.role is not PlaceRole.CHILD]
    codes += [country_code(p.country) for p in draft.persons if not is_reporter(p)]
    return tuple(dict.fromkeys(code for code in codes if code))[:4]
