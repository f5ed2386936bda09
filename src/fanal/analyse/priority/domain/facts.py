"""The facts of a report that priority rules test, by name; a fact that is unknown is absent.

A rule's `fact` is a name of `FACTS`; the reader of rules refuses others. The labels of
`reference/data/labels/rules.toml` (`priority_fact`) explain each fact in both languages.

Some facts come from the text model: present danger, further signals, and the nature of the text
(`text_facts`). The scores of its findings are probabilities. Present danger is the mean of two of them: the
probability that at least one signal code of danger is true, weighted by the times stated for them, and a
probability learnt over these codes together (`DANGER_TOLD`), which allows for the nature of the text. If a
single sentence states a danger by itself, the fact is at least `TOLD_FROM`.

Findings of phrase rules have facts of their own, so that rule sets older than the model keep their meaning.
In the facts of the model they only support a danger that the sender declares, and lower the weight of the
text's nature. Without a model, a declared danger is undisputed and only phrases support it; the other facts
of the model are absent.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from enum import StrEnum

from fanal import reference
from fanal.analyse.domain.records import Analysis, Finding, KinFacts
from fanal.analyse.priority.domain.retention_window import ask_owner, instant_of
from fanal.analyse.signals.domain.ages import age_of, occurred_on
from fanal.analyse.signals.domain.imminence import (
    ALONE,
    ONGOING,
    SELF_HARM,
    SOON,
    TOLD_FROM,
    UNDATED,
    nearness,
    noisy_or,
)
from fanal.formats.report.records import (
    IpSighting,
    PersonRole,
    PlaceRole,
    ReportKind,
    Stated,
)
from fanal.harmonise.domain.computed import captured_addresses
from fanal.harmonise.domain.records import HarmonisedReport, TimeRange
from fanal.kernel import ids
from fanal.kernel.calendar import PARIS, paris_day


class Unit(StrEnum):
    """Unit of a fact's number; a fact is an input of the priority rules.

    FLAG: 1 if true, absent otherwise. SCORE: a probability or weight from 0 to 1. YEARS, DAYS and COUNT:
    numbers.
    """

    FLAG = "FLAG"
    SCORE = "SCORE"
    YEARS = "YEARS"
    DAYS = "DAYS"
    COUNT = "COUNT"


FACTS: dict[str, Unit] = {
    "emergency": Unit.FLAG,
    "danger_undisputed": Unit.SCORE,
    "danger_supported": Unit.SCORE,
    "danger_confirmed": Unit.SCORE,
    "danger_disputed": Unit.SCORE,
    "danger_read": Unit.SCORE,
    "danger_unknown": Unit.FLAG,
    "reporter_is_child": Unit.FLAG,
    "escalated": Unit.FLAG,
    "self_harm": Unit.SCORE,
    "ongoing": Unit.SCORE,
    "meeting_planned": Unit.SCORE,
    "meeting_stated": Unit.FLAG,
    "meeting_soon": Unit.FLAG,
    "meeting_undated": Unit.FLAG,
    "victim_age": Unit.YEARS,
    "class_a1": Unit.COUNT,
    "class_a2": Unit.COUNT,
    "class_b1": Unit.COUNT,
    "class_b2": Unit.COUNT,
    "live_streaming": Unit.FLAG,
    "sadistic": Unit.FLAG,
    "meme": Unit.FLAG,
    "spam": Unit.FLAG,
    "files": Unit.COUNT,
    "ip_age_days": Unit.DAYS,
    "ip_days_left": Unit.DAYS,
    "access_to_children": Unit.FLAG,
    "sextortion_annotated": Unit.FLAG,
    "escalation_explained": Unit.FLAG,
    "unlisted_seen_files": Unit.COUNT,
    "suspect_identifiers": Unit.COUNT,
    "known_files": Unit.COUNT,
    "unlisted_classified_files": Unit.COUNT,
    "known_addresses": Unit.COUNT,
    "grooming_pattern": Unit.SCORE,
    "sextortion": Unit.SCORE,
    "livestream": Unit.SCORE,
    "self_harm_read": Unit.SCORE,
    "meeting_read": Unit.SCORE,
    "event_read": Unit.SCORE,
    "grooming_read": Unit.COUNT,
    "extortion_read": Unit.SCORE,
    "livestream_read": Unit.SCORE,
    "payment_pattern": Unit.SCORE,
    "previously_reported_suspect": Unit.COUNT,
    "links": Unit.COUNT,
    "strongest_link": Unit.SCORE,
    "shared_files": Unit.COUNT,
    "in_dossier": Unit.FLAG,
    **{
        f"nature_{nature}": Unit.SCORE
        for nature in (
            "spam",
            "test",
            "question",
            "retracted",
            "off_topic",
            "innocent",
            "informational",
        )
    },
    **{f"kind_{kind.lower()}": Unit.FLAG for kind in ReportKind},
}

_STATED = {
    Stated.DANGER_UNKNOWN: "danger_unknown",
    Stated.REPORTER_IS_CHILD: "reporter_is_child",
}
_HIGHEST = {
    "IMMINENCE_SELF_HARM": "self_harm",
    "IMMINENCE_ONGOING": "ongoing",
    "IMMINENCE_MEETING_PLANNED": "meeting_planned",
    "GROOMING_PATTERN": "grooming_pattern",
    "PAYMENT_PATTERN": "payment_pattern",
}
_HIGHEST_BY_CATEGORY = {"SEXTORTION": "sextortion", "LIVESTREAM": "livestream"}
_LIKELY = 0.5
"""Least score of a finding or signal that is counted."""
"""Least score of a match that counts; a match weakened by its list or votes is shown, and gives no point."""
_ANNOTATIONS = {
    "liveStreaming": "live_streaming",
    "sadisticOnlineExploitation": "sadistic",
    "potentialMeme": "meme",
    "VIRAL_POTENTIAL_MEME": "meme",
    "spam": "spam",
    "sextortion": "sextortion_annotated",
}
_OF_FILES = {"liveStreaming": "live_streaming"}
"""Annotations of a file that count for the whole report."""
_MEME = re.compile(r"fileDetails\[([0-9]+)\]/(?:fileAnnotations/)?potentialMeme")
_ACCESS = ("accessToChildren", "accessToChildVictim")
"""Fields of NCMEC's law-enforcement JSON, kept in the record as received."""


