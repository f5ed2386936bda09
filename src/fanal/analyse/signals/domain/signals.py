"""Signals in text: weighted phrase hits of a report, as explained findings and as patterns per speaker."""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

from msgspec import Struct

from fanal.analyse.domain.records import Because, Finding, Parameters
from fanal.analyse.signals.domain.lexicon import Context, Lexicon, Match, Signal
from fanal.analyse.signals.domain.text import Sentence, Utterance, sentences, utterances
from fanal.harmonise.domain.records import HarmonisedReport

# Lexicon phrases in sentences: hits, and their cancellation by a negation or an idiom.
#
# A hit has its sentence, speaker and offsets. A negated phrase is no hit, nor is a phrase that overlaps
# an idiom ("dying of laughter").

_NEGATION_BEFORE = 5
_NEGATION_AFTER = 2
_BREAK = re.compile(r"[,;:—()]|\b(?:mais|but|donc|so)\b", re.IGNORECASE)
_CUES = ("NEGATION", "NOT_NEGATION")


class Hit(Struct, frozen=True, kw_only=True):
    """A signal phrase found in a sentence of a report.

    `code` and `category` are those of the signal, `score` (0..1) its weight after the contexts. `place` is
    the sentence's number in the report; `start` and `end` are the offsets of the phrase in the text of the
    sentence's utterance. `contexts` are the codes of the contexts (phrases around it, such as a joke) that
    lowered the score.
    """

    code: str
    category: str
    score: float
    sentence: Sentence
    place: int
    start: int
    end: int
    contexts: tuple[str, ...] = ()


class Read(Struct, kw_only=True):
    """A sentence with the phrases found in it; `place` is its number in the report.

    `signals` are (signal, match) pairs, `contexts` (context, match) pairs: a context is a phrase that changes
    the scores of signals around it.
    """

    sentence: Sentence
    place: int
    signals: list[tuple[Signal, Match]]
    contexts: list[tuple[Context, Match]]


def read_sentences(said: Iterable[Utterance], lexicon: Lexicon) -> Iterator[Read]:
    """Yield each sentence of the utterances, in reading order, with the phrases of the lexicon that match
    in it.

    Signals are evidence; contexts change the scores of signals around them. Negated contexts are left out.
    Sentences without a phrase are yielded too.
    """
    place = 0
    for utterance in said:
        for sentence in sentences(utterance):
            read = Read(sentence=sentence, place=place, signals=[], contexts=[])
            for match in lexicon.automaton.find([t.word for t in sentence.tokens]):
                meaning = lexicon.meanings[match.phrase]
                if isinstance(meaning, Signal):
                    read.signals.append((meaning, match))
                else:
                    read.contexts.append((meaning, match))
            _drop_negated_contexts(read, lexicon)
            yield read
            place += 1


def _drop_negated_contexts(read: Read, lexicon: Lexicon) -> None:
    """Drop negated contexts (phrases that would change scores) from a sentence as read, in place.

    "Don't tell your mom" does not contain the protective "tell your mom".
    """
    cues = _negations(read)
    read.contexts = [
        (context, match)
        for context, match in read.contexts
        if context.scope in _CUES
        or lexicon.names_negation[match.phrase]
        or not any(_negates(cue, match, read.sentence, 0) for cue in cues)
    ]


def standing_hits(read: Read, lexicon: Lexicon) -> list[Hit]:
    """Return the signal phrases of a sentence that are neither negated nor part of an idiom, as hits.

    Of each code only the strongest phrase is returned; its score is its weight in the lexicon. `read` is
    the sentence with its matching phrases.
    """
    cues = _negations(read)
    idioms = [(context, match) for context, match in read.contexts if context.scope == "IDIOM"]
    best: dict[str, tuple[float, Match, Signal]] = {}
    for signal, match in read.signals:
        named = lexicon.names_negation[match.phrase]
        after = _NEGATION_AFTER if lexicon.languages[match.phrase] == "fr" else 0
        if not named and any(_negates(cue, match, read.sentence, after) for cue in cues):
            continue
        if any(context.covers(signal.code) and _overlap(idiom, match) for context, idiom in idioms):
            continue
        known = best.get(signal.code)
        if known is None or signal.weight > known[0]:
            best[signal.code] = (signal.weight, match, signal)
    tokens = read.sentence.tokens
    return [
        Hit(
            code=code,
            category=signal.category,
            score=weight,
            sentence=read.sentence,
            place=read.place,
            start=tokens[match.first].start,
            end=tokens[match.last].end,
        )
        for code, (weight, match, signal) in best.items()
    ]


def _overlap(one: Match, other: Match) -> bool:
    return one.first <= other.last and other.first <= one.last


