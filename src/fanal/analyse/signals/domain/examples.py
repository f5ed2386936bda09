"""Labelled examples of the desk: passages of reports that people judged, and the labels derived from them.

For each signal code of a passage, the latest judgement of each person counts. A code on which people
disagree is cancelled, unless one side has `LEAD` votes more.

A training uses at most `MOST_OF_ONE` passages of a person, at most `MOST_OF_ONE_CODE` of them for the same
code and as many against it. If several people agree on a judgement, it counts against the limit of only one
of them, if possible one who has not reached it. So a second account of the same person adds no more than
its own share.

The judgement that a passage lacks a code counts only once two people make it, neither of whom alone gave
the other the role for it. The reason: an example wrongly added makes the model find too much, which people
notice; a code wrongly denied makes it overlook signals. A code that nobody judged is labelled as the model
in force reads it.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from itertools import combinations
from uuid import UUID

from msgspec import Struct

from fanal.analyse.domain.records import Finding
from fanal.analyse.signals.domain.meaning import Label
from fanal.analyse.signals.domain.text import LONGEST, Segment, segments, utterances
from fanal.harmonise.domain.records import HarmonisedReport
from fanal.kernel.refusal import Refusal
from fanal.kernel.states import StateTable, move

MOST_OF_ONE = 100
"""Most passages of one person in a training, the newest ones: 1.2 % of the corpus."""
MOST_OF_ONE_CODE = 20
"""Most passages of one person for or against the same code."""


LEAD = 2
"""Votes by which the larger side of a disagreement must lead to count: one person cancels one other."""
_RUN = 4
"""Consecutive words of the report that a neutral sentence may not repeat."""
_AGE = 2
"""Digits of a number that a neutral sentence may share with the report."""
_WORDS = re.compile(r"\w+")
_DIALLED = 8
"""Digits of a long number that are compared: a telephone number has others before them abroad."""
_LONG_NUMBER = re.compile(r"\d(?:[ .()/\u00a0\u202f-]{0,2}\d)+")
_JOINERS = "\u200c\u200d"
"""Invisible characters that the spelling of some languages needs (Persian, Hindi)."""


class Verdict(StrEnum):
    """A person's judgement on a signal code (such as GROOMING_SECRECY) in a passage.

    RIGHT or WRONG concern a code that the reader found, MISSED one that it did not find; TAKEN_BACK withdraws
    the person's earlier judgement.
    """

    RIGHT = "RIGHT"
    WRONG = "WRONG"
    MISSED = "MISSED"
    TAKEN_BACK = "TAKEN_BACK"


class ExampleState(StrEnum):
    """State of an example (a judged passage); transitions: `EXAMPLE_STATES`.

    OPEN: without neutral sentence. REWRITTEN: with a neutral sentence that nobody has checked. NEUTRALISED:
    with a checked one, which outlives the report. ERASED: with its report.
    """

    OPEN = "OPEN"
    REWRITTEN = "REWRITTEN"
    NEUTRALISED = "NEUTRALISED"
    ERASED = "ERASED"


EXAMPLE_STATES = StateTable(
    name="Example of the text reader",
    initial=ExampleState.OPEN,
    final=frozenset({ExampleState.ERASED}),
    transitions=(
        move("rewrite", [ExampleState.OPEN, ExampleState.REWRITTEN], ExampleState.REWRITTEN),
        move("check", [ExampleState.REWRITTEN], ExampleState.NEUTRALISED),
        move("withdraw", [ExampleState.NEUTRALISED], ExampleState.OPEN),
        move("erase", [ExampleState.OPEN, ExampleState.REWRITTEN], ExampleState.ERASED),
    ),
)


class Judgement(Struct, frozen=True, kw_only=True):
    """A person's judgement on a signal code in a passage of a report (example `example_id`).

    `verdict` says whether the reader was right to find the code, or missed it. `engine` is the version of the
    rules in the report's analysis at that time, "" without one.
    """

    example_id: UUID
    code: str
    verdict: Verdict
    person_id: UUID
    judged_at: datetime
    engine: str


class Example(Struct, frozen=True, kw_only=True):
    """A passage of a report that somebody judged, from which the text reader may learn.

    `source` is its place in the report (`source_of`), `lang` its language; it was created at `made_at`.
    `object_id` is the sealed object with its words, `rewritten_object` the one with its latest neutral
    sentence, written by `rewriter_id` (both None before the first). `neutral` is the sentence that
    `checker_id` confirmed; before that they are "" and None.
    """

    id: UUID
    report_id: UUID
    source: str
    lang: str
    state: ExampleState
    object_id: UUID
    made_at: datetime
    rewriter_id: UUID | None = None
    rewritten_object: UUID | None = None
    checker_id: UUID | None = None
    neutral: str = ""


class Settled(Struct, frozen=True, kw_only=True):
    """The agreed labels of an example (a judged passage): signal codes that it has and has not.

    `wanted` are the codes that people agree it has, `unwanted` those that they deny. `hand` is its author in
    the cross-validation of the training: the lowest id of the people whose judgements count.
    """

    example_id: UUID
    hand: UUID
    wanted: frozenset[str]
    unwanted: frozenset[str]


class Share(Struct, frozen=True, kw_only=True):
    """A person's share of a training.

    `used` is the number of judged passages that count for this person, `left_out` that of those left out by
    the limits on one person. A passage counts for one of the people who agree on it.
    """

    person_id: UUID
    used: int
    left_out: int


class Settlement(Struct, frozen=True, kw_only=True):
    """The judgements that count in a training, and the numbers of those that do not.

    `settled` has an element for each example with a judgement that counts, `shares` one for each person.
    `disputed` is the number of signal codes cancelled because people disagree, without a side that leads by
    `LEAD` votes. `alone` holds (example id, code) for each code that one person judged wrong and no second,
    independent one yet.
    """

    settled: tuple[Settled, ...]
    shares: tuple[Share, ...]
    disputed: int
    alone: frozenset[tuple[UUID, str]]


def settle(
    judgements: Sequence[Judgement], *, independent: Callable[[Judgement, Judgement], bool]
) -> Settlement:
    """Return the outcome of people's judgements on passages, as labels for a training (`Settlement`).

    `judgements` are in chronological order; the most recently judged examples come first in the result. The
    limits for each person apply (`MOST_OF_ONE`, `MOST_OF_ONE_CODE`). `independent` says of two people's
    judgements whether neither person alone gave the other the role for it.
    """
    in_force = list(last_words(judgements))
    newest = {j.example_id: j.judged_at for j in sorted(in_force, key=lambda j: j.judged_at)}
    bounds, settled, disputed = _Bounds(), list[Settled](), 0
    alone = set[tuple[UUID, str]]()
    of_example: dict[UUID, list[Judgement]] = {}
    for judged in in_force:
        of_example.setdefault(judged.example_id, []).append(judged)
    for example_id in sorted(newest, key=lambda i: (newest[i], i), reverse=True):
        agreed, quarrels = _undisputed(of_example[example_id])
        disputed += quarrels
        for said in [said for said, people in agreed.items() if not said[1]]:
            wrong = [
                j
                for j in of_example[example_id]
                if j.code == said[0] and j.person_id in agreed[said]
            ]
            if not any(independent(one, other) for one, other in combinations(wrong, 2)):
                del agreed[said]
                alone.add((example_id, said[0]))
        if kept := bounds.admit(agreed):
            settled.append(
                Settled(
                    example_id=example_id,
                    hand=min(min(agreed[said]) for said in kept),
                    wanted=frozenset(code for code, has in kept if has),
                    unwanted=frozenset(code for code, has in kept if not has),
                )
            )
    return Settlement(
        settled=tuple(settled),
        shares=bounds.shares(),
        disputed=disputed,
        alone=frozenset(alone),
    )


_Said = tuple[str, bool]
"""A code, and whether the passage has it."""


class _Bounds:
    """Counters for the limits of one person's influence on a training (`MOST_OF_ONE`, `MOST_OF_ONE_CODE`).

    By person: passages used, passages left out, and judgements for and against each signal code.
    """

    def __init__(self) -> None:
        self._used: Counter[UUID] = Counter()
        self._left_out: Counter[UUID] = Counter()
        self._of_code: Counter[tuple[UUID, _Said]] = Counter()

    def admit(self, agreed: Mapping[_Said, Collection[UUID]]) -> list[_Said]:
        """Return the judgements on one passage within the limits of a person's influence; count the passage.

        A judgement is (signal code, whether the passage has it). `agreed` holds the people who agree on each:
        it is attributed to one of them, if possible one with room within the limits, and of these the one
        with the fewest passages so far. The passage counts as used or left out for each such person.
        """
        shares: dict[UUID, list[_Said]] = {}
        for one, people in agreed.items():
            shares.setdefault(min(people, key=lambda p: self._order(p, one)), []).append(one)
        return [one for person, said in shares.items() for one in self._admitted(person, said)]

    def _order(self, person: UUID, one: _Said) -> tuple[bool, int, UUID]:
        return not self._has_room(person, one), self._used[person], person

    def _has_room(self, person: UUID, one: _Said) -> bool:
        return self._used[person] < MOST_OF_ONE and self._of_code[person, one] < MOST_OF_ONE_CODE

    def _admitted(self, person: UUID, said: Sequence[_Said]) -> list[_Said]:
        free = [one for one in said if self._has_room(person, one)]
        self._of_code.update((person, one) for one in free)
        self._used[person] += bool(free)
        self._left_out[person] += not free
        return free

    def shares(self) -> tuple[Share, ...]:
        """Return the share of each person with whom `admit` was called, in order of id.

        A share counts the passages that are used with the person's judgements, and those left out.
        """
        return tuple(
            Share(person_id=person, used=self._used[person], left_out=self._left_out[person])
            for person in sorted(self._used)
        )


def _undisputed(judgements: Sequence[Judgement]) -> tuple[dict[_Said, list[UUID]], int]:
    """Return the judgements on a passage that count, with the people who agree on each, in order of code.

    A judgement is given as (signal code, whether the passage has it). The second result is the number of
    codes that are cancelled, since no side leads by `LEAD` votes.
    """
    by_code: dict[str, dict[bool, list[UUID]]] = {}
    for judged in sorted(judgements, key=lambda j: j.code):
        sides = by_code.setdefault(judged.code, {True: [], False: []})
        sides[judged.verdict is not Verdict.WRONG].append(judged.person_id)
    agreed = {
        (code, has): people
        for code, sides in by_code.items()
        for has, people in sides.items()
        if people and (not sides[not has] or len(people) >= len(sides[not has]) + LEAD)
    }
    return agreed, len(by_code) - len(agreed)


def labels_of(
    settled: Sequence[Settled],
    examples: Mapping[UUID, Example],
    texts: Mapping[UUID, str],
    found: Mapping[UUID, Collection[str]],
) -> list[Label]:
    """Return the labelled texts of settled examples, the neutral ones first, each group in order of id.

    `texts` holds the sentence of each example: sealed or neutral; an example without one is left out. `found`
    holds the signal codes that the model in force finds in it; a code that nobody judged keeps that result.
    """
    hands = {hand: n for n, hand in enumerate(sorted({one.hand for one in settled}), 1)}
    kept = [one for one in settled if one.example_id in texts]
    kept.sort(
        key=lambda one: (
            examples[one.example_id].state is not ExampleState.NEUTRALISED,
            one.example_id,
        )
    )
    return [
        Label(
            id=f"desk{hands[one.hand]}-{one.example_id.hex}",
            lang=examples[one.example_id].lang,
            text=texts[one.example_id],
            codes=tuple(sorted((set(found[one.example_id]) | one.wanted) - one.unwanted)),
            nature=None,
            plain=False,
            voice="desk",
        )
        for one in kept
    ]


def passages(report: HarmonisedReport) -> list[Segment]:
    """Return the segments of a report's text that the model reads, in reading order.

    People may label these as examples or counterexamples of a signal. At most `MAX_SEGMENTS`: of a longer
    text, the first two thirds of that number and the last third.
    """
    return segments(list(utterances(report)))[0]


def source_of(passage: Segment) -> str:
    """Return where a passage lies in its report, as path#start-end: path of the text, offsets in it."""
    return f"{passage.path}#{passage.start}-{passage.end}"