def facts_of(
    report: HarmonisedReport, analysis: Analysis, kin: KinFacts | None, *, now: datetime
) -> dict[str, float]:
    """Return a report's facts (inputs of the priority rules) by name (`FACTS`), without zero counts.

    `analysis` holds its findings, `kin` its counts of related reports (None if unknown); `now` is the instant
    to which ages and deadlines refer. An unknown fact, such as a count without `kin`, is absent.
    """
    facts: dict[str, float] = {f"kind_{report.kind.lower()}": 1}
    facts.update(_stated(report))
    facts.update(_found(report, analysis))
    facts.update(
        text_facts(analysis.findings, emergency=report.emergency, files=bool(report.files))
    )
    captured = captured_addresses(report)
    asked = ask_owner(report, catalogue=reference.load(), captured=captured)
    if asked is not None:
        left = (asked.until - now).total_seconds() / 86400
        facts["ip_days_left"] = left if left > 0 else -1
    age = _address_age(report, captured, now)
    if age is not None:
        facts["ip_age_days"] = age
    if kin is not None:
        facts.update(_kin(kin))
    return facts


def _stated(report: HarmonisedReport) -> Iterator[tuple[str, float]]:
    if report.emergency:
        yield "emergency", 1
    yield from _escalated(report.escalation_reason)
    stated = [item.value for item in report.extra if item.path.endswith(_ACCESS)]
    if any(value.strip().lower() in {"true", "yes", "1"} for value in stated):
        yield "access_to_children", 1
    yield from ((_STATED[said], 1) for said in report.stated if said in _STATED)
    yield from _meetings(report)
    for annotation in report.annotations:
        if annotation in _ANNOTATIONS:
            yield _ANNOTATIONS[annotation], 1
    yield from _files(report)
    yield from _files_annotated(report)
    identifiers = sum(
        len(p.emails) + len(p.phones) + len(p.ips)
        for p in report.persons
        if p.role is PersonRole.SUSPECT
    )
    if identifiers:
        yield "suspect_identifiers", identifiers


