"""Present danger: the weight of stated times, the danger that one passage tells, and sentences read alone.

A sentence that tells a danger is diluted by those around it, since a passage has one embedding for all of
them. So a few sentences and pairs of neighbours are read by themselves too: those whose words weigh most in
the model's score of danger, of passages that hold several, in a text of which no passage gives a danger
(decision 0077).
"""

from collections.abc import Callable, Iterable, Mapping

from fanal.analyse.signals.domain.event_times import Hours
from fanal.analyse.signals.domain.meaning import DANGERS, NATURE_FROM, SHOWN_FROM, Meaning
from fanal.analyse.signals.domain.text import Segment

SOON = 72
"""Hours within which a meeting, a transmission, a deadline or a death is imminent."""
ONGOING = "IMMINENCE_ONGOING"
SELF_HARM = "IMMINENCE_SELF_HARM"
UNDATED: Mapping[str, float] = {
    "IMMINENCE_MEETING_PLANNED": 0.8,
    "SEXTORTION_COUNTDOWN": 0.8,
    "LIVESTREAM_SCHEDULED_SHOW": 0.8,
    SELF_HARM: 0.7,
}
"""Events to come, with the weight of one without a time: most are near, but nothing says so."""
ALONE = "DANGER_SENTENCE"
"""Code of the finding of a sentence, or of two neighbours, that tell a danger by themselves."""
ALONE_FROM = 0.9
"""Least danger of such a sentence: from here no further plain labelled text had one (decision 0077)."""
MOST_ALONE = 4
"""Most sentences and pairs of a text or report that are read by themselves."""
TOLD_FROM = 0.5
"""Danger of a passage from which no sentence is read by itself: the text is in the band of danger already."""
_LEAST_WORDS = 0.1
"""Least that the words of a sentence add to the score of danger; most everyday sentences have less."""


def nearness(code: str, hours: Hours | None) -> float:
    """Return the weight (0 to 1) of the event that a code of danger announces, by its stated time.

    1 if it goes on now or begins within `SOON` hours, 0 if it is over or later; `hours` are those until it
    begins and ends. Without a stated time, the constant weight of the code (`UNDATED`, such as 0.8), which
    also holds for self-harm at another time.
    """
    if code == ONGOING:
        return 1.0
    if hours is not None and hours[0] <= SOON and hours[1] >= 0:
        return 1.0
    return UNDATED[code] if hours is None or code == SELF_HARM else 0.0


def noisy_or(scores: Iterable[float]) -> float:
    """Return the probability that at least one of several independent events is true; `scores` are theirs."""
    missed = 1.0
    for score in scores:
        missed *= 1 - score
    return 1 - missed


def danger_of(meaning: Meaning, hours: Hours | None) -> float:
    """Return the danger that a passage tells by itself: what the priority makes of a text that is no longer.

    It is the mean of the codes of danger, with the time stated for them, and of the danger learnt over all of
    them. 0 of an event that is over or far away, and of a model that has not learnt danger. `hours` are those
    until the event that the passage names.
    """
    learnt = meaning.danger
    if learnt is None:
        return 0.0
    chances = {code: meaning.probabilities.get(code, 0.0) for code in DANGERS}
    told = {c: p for c, p in chances.items() if p >= SHOWN_FROM or c in meaning.found}
    codes = noisy_or(chance * nearness(code, hours) for code, chance in told.items())
    if told and not codes:
        return 0.0
    other = meaning.other if meaning.other >= NATURE_FROM else 0.0
    return (codes * (1 - other) + learnt) / 2


def worth_reading(passages: Iterable[Segment], worded: Callable[[str], float]) -> list[Segment]:
    """Return the sentences and pairs of `passages` that are worth reading alone, at most `MOST_ALONE`.

    `worded` gives what the words of a text add to the score of danger. Those with the highest come first; of
    equal texts the first one counts.
    """
    parts: dict[str, Segment] = {}
    for passage in passages:
        for part in passage.parts:
            parts.setdefault(part.text, part)
    scored = [(worded(text), part) for text, part in parts.items()]
    likely = sorted((each for each in scored if each[0] >= _LEAST_WORDS), key=lambda each: -each[0])
    return [part for _, part in likely[:MOST_ALONE]]
