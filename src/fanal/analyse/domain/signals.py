"""Signals in text: the hits of a report, weighed, as explained findings and as patterns of one speaker."""

from collections import defaultdict
from collections.abc import Iterator, Sequence

from fanal.analyse.domain.contexts import SHOWN_FROM, TELLING, weigh_hits
from fanal.analyse.domain.hits import Hit, read_sentences, standing_hits
from fanal.analyse.domain.lexicon import Lexicon
from fanal.analyse.domain.records import Because, Finding, Parameters
from fanal.analyse.domain.text import Utterance, utterances
from fanal.harmonise.domain.records import HarmonisedReport

MAX_CITED = 5
"""Hits kept for each code and speaker, strongest first; the others are counted."""
_MAX_VALUE = 240


def find_hits(report: HarmonisedReport, lexicon: Lexicon) -> list[Hit]:
    """Return every hit of a report, in reading order; time is linear in its text."""
    said = list(utterances(report))
    if not any(lexicon.signals_in(utterance.text) for utterance in said):
        return []  # most reports: contexts alone are no finding
    read = list(read_sentences(said, lexicon))
    return weigh_hits([hit for r in read for hit in standing_hits(r, lexicon)], read, lexicon)


def findings_of(hits: Sequence[Hit], *, rule_version: str) -> list[Finding]:
    """Return the findings of a report's hits: the strongest of each code and speaker, each cited."""
    groups: dict[tuple[str, str | None], list[Hit]] = defaultdict(list)
    for hit in hits:
        if hit.score >= SHOWN_FROM:
            groups[hit.code, hit.sentence.utterance.speaker].append(hit)
    found: list[Finding] = []
    for group in groups.values():
        ranked = sorted(group, key=lambda h: (-h.score, h.place))
        found.extend(_finding(hit, len(group), rule_version) for hit in ranked[:MAX_CITED])
    found.extend(_patterns(groups, rule_version))
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
    """Return the sentence of a hit, cut to 240 characters around its phrase."""
    text = hit.sentence.utterance.text
    start, end = hit.sentence.start, hit.sentence.end
    if end - start > _MAX_VALUE:
        start = max(start, hit.start - _MAX_VALUE // 3)
        end = min(end, start + _MAX_VALUE)
    return text[start:end].strip()


def _patterns(
    groups: dict[tuple[str, str | None], list[Hit]], rule_version: str
) -> Iterator[Finding]:
    """Yield one finding for each speaker whose several grooming signals strengthen one another."""
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