def _meetings(report: HarmonisedReport) -> Iterator[tuple[str, float]]:
    """Yield the facts of the stated meetings as (name, 1).

    `meeting_stated`: a meeting is not over; `meeting_undated`: one has no day; `meeting_soon`: one begins
    within `SOON` hours. Times are counted from the receipt of the report, as for times in a text. A meeting
    on the day of receipt is not over, whatever its hour: "today, at 5" may mean 17 o'clock.
    """
    meetings = [place for place in report.places if place.role is PlaceRole.MEETING]
    if not meetings:
        return
    received = ids.instant_of(report.report_id)
    times = [place.time for place in meetings]
    ahead = [time for time in times if time and not _is_past(time, received)]
    if ahead or None in times:
        yield "meeting_stated", 1
    if None in times:
        yield "meeting_undated", 1
    limit = received + timedelta(hours=SOON)
    if any(datetime.fromisoformat(time.earliest) <= limit for time in ahead):
        yield "meeting_soon", 1


def _is_past(time: TimeRange, received: datetime) -> bool:
    """Return whether a meeting at `time` was over before the day of receipt (`received`) in Paris.

    Without a stated zone the meeting may be of the same day in French Polynesia, up to `_WESTERNMOST`
    later.
    """
    day = datetime.combine(paris_day(received), datetime.min.time(), tzinfo=PARIS)
    since = min(day, received - _WESTERNMOST) if time.zone_assumed else day
    return datetime.fromisoformat(time.latest) < since


def _escalated(reason: str | None) -> Iterator[tuple[str, float]]:
    if reason:
        yield "escalated", 1
        if reason.strip().lower() not in {"", "true"}:
            yield "escalation_explained", 1


def _files(report: HarmonisedReport) -> Iterator[tuple[str, float]]:
    if report.files:
        yield "files", len(report.files)
    classes = [f.classification.code.upper() for f in report.files if f.classification]
    for code in ("A1", "A2", "B1", "B2"):
        if code in classes:
            yield f"class_{code.lower()}", classes.count(code)


def _files_annotated(report: HarmonisedReport) -> Iterator[tuple[str, float]]:
    """Yield the provider's annotations of files as (fact name, 1).

    A meme counts only if all files are memes.
    """
    for category in report.categories:
        if category.scheme == "NCMEC_FILE_ANNOTATION" and category.code in _OF_FILES:
            yield _OF_FILES[category.code], 1
    said = [extra for extra in report.extra if extra.path.endswith("/potentialMeme")]
    true = (_MEME.fullmatch(e.path) for e in said if e.value.strip() not in {"false", "0"})
    memes = {path[1] for path in true if path}
    if memes and len(memes) == len(report.files):
        yield "meme", 1


def _found(report: HarmonisedReport, analysis: Analysis) -> dict[str, float]:
    facts: dict[str, float] = {}
    ages = _victim_ages(report)
    known: dict[str, set[str]] = {"KNOWN_HASH": set(), "KNOWN_ADDRESS": set()}
    cleared: set[str] = set()
    for finding in analysis.findings:
        name = _HIGHEST.get(finding.code) or _HIGHEST_BY_CATEGORY.get(finding.category)
        if name and not is_read(finding):
            facts[name] = max(facts.get(name, 0.0), finding.score)
        if finding.code in known and finding.score >= _LIKELY:
            known[finding.code].add(finding.source.split(".")[0])
        if finding.code == "KNOWN_CLEAR":
            cleared.add(finding.source.split(".")[0])
        if finding.code == "IMMINENCE_VICTIM_AGE":
            ages.append(int(finding.value))
    if ages:
        facts["victim_age"] = min(ages)
    facts.update(_material(report, known["KNOWN_HASH"], cleared))
    if known["KNOWN_ADDRESS"]:
        facts["known_addresses"] = len(known["KNOWN_ADDRESS"])
    return facts


