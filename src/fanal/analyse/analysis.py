"""The analysis of a batch: from harmonised reports to explained findings.

The reporter's answers to the desk's questions are analysed like the report's own text. A finding is kept as
long as the report, the conversation with the reporter for a shorter time. So a finding in an answer stores
the signal, its score and the times stated, and none of the answer's words.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from uuid import UUID

from msgspec import Struct

from fanal.analyse.domain.records import Analysis, Because, Finding
from fanal.analyse.material.domain.known import KnownLists, find_known
from fanal.analyse.payments.domain.indicators import Typologies, load_typologies
from fanal.analyse.payments.domain.scoring import Around, find_payment_signals
from fanal.analyse.signals.domain.ages import find_ages
from fanal.analyse.signals.domain.lexicon import Lexicon, load_lexicon
from fanal.analyse.signals.domain.signals import find_hits, findings_of
from fanal.analyse.signals.reading import NoReader, TextReader
from fanal.formats.report.records import ReportKind
from fanal.harmonise.domain.records import HarmonisedReport
from fanal.kernel.ids import instant_of, lowest_id

RULES = "analyse/4"
MAX_FINDINGS = 200


class ReporterAnswer(Struct, frozen=True, kw_only=True):
    """An answer of a reporter to the desk: its text, and the instant `at` when it was sent."""

    at: datetime
    text: str


Answers = Mapping[UUID, Sequence[ReporterAnswer]]


class Knowledge(Struct, frozen=True, kw_only=True):
    """The rules that an analysis applies: phrases and payment patterns (the list entries come separately).

    `lexicon` holds the phrases that are signals, `typologies` the published patterns of payments.
    `lists_version` is the version of the lists of known material, "" without any.
    """

    lexicon: Lexicon
    typologies: Typologies
    lists_version: str = ""

    @property
    def version(self) -> str:
        """The version stored with each result: of the code's rules, lexicons, typologies and lists.

        The parts are joined by spaces; those not loaded are left out.
        """
        parts = (RULES, self.lexicon.version, self.typologies.version, self.lists_version)
        return " ".join(part for part in parts if part)


class Meant(Struct, frozen=True, kw_only=True):
    """The findings that the text model (version `version`) made in a report's free text and answers."""

    version: str
    findings: tuple[Finding, ...]


def shipped_knowledge(*, lists_version: str = "") -> Knowledge:
    """Return the shipped lexicons (phrases) and payment typologies.

    `lists_version` is the version of the lists of known material, "" for no lists; it becomes part of the
    version stored with each analysis.
    """
    return Knowledge(
        lexicon=load_lexicon(),
        typologies=load_typologies(),
        lists_version=lists_version,
    )


def analyse(
    reports: Sequence[HarmonisedReport],
    knowledge: Knowledge,
    lists: KnownLists | None = None,
    *,
    around: Mapping[UUID, Around] | None = None,
    meanings: Mapping[UUID, Meant] | None = None,
    answers: Answers | None = None,
) -> list[Analysis]:
    """Return the analysis of each report, in the order given; its findings strongest first, at most 200.

    `knowledge` are phrases and payment typologies. `lists` holds the list entries that match these reports
    (see `known.values_of`), None for none. `around` holds the known payments around each report, by report
    id; a report without a key has none. `meanings` holds what the model found in the texts of the reports
    that it has read; `answers` the reporters' answers, oldest first, which the phrase rules read too.
    """
    version = knowledge.version
    meant = meanings or {}
    known = find_known(reports, lists or KnownLists(), rule_version=version)
    return [
        Analysis(
            report_id=report.report_id,
            findings=_ranked(
                [
                    *found,
                    *(meant[report.report_id].findings if report.report_id in meant else ()),
                    *_read(report, knowledge, version, around=(around or {}).get(report.report_id)),
                    *findings_of_answers(
                        (answers or {}).get(report.report_id, ()),
                        lambda said, _: _told(said, knowledge, version),
                    ),
                ]
            ),
            rule_version=_version(version, meant.get(report.report_id)),
        )
        for report, found in zip(reports, known, strict=True)
    ]


