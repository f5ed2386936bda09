"""Present danger in a text: weights by the stated times, and single sentences that state a danger.

A passage has one embedding, so that a sentence about a danger is diluted by the sentences around it.
Therefore the model also reads a few single sentences and pairs of neighbouring ones, if no passage of the
text gives a danger: those whose words contribute most to the model's score of danger, from passages with
several sentences (decision 0077).
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
    """Return the weight (0 to 1) of an event announced by a signal code of danger, by its stated time.

    `hours` is the interval of hours until the event begins and ends, None without a stated time. The weight
    is 1 if the event goes on now or begins within `SOON` hours, 0 if it is over or later. Without a stated
    time it is the constant weight of the code (`UNDATED`, such as 0.8), which also holds for self-harm at
    another time.
    """
    if code == ONGOING:
        return 1.0
    if hours is not None and hours[0] <= SOON and hours[1] >= 0:
        return 1.0
    return UNDATED[code] if hours is None or code == SELF_HARM else 0.0


def noisy_or(scores: Iterable[float]) -> float:
    """Return the probability that at least one of several independent events is true, given their
    probabilities.
    """
    missed = 1.0
    for score in scores:
        missed *= 1 - score
    return 1 - missed


def danger_of(meaning: Meaning, hours: Hours | None) -> float:
    """Return the probability (0 to 1) that a passage, taken by itself, states a present danger.

    `meaning` is the model's reading of the passage, `hours` the interval of hours until the event that it
    names. The result is the mean of the codes of danger, weighted by the stated time, and of the danger
    learnt over all of them, as the priority computes it for a whole text. 0 for an event that is over or far
    away, and for a model that has not learnt danger.
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
    """Return the sentences and pairs of sentences in `passages` that the model should read alone, at most
    `MOST_ALONE`.

    They are those whose words add most to the score of danger, by the function `worded`. Of equal texts
    only the first counts.
    """
    parts: dict[str, Segment] = {}
    for passage in passages:
        for part in passage.parts:
            parts.setdefault(part.text, part)
    scored = [(worded(text), part) for text, part in parts.items()]
    likely = sorted((each for each in scored if each[0] >= _LEAST_WORDS), key=lambda each: -each[0])
    return [part for _, part in likely[:MOST_ALONE]]
