"""Facts that rest on the text reader (a model): present danger, further signals, the nature of the text.

The scores of its findings are probabilities. Findings of phrases have facts of their own; here they only
support a danger stated by the sender and lower the weight of the text's nature, so that rule sets older than
the model keep their meaning. Without a model a stated danger is undisputed, supported by phrases alone; the
other facts are absent.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from fanal.analyse.domain.records import Finding

SOON = 72
"""Hours within which a meeting, a transmission, a deadline or a death is imminent."""
_MODEL = "MEANING"
"""Start of the codes of reasons of the model's findings."""
_NATURE = "NATURE"
"""Category of the findings that say what a text is, if no account of facts: `NATURE_SPAM`, `NATURE_TEST` …"""
_LIKELY = 0.5
"""Least score of a signal that is counted."""
_ONGOING = "IMMINENCE_ONGOING"
_SELF_HARM = "IMMINENCE_SELF_HARM"
_UNDATED: Mapping[str, float] = {
    "IMMINENCE_MEETING_PLANNED": 0.8,
    "SEXTORTION_COUNTDOWN": 0.8,
    "LIVESTREAM_SCHEDULED_SHOW": 0.8,
    _SELF_HARM: 0.7,
}
"""Events to come, with the weight of one without a time: most are near, but nothing says so."""
_AGES = frozenset({"IMMINENCE_VICTIM_AGE", "IMMINENCE_AGE_STATED"})
_SERIOUS = frozenset({"GROOMING", "SEXTORTION", "LIVESTREAM", "IMMINENCE"})
_BY_CODE = {_SELF_HARM: "self_harm_read", "GROOMING_MEETING": "meeting_read"}
_BY_CATEGORY = {"SEXTORTION": "extortion_read", "LIVESTREAM": "livestream_read"}


def is_read(finding: Finding) -> bool:
    """Return whether a finding is that of the text model and not of a phrase rule."""
    return finding.because.code.startswith(_MODEL)


def text_facts(
    findings: Sequence[Finding], *, emergency: bool, files: bool
) -> Iterator[tuple[str, float]]:
    """Yield (name, value) of the priority rules' facts `danger_*`, `nature_*` and `*_read` but zeros.

    `emergency`: the sender states a danger. `findings` are those of the report. The nature of its text weighs
    less if a phrase or the model finds a signal, and nothing if it has `files`, which are the evidence.
    """
    read = [finding for finding in findings if is_read(finding)]
    natures = {f.code.lower(): f.score for f in read if f.category == _NATURE}
    serious = max(
        (f.score for f in findings if f.category in _SERIOUS and f.code not in _AGES), default=0.0
    )
    other = max(natures.values(), default=0.0)
    told = _noisy_or(_imminent(read))
    found = {"danger_read": told * (1 - other)}
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

    `read` are the model's findings. Only different grooming signals of at least `_LIKELY` are counted. The
    fact `event_read` is the highest score of an event (not self-harm) that is not over.
    """
    highest: dict[str, float] = {}
    grooming: set[str] = set()
    for finding in read:
        for name in {_BY_CODE.get(finding.code), _BY_CATEGORY.get(finding.category)} - {None}:
            highest[str(name)] = max(highest.get(str(name), 0.0), finding.score)
        if finding.category == "GROOMING" and finding.score >= _LIKELY:
            grooming.add(finding.code)
        if finding.code in _UNDATED and finding.code != _SELF_HARM and not _is_over(finding):
            highest["event_read"] = max(highest.get("event_read", 0.0), finding.score)
    yield from highest.items()
    if grooming:
        yield "grooming_read", len(grooming)


def _imminent(read: Iterable[Finding]) -> Iterator[float]:
    """Yield the probability of each code of present danger, weighted by the stated time (`_nearness`).

    `read` are the model's findings.
    """
    highest: dict[str, float] = {}
    for finding in read:
        if finding.code == _ONGOING or finding.code in _UNDATED:
            weighted = finding.score * _nearness(finding)
            highest[finding.code] = max(highest.get(finding.code, 0.0), weighted)
    yield from highest.values()


def _nearness(finding: Finding) -> float:
    """Return the weight (0 to 1) of the event that a finding announces, by the time stated for it.

    1 if it goes on now or begins within `SOON` hours, 0 if it is over or later. Without a stated time, the
    constant weight of the finding's code (`_UNDATED`, such as 0.8), which also holds for self-harm announced
    for later.
    """
    if finding.code == _ONGOING:
        return 1.0
    hours = _hours(finding)
    if hours is not None and hours[0] <= SOON and hours[1] >= 0:
        return 1.0
    timeless = hours is None or finding.code == _SELF_HARM
    return _UNDATED[finding.code] if timeless else 0.0


def _is_over(finding: Finding) -> bool:
    hours = _hours(finding)
    return hours is not None and hours[1] < 0


def _hours(finding: Finding) -> tuple[float, float] | None:
    """Return the hours until an event begins and ends, from the receipt of the report; None if unknown."""
    begins, ends = (finding.because.parameters.get(name) for name in ("hours_from", "hours_to"))
    if isinstance(begins, int | float) and isinstance(ends, int | float):
        return begins, ends
    return None


def _noisy_or(scores: Iterable[float]) -> float:
    """Return the probability that at least one of several independent events is true; `scores` are theirs."""
    missed = 1.0
    for score in scores:
        missed *= 1 - score
    return 1 - missed