def _material(
    report: HarmonisedReport, known: set[str], cleared: set[str]
) -> Iterator[tuple[str, float]]:
    """Yield (name of the fact, number) for known files, and for other files that are classified or seen.

    `known` are the places (`files[3]`) of the files found in a list of known material, `cleared` those of
    known false alarms; neither count as other files. Seen means that the provider's staff viewed the file.
    """
    if known:
        yield "known_files", len(known)
    new = sum(
        f.classification is not None and f"files[{index}]" not in known | cleared
        for index, f in enumerate(report.files)
    )
    if new:
        yield "unlisted_classified_files", new
    seen = sum(
        f.seen_by_provider is True and f"files[{index}]" not in known | cleared
        for index, f in enumerate(report.files)
    )
    if seen:
        yield "unlisted_seen_files", seen


def _victim_ages(report: HarmonisedReport) -> list[int]:
    ages = [
        age_of(person, on=occurred_on(report))
        for person in report.persons
        if person.role is PersonRole.VICTIM
    ]
    return [age for age in ages if age is not None]


def _address_age(
    report: HarmonisedReport, captured: Sequence[IpSighting], now: datetime
) -> float | None:
    """Return the days since the newest dated address of a suspect; a date in the future counts as today.

    `captured` are the addresses captured with files. None without any dated address.
    """
    suspects = (p for p in report.persons if p.role is PersonRole.SUSPECT)
    seen = [ip for person in suspects for ip in person.ips]
    dated = [instant_of(ip.at) for ip in (*seen, *captured)]
    newest = max((at for at in dated if at is not None), default=None)
    return None if newest is None else max(0.0, (now - newest).total_seconds() / 86400)


def _kin(kin: KinFacts) -> Iterator[tuple[str, float]]:
    for name, value in (
        ("previously_reported_suspect", kin.previously_reported_suspect),
        ("links", kin.links),
        ("strongest_link", kin.strongest),
        ("shared_files", kin.shared_files),
        ("in_dossier", 1 if kin.dossier_id else 0),
    ):
        if value:
            yield name, value


_WESTERNMOST = timedelta(hours=12)
"""By how much Papeete is behind Paris in summer, in winter an hour less."""
_MODEL = "MEANING"
"""Start of the codes of reasons of the model's findings."""
_NATURE = "NATURE"
"""Category of the findings that say what a text is, if no account of facts: `NATURE_SPAM`, `NATURE_TEST` …"""
_ANSWERED = "MEANING_ANSWERED"
"""Code of the reason of a finding in a reporter's answer."""
_SENTENCE = "MEANING_SENTENCE"
_TAKEN_BACK = ("nature_test", "nature_retracted")
_DANGER = "DANGER_TOLD"
_AGES = frozenset({"IMMINENCE_VICTIM_AGE", "IMMINENCE_AGE_STATED"})
_SERIOUS = frozenset({"GROOMING", "SEXTORTION", "LIVESTREAM", "IMMINENCE"})
_BY_CODE = {SELF_HARM: "self_harm_read", "GROOMING_MEETING": "meeting_read"}
_BY_CATEGORY = {"SEXTORTION": "extortion_read", "LIVESTREAM": "livestream_read"}


def is_read(finding: Finding) -> bool:
    """Return whether a finding is that of the text model and not of a phrase rule."""
    return finding.because.code.startswith(_MODEL)


def text_facts(
    findings: Sequence[Finding], *, emergency: bool, files: bool
) -> Iterator[tuple[str, float]]:
    """Yield the facts that come from texts as (name, value): `danger_*`, `nature_*`, `*_read`; no zeros.

    `findings` are those of the report, `emergency` whether the sender declares a danger, `files` whether it
    has files. The nature of the text (such as spam) weighs less if a phrase or the model finds a signal, and
    nothing with files, which are the evidence. It lowers a danger by no more than the nature of the passage
    that states the danger, unless the text is a retraction.
    """
    read = [finding for finding in findings if is_read(finding)]
    natures = {f.code.lower(): f.score for f in read if f.category == _NATURE}
    serious = max(
        (f.score for f in findings if f.category in _SERIOUS and f.code not in _AGES), default=0.0
    )
    other = max(natures.values(), default=0.0)
    codes = list(_imminent(read))
    told = noisy_or(weight for weight, _ in codes)
    clearest = max(codes, key=lambda each: each[0], default=None)
    danger = told * (1 - min(other, _own_nature(clearest[1], natures) if clearest else other))
    learnt = next((f.score for f in read if f.code == _DANGER), None)
    if learnt is not None:  # without: an older model, or a text in which neither finds anything
        elsewhen = codes and not told
        told, danger = (0.0 if elsewhen else (each + learnt) / 2 for each in (told, danger))
    alone = _alone(read, natures)
    told, danger = max(told, alone), max(danger, alone)
    found = {"danger_read": danger}
    if not files:
        found |= {name: score * (1 - serious) for name, score in natures.items()}
    if emergency:
        disputed = other * (1 - told)
        found |= {
            "danger_confirmed": found["danger_read"],
            "danger_disputed": disputed,
            "danger_supported": serious * (1 - other),
            "danger_undisputed": 1 - disputed,
        }
    for name, score in found.items():
        if rounded := round(score, 3):
            yield name, rounded
    yield from _signals(read)