def _negations(read: Read) -> list[int]:
    excused = {
        word
        for context, match in read.contexts
        if context.scope == "NOT_NEGATION"
        for word in range(match.first, match.last + 1)
    }
    return [
        match.last
        for context, match in read.contexts
        if context.scope == "NEGATION" and match.last not in excused
    ]


def _negates(cue: int, match: Match, sentence: Sentence, after: int) -> bool:
    if match.first <= cue <= match.last + after:
        return True
    if not match.first - _NEGATION_BEFORE <= cue < match.first:
        return False
    tokens, text = sentence.tokens, sentence.utterance.text
    return not _BREAK.search(text, tokens[cue].end, tokens[match.first].start)


MAX_CITED = 5
"""Most hits cited for a code and speaker, strongest first; the others are only counted."""
_MAX_VALUE = 240
_NEAR = 6  # sentences after a meeting phrase that are searched for its time and place


def find_hits(report: HarmonisedReport, lexicon: Lexicon) -> list[Hit]:
    """Return the signal phrases of `lexicon` in a report as hits, in reading order.

    Of each code only the strongest phrase of a sentence is returned. Negated phrases and phrases in an
    idiom are left out. Contexts (a joke, a shop) lower the scores, and a hit with score 0 is left out. The
    time is linear in the length of the texts.
    """
    said = list(utterances(report))
    if not any(lexicon.signals_in(utterance.text) for utterance in said):
        return []  # most reports: contexts alone are no finding
    read = list(read_sentences(said, lexicon))
    return weigh_hits([hit for r in read for hit in standing_hits(r, lexicon)], read, lexicon)


def findings_of(hits: Sequence[Hit], *, rule_version: str) -> list[Finding]:
    """Return the findings that follow from the signal phrases (`hits`) found in a report.

    These are the strongest hits of each code and speaker (at most `MAX_CITED`, with a score from
    `SHOWN_FROM`); a pattern for each speaker with several grooming signals; and planned meetings: a phrase on
    a meeting with a time or a place close to it. `rule_version` is stored in each finding.
    """
    groups: dict[tuple[str, str | None], list[Hit]] = defaultdict(list)
    for hit in hits:
        if hit.score >= SHOWN_FROM:
            groups[hit.code, hit.sentence.utterance.speaker].append(hit)
    found: list[Finding] = []
    for group in groups.values():
        ranked = sorted(group, key=lambda h: (-h.score, h.place))
        found.extend(_finding(hit, len(group), rule_version) for hit in ranked[:MAX_CITED])
    found.extend(_patterns(groups, rule_version))
    found.extend(_planned_meetings(hits, rule_version))
    return found


def _finding(hit: Hit, count: int, rule_version: str) -> Finding:
    utterance = hit.sentence.utterance
    parameters: Parameters = {
        "phrase": utterance.text[hit.start : hit.end][:_MAX_VALUE],
        "start": utterance.offset + hit.start,
        "end": utterance.offset + hit.end,
        "count": count,
    }
    if utterance.speaker is not None:
        parameters["speaker"] = utterance.speaker[:80]
    if utterance.message is not None:
        parameters["message"] = utterance.message + 1
    if hit.contexts:
        parameters["contexts"] = list(hit.contexts)
    return Finding(
        code=hit.code,
        category=hit.category,
        score=hit.score,
        value=cite(hit),
        because=Because(code=_because(utterance, hit), parameters=parameters),
        rule_version=rule_version,
        source=f"{utterance.path}#{utterance.offset + hit.sentence.start}"
        f"-{utterance.offset + hit.sentence.end}",
    )


def _because(utterance: Utterance, hit: Hit) -> str:
    who = "SPOKEN" if utterance.speaker is not None else "WRITTEN"
    return f"PHRASE_{who}_WEAKENED" if hit.contexts else f"PHRASE_{who}"