def passage_of(finding: Finding, cut: Sequence[Segment]) -> Segment | None:
    """Return the passage among `cut` that a finding refers to, None if there is none.

    It is the passage at the place that the finding names, else the first one that contains its value.
    """
    for passage in cut:
        if source_of(passage) == finding.source:
            return passage
    cited = finding.value.strip()
    return next((passage for passage in cut if cited and cited in passage.text), None)


def check_neutral(text: str) -> str:
    """Validate a neutral sentence; return it with single spaces between words, and none around it.

    Raises:
        Refusal: SENTENCE (no letter, or an invisible character), LENGTH (over `LONGEST` bytes).
    """
    sentence = " ".join(text.split())
    hidden = any(unicodedata.category(c)[0] == "C" and c not in _JOINERS for c in sentence)
    if hidden or not any(map(str.isalpha, sentence)):
        raise Refusal("example", "SENTENCE")
    if len(sentence.encode()) > LONGEST:
        raise Refusal("example", "LENGTH")
    return sentence


def copied(sentence: str, texts: Sequence[str], *, lang: str) -> list[str]:
    """Return the names, numbers and runs of words that a neutral sentence repeats of its report's texts.

    `sentence` is the neutral sentence, `texts` those of the report, `lang` its language. Words are compared
    without case and accents, numbers without spaces. A name is a word of the report that has a capital inside
    a sentence, either in the report or in the neutral sentence (not in German, which writes every noun so). A
    word with several capitals is a name anywhere, unless the report also writes it in small letters, or most
    of the text is in capitals. A run has `_RUN` words; only the first run is returned. Not found are names in
    small letters or only at the beginning of sentences, names in scripts without capitals, and numbers of one
    or two digits, such as an age.
    """
    written = [unicodedata.normalize("NFKC", text) for text in texts]
    own = unicodedata.normalize("NFKC", sentence)
    found = [_WORDS.findall(text) for text in written]
    held = {_plain(word) for words in found for word in words}
    marked = {_plain(w) for text in (own, *written) for w in _marked(text, lang)} & held
    small = {_plain(word) for words in found for word in words if word.islower()}
    marked |= {_plain(w) for text in (own, *written) for w in _capitals(text)} & held - small
    runs = {run for words in found for run in _runs(words)}
    words = _WORDS.findall(own)
    named = [word for word in words if _plain(word) in marked]
    numbers = {digits for text in written for digits, _ in _numbers(text)}
    dialled = [as_written for digits, as_written in _numbers(own) if digits in numbers]
    repeated = [" ".join(run) for run in _runs(words) if run in runs]
    return list(dict.fromkeys([*named, *dialled, *repeated[:1]]))


