"""Contexts: what stands around a hit and weakens it.

A retraction ("only joking") or a family, club or shop context multiplies the score by the lexicon's factor,
unless the same speaker also shows a telling signal (secrecy, threat, camera, age pretence): a joke or a
friendly role is then a cover, not an excuse.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence

from msgspec import Struct

from fanal.analyse.domain.hits import Hit, Read
from fanal.analyse.domain.lexicon import Context, Lexicon

SHOWN_FROM = 0.3
"""Findings under this score are not kept."""

TELLING = frozenset(
    {
        "GROOMING_SECRECY", "GROOMING_THREAT", "GROOMING_CAMERA_REQUEST", "GROOMING_MINOR_PRETENCE",
        "SEXTORTION_EXPOSURE", "SEXTORTION_DEMAND",
    }
)  # fmt: skip
_COVER_EFFECT = 0.6


def weigh_hits(hits: Sequence[Hit], read: Sequence[Read], lexicon: Lexicon) -> list[Hit]:
    """Return the hits with the scores that their surroundings leave; those left with none are dropped."""
    near = _effects(read)
    calm = [hit for hit in hits if not _muted(hit, near[hit.place])]
    covered = _speakers_with_cover(calm, near)
    background = _background(read, lexicon)
    return [
        weighed
        for hit in hits
        if (weighed := _weigh(hit, near[hit.place], background, covered)).score > 0
    ]


def _effects(read: Sequence[Read]) -> list[list[Context]]:
    """Return, for each sentence, the contexts of its own, its neighbors and its speaker's next words."""
    effects: list[list[Context]] = [[] for _ in read]
    for r in read:
        for context, _ in r.contexts:
            for place in _reach(r, context, read):
                effects[place].append(context)
    return effects


def _reach(read: Read, context: Context, all_read: Sequence[Read]) -> Iterator[int]:
    if context.scope not in ("SENTENCE", "NEAR", "NEXT"):
        return
    yield read.place
    utterance = read.sentence.utterance
    narrated = utterance.path == "description" and utterance.speaker is None
    if context.scope == "NEAR" and not narrated:
        for place in (read.place - 1, read.place + 1):
            if 0 <= place < len(all_read) and all_read[place].sentence.utterance is utterance:
                yield place
    if context.scope == "NEXT":
        yield from _earlier_words(read, all_read)


def _earlier_words(read: Read, all_read: Sequence[Read]) -> Iterator[int]:
    """Yield the sentences a retraction takes back: same message, else that speaker's message before."""
    utterance, previous = read.sentence.utterance, None
    for place in range(read.place - 1, max(-1, read.place - 8), -1):
        other = all_read[place].sentence.utterance
        if other is utterance:
            yield place
        elif other.speaker is not None and other.speaker == utterance.speaker:
            if previous is not None and other is not previous:
                return
            previous = other
            yield place


def _muted(hit: Hit, contexts: Sequence[Context]) -> bool:
    """Return whether something nearby removes a hit for good (a retraction may be a cover)."""
    return any(c.effect == 0 and c.scope != "NEXT" and c.covers(hit.code) for c in contexts)


def _speakers_with_cover(hits: Sequence[Hit], near: Sequence[Sequence[Context]]) -> set[str | None]:
    """Return the speakers with a telling signal that nothing nearby weakens, and another signal."""
    codes: dict[str | None, set[str]] = defaultdict(set)
    telling: set[str | None] = set()
    for hit in hits:
        if hit.score < SHOWN_FROM:
            continue
        speaker = hit.sentence.utterance.speaker
        codes[speaker].add(hit.code)
        if hit.code in TELLING and not near[hit.place]:
            telling.add(speaker)
    return {speaker for speaker in telling if len(codes[speaker]) > 1}


class _Background(Struct, frozen=True, kw_only=True):
    """Contexts that hold for a speaker everywhere, and for the whole talk."""

    speakers: dict[str | None, dict[str, Context]]
    talk: dict[str, Context]

    def of(self, speaker: str | None) -> dict[str, Context]:
        """Return the contexts around all that `speaker` says, by code."""
        return self.talk | self.speakers.get(speaker, {})


def _background(read: Sequence[Read], lexicon: Lexicon) -> _Background:
    speakers: dict[str | None, dict[str, Context]] = defaultdict(dict)
    talk: dict[str, Context] = {}
    for name in {r.sentence.utterance.speaker for r in read} - {None}:
        speakers[name] |= {context.code: context for context in lexicon.named(name or "")}
    for r in read:
        for context, _ in r.contexts:
            if context.scope == "SPEAKER":
                speakers[r.sentence.utterance.speaker][context.code] = context
            elif context.scope == "TALK":
                talk[context.code] = context
    return _Background(speakers=speakers, talk=talk)


def _weigh(
    hit: Hit,
    near: Sequence[Context],
    background: _Background,
    covered: set[str | None],
) -> Hit:
    speaker = hit.sentence.utterance.speaker
    contexts = {c.code: c for c in near if c.covers(hit.code)}
    if speaker not in covered:
        around = background.of(speaker).items()
        contexts |= {code: c for code, c in around if c.covers(hit.code)}
    if not contexts:
        return hit
    effect = 1.0
    for context in contexts.values():
        # A joke is a cover beside a telling signal, and never takes back words about one's own death.
        joke = context.scope == "NEXT"
        cover = joke and (speaker in covered or hit.code == "IMMINENCE_SELF_HARM")
        effect = min(effect, _COVER_EFFECT if cover else context.effect)
    return Hit(
        code=hit.code,
        category=hit.category,
        score=round(hit.score * effect, 3),
        sentence=hit.sentence,
        place=hit.place,
        start=hit.start,
        end=hit.end,
        contexts=tuple(sorted(contexts)),
    )