def cite(hit: Hit) -> str:
    """Return the sentence in which a signal phrase (hit) was found, cut to 240 characters around it."""
    text = hit.sentence.utterance.text
    start, end = hit.sentence.start, hit.sentence.end
    if end - start > _MAX_VALUE:
        start = max(start, hit.start - _MAX_VALUE // 3)
        end = min(end, start + _MAX_VALUE)
    return text[start:end].strip()


def _patterns(
    groups: dict[tuple[str, str | None], list[Hit]], rule_version: str
) -> Iterator[Finding]:
    """Yield a finding for each speaker with several grooming signals; their scores combine as independent.

    `groups` holds the hits (phrases found) by (code, speaker). Two signals suffice if one is telling
    (secrecy, threat), else three are needed. `rule_version` is stored in each finding.
    """
    best: dict[str | None, dict[str, Hit]] = defaultdict(dict)
    for (code, speaker), hits in groups.items():
        if hits[0].category == "GROOMING":
            best[speaker][code] = max(hits, key=lambda h: h.score)
    for speaker, by_code in best.items():
        codes = sorted(by_code)
        if len(codes) < (2 if TELLING & by_code.keys() else 3):
            continue
        miss = 1.0
        for hit in by_code.values():
            miss *= 1 - hit.score
        first = min(by_code.values(), key=lambda h: h.place)
        yield Finding(
            code="GROOMING_PATTERN",
            category="GROOMING",
            score=round(1 - miss, 3),
            value=speaker or "",
            because=Because(
                code="PATTERN_SPOKEN" if speaker is not None else "PATTERN_WRITTEN",
                parameters={"codes": codes, "count": len(codes), "speaker": speaker or ""},
            ),
            rule_version=rule_version,
            source=first.sentence.utterance.path,
        )


def _planned_meetings(hits: Sequence[Hit], rule_version: str) -> Iterator[Finding]:
    times = [h.place for h in hits if h.code == "DETAIL_TIME"]
    places = [h.place for h in hits if h.code == "DETAIL_PLACE"]
    best: tuple[float, Hit, bool, bool] | None = None
    for hit in hits:
        if hit.code != "GROOMING_MEETING" or hit.score < SHOWN_FROM:
            continue
        at_time = any(-1 <= p - hit.place <= _NEAR for p in times)
        at_place = any(-1 <= p - hit.place <= _NEAR for p in places)
        score = min(1.0, hit.score * (0.8 + 0.3 * at_time + 0.2 * at_place))
        if (at_time or at_place) and (best is None or score > best[0]):
            best = (score, hit, at_time, at_place)
    if best:
        score, hit, at_time, at_place = best
        details = [c for c, there in (("TIME", at_time), ("PLACE", at_place)) if there]
        yield Finding(
            code="IMMINENCE_MEETING_PLANNED",
            category="IMMINENCE",
            score=round(score, 3),
            value=cite(hit),
            because=Because(code="MEETING_WITH_DETAILS", parameters={"details": list(details)}),
            rule_version=rule_version,
            source=hit.sentence.utterance.path,
        )


# Contexts: surroundings of a hit that lower its score.
#
# A retraction ("only joking") or a family, club or shop context multiplies the score by the lexicon's factor,
# unless the same speaker also shows a telling signal (secrecy, threat, camera, age pretence): a joke or a
# friendly role is then a cover, not an excuse.

SHOWN_FROM = 0.3
"""Least score of a finding; weaker ones are dropped."""

TELLING = frozenset(
    {
        "GROOMING_SECRECY", "GROOMING_THREAT", "GROOMING_CAMERA_REQUEST", "GROOMING_MINOR_PRETENCE",
        "SEXTORTION_EXPOSURE", "SEXTORTION_DEMAND",
    }
)  # fmt: skip
_COVER_EFFECT = 0.6


def weigh_hits(hits: Sequence[Hit], read: Sequence[Read], lexicon: Lexicon) -> list[Hit]:
    """Return the hits with their scores lowered by contexts (a joke, a shop, a family), without those of 0.

    `read` are all sentences of the report, with the context phrases of the lexicon that they contain. For a
    speaker with a serious signal (threat, secrecy) and another one, a retraction lowers the score less, and
    contexts of the speaker or the whole conversation do not count.
    """
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
    """Return for each sentence, by its number, the contexts that apply there.

    A context is a phrase that changes scores around it (a joke, a shop). These are the sentence's own, those
    of its neighbours, and later retractions. `read` are all sentences of the report.
    """
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
    """Yield the numbers of the sentences before a retraction ("just joking") that it covers, latest first.

    Of the seven sentences before it, these are those of its own message and of the same speaker's message
    before. `read` is the sentence with the retraction, `all_read` are all sentences of the report.
    """
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
    """Return whether a context (a phrase around the hit) removes the hit, by an effect of 0.

    A retraction ("just joking") never removes a hit, since it may be a cover.
    """
    return any(c.effect == 0 and c.scope != "NEXT" and c.covers(hit.code) for c in contexts)


def _speakers_with_cover(hits: Sequence[Hit], near: Sequence[Sequence[Context]]) -> set[str | None]:
    """Return the speakers who may use jokes and friendly roles as a cover; None is text without a speaker.

    They have a signal of `TELLING` that no context weakens, and a signal of another code. `hits` are the
    report's signals, `near` the contexts of each sentence by its number.
    """
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
    """Contexts (phrases that weaken signals) by code: for each speaker, and for the whole conversation."""

    speakers: dict[str | None, dict[str, Context]]
    talk: dict[str, Context]

    def of(self, speaker: str | None) -> dict[str, Context]:
        """Return the contexts (weakening phrases) of all sentences of `speaker`, by their context code.

        They are the speaker's own and those of the whole conversation.
        """
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
        # A joke next to a telling signal is a cover; and it never takes back a statement of suicidal intent.
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