def _plain(word: str) -> str:
    """Return a word without case and accents."""
    return "".join(
        c for c in unicodedata.normalize("NFKD", word.casefold()) if not unicodedata.combining(c)
    )


def _marked(text: str, lang: str) -> Iterator[str]:
    """Yield the words that may identify: with a digit, except ages, or with one capital inside a sentence.

    Capitals do not count in German (`lang` "de"), which writes every noun so.
    """
    for match in _WORDS.finditer(text):
        word, before = match[0], text[max(0, match.start() - 3) : match.start()].rstrip(" ")
        inside = before and (before[-1].isalnum() or before[-1] in ",'’-")
        named = inside and lang != "de" and word.istitle() and len(word) > 1
        counted = any(map(str.isdigit, word)) and not (word.isdigit() and len(word) <= _AGE)
        if named or counted:
            yield word


def _capitals(text: str) -> Iterator[str]:
    """Yield the words of a text with several capitals, none if most of its letters are capitals."""
    if 2 * sum(map(str.isupper, text)) <= sum(map(str.isalpha, text)):
        yield from (word for word in _WORDS.findall(text) if sum(map(str.isupper, word)) > 1)


def _numbers(text: str) -> Iterator[tuple[str, str]]:
    """Yield (last `_DIALLED` digits, as written) of the telephone and other long numbers of a text."""
    for match in _LONG_NUMBER.finditer(text):
        digits = "".join(filter(str.isdigit, match[0]))
        if len(digits) >= _DIALLED:
            yield digits[-_DIALLED:], match[0]


def _runs(words: Sequence[str]) -> Iterator[tuple[str, ...]]:
    plain = [_plain(word) for word in words]
    return (tuple(plain[n : n + _RUN]) for n in range(len(plain) - _RUN + 1))


def last_words(judgements: Sequence[Judgement]) -> Iterator[Judgement]:
    """Yield the judgements that count: of each person the latest on each signal code of each example.

    If a person's latest judgement withdraws the earlier one (TAKEN_BACK), none counts. An example is a
    judged passage of a report; `judgements` are in chronological order.
    """
    last = {(j.example_id, j.code, j.person_id): j for j in judgements}
    yield from (j for j in last.values() if j.verdict is not Verdict.TAKEN_BACK)