def _signals(read: Iterable[Finding]) -> Iterator[tuple[str, float]]:
    """Yield (name of the fact, value): highest score by group of signals, number of grooming signals.

    `read` are the model's findings. Only different grooming signals with a score of at least 0.5 are counted.
    The fact `event_read` is the highest score of an event (not self-harm) that is not over.
    """
    highest: dict[str, float] = {}
    grooming: set[str] = set()
    for finding in read:
        for name in {_BY_CODE.get(finding.code), _BY_CATEGORY.get(finding.category)} - {None}:
            highest[str(name)] = max(highest.get(str(name), 0.0), finding.score)
        if finding.category == "GROOMING" and finding.score >= _LIKELY:
            grooming.add(finding.code)
        if finding.code in UNDATED and finding.code != SELF_HARM and not _is_over(finding):
            highest["event_read"] = max(highest.get("event_read", 0.0), finding.score)
    yield from highest.items()
    if grooming:
        yield "grooming_read", len(grooming)


def _imminent(read: Iterable[Finding]) -> Iterator[tuple[float, Finding]]:
    """Yield for each code of present danger its probability, weighted by the stated time, and the finding.

    `read` are the model's findings; the weight is that of `nearness`.
    """
    highest: dict[str, tuple[float, Finding]] = {}
    for finding in read:
        if finding.code == ONGOING or finding.code in UNDATED:
            weighted = finding.score * nearness(finding.code, _hours(finding))
            if finding.code not in highest or weighted > highest[finding.code][0]:
                highest[finding.code] = weighted, finding
    yield from highest.values()


def _alone(read: Iterable[Finding], natures: Mapping[str, float]) -> float:
    """Return the danger of a text in which a single sentence states a danger by itself: `TOLD_FROM`, or 0
    without one.

    The value does not depend on how certain the sentence is, since nothing around it confirms it. If the
    report is a test or a retraction, only sentences of a later answer of the reporter count. `read` are the
    model's findings, `natures` the natures of the report's text by name of fact.
    """
    back = any(name in natures for name in _TAKEN_BACK)
    told = {f.because.code for f in read if f.code == ALONE} - ({_SENTENCE} if back else set())
    return TOLD_FROM if told else 0.0


def _own_nature(finding: Finding, natures: Mapping[str, float]) -> float:
    """Return the probability that the passage which a finding cites is no account of facts (spam, a test
    …).

    1 if the model states none. A test or a retraction applies to the whole text of the report, but to no
    later answer. `natures` are the natures of the report's text by name of fact.
    """
    own = finding.because.parameters.get("nature", 1.0)
    stated = float(own) if isinstance(own, int | float) else 1.0
    if finding.because.code == _ANSWERED:
        return stated
    return max([stated, *(natures.get(name, 0.0) for name in _TAKEN_BACK)])


def _is_over(finding: Finding) -> bool:
    hours = _hours(finding)
    return hours is not None and hours[1] < 0


def _hours(finding: Finding) -> tuple[float, float] | None:
    """Return the hours until an event begins and ends, from the receipt of the report; None if unknown."""
    begins, ends = (finding.because.parameters.get(name) for name in ("hours_from", "hours_to"))
    if isinstance(begins, int | float) and isinstance(ends, int | float):
        return begins, ends
    return None