def meanings_of(
    reports: Sequence[HarmonisedReport],
    reader: TextReader | NoReader,
    *,
    answers: Answers | None = None,
) -> dict[UUID, Meant]:
    """Return the findings of the text model `reader` in the free text of each report, by report id.

    The reporters' `answers` to the desk (by report id, oldest first) are read too. Empty without a model
    (`NoReader`).
    """
    if isinstance(reader, NoReader):
        return {}
    return {
        report.report_id: Meant(
            version=reader.version,
            findings=(
                *reader.findings(report, received_at=instant_of(report.report_id)),
                *findings_of_answers(
                    (answers or {}).get(report.report_id, ()),
                    lambda said, at: reader.findings(said, received_at=at),
                ),
            ),
        )
        for report in reports
    }


def reader_version(rule_version: str) -> str:
    """Return the version of the text model (`reader/…`) that read a report's texts; "" if none did.

    It is the last part of `rule_version`, the version that each analysis stores.
    """
    last = rule_version.rpartition(" ")[2]
    return last if last.startswith("reader/") else ""


def _version(version: str, meant: Meant | None) -> str:
    return version if meant is None else f"{version} {meant.version}"


def _read(
    report: HarmonisedReport, knowledge: Knowledge, version: str, *, around: Around | None
) -> list[Finding]:
    return [
        *_told(report, knowledge, version),
        *find_payment_signals(report, knowledge.typologies, rule_version=version, around=around),
    ]


def _told(report: HarmonisedReport, knowledge: Knowledge, version: str) -> list[Finding]:
    hits = find_hits(report, knowledge.lexicon)
    return [
        *findings_of(hits, rule_version=version),
        *find_ages(report, hits, rule_version=version),
    ]


def _ranked(findings: list[Finding]) -> tuple[Finding, ...]:
    findings.sort(key=lambda f: (-f.score, f.code, f.source))
    return tuple(findings[:MAX_FINDINGS])


_ALONE = 2
_KEPT = ("chance", "count", "hours_from", "hours_to", "nature")
_MODEL = "MEANING"


def findings_of_answers(
    answers: Sequence[ReporterAnswer],
    read: Callable[[HarmonisedReport, datetime], Iterable[Finding]],
) -> list[Finding]:
    """Return the findings of the function `read` in a reporter's answers (oldest first), without the
    answers' words.

    `read` takes a report whose description is the text of an answer, and the instant from which times
    stated in the text are counted. The newest two answers are read one by one; the earlier ones are joined
    to one text, dated as the last of them. Findings on the nature of a text (`NATURE_…`, such as spam) are
    left out: an answer says nothing about the nature of the report.
    """
    found = []
    for at, text in _texts(answers):
        report = HarmonisedReport(
            report_id=lowest_id(at), reference="", kind=ReportKind.OTHER, description=text
        )
        found += [_without_words(f) for f in read(report, at) if f.score and f.category != "NATURE"]
    return found


def _texts(answers: Sequence[ReporterAnswer]) -> list[tuple[datetime, str]]:
    before, alone = answers[:-_ALONE], answers[-_ALONE:]
    texts = [(before[-1].at, "\n\n".join(answer.text for answer in before))] if before else []
    return texts + [(answer.at, answer.text) for answer in alone]


def _without_words(finding: Finding) -> Finding:
    model = finding.because.code.startswith(_MODEL)
    stated = finding.because.parameters
    return Finding(
        code=finding.code,
        category=finding.category,
        score=finding.score,
        value=finding.value if finding.value.isdigit() else "",  # an age, a number of signals
        because=Because(
            code="MEANING_ANSWERED" if model else "ANSWERED",
            parameters={name: stated[name] for name in _KEPT if name in stated},
        ),
        rule_version=finding.rule_version,
        source="answers",
    )
