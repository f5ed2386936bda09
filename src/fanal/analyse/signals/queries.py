"""Queries on the desk's labelled examples, the outcome of judgements on them, and versions of the reader.

A version of the text reader is a trained model. Two people are needed to deny a signal code.
"""

from collections.abc import Collection, Sequence
from datetime import datetime
from functools import cache
from uuid import UUID

import msgspec
from msgspec import Struct

from fanal.accounts.domain.policy import reach, require, roles_at_desk
from fanal.accounts.queries.people import granted_by_alone
from fanal.analyse.signals.domain.examples import (
    Example,
    ExampleState,
    Judgement,
    Settlement,
    Verdict,
    settle,
)
from fanal.analyse.signals.domain.model_card import ModelCard, ReaderState
from fanal.db import sql
from fanal.db.sql import uuid_array
from fanal.intake.queries.envelopes import get_reports
from fanal.kernel.actors import Actor
from fanal.kernel.figures import Counted

_EXAMPLE = (
    "SELECT id, report_id, source, lang, state, object_id, made_at, rewriter_id, rewritten_object,"
    " checker_id, neutral FROM analyse_example"
)
_CARD = msgspec.json.Decoder(ModelCard)


class StoredReader(Struct, frozen=True, kw_only=True):
    """A stored version of the text reader (trained model), without its bytes; `shipped`: part of the program.

    `card` (model card) is None for a shipped version, and if it cannot be read. `author_id` trained it,
    `proposer_id` proposed it, `approver_id` put it in force; None before. `trial` is the JSON of its dry run
    (`DryRun`; see `trials.trial_of`), finished at `tried_at`; `reached` is the last report compared. `ended`
    says why the program ended the last dry run without a result, "" if it did not. Once it is in force,
    `reread_queued` counts the texts queued to be read again, `reread_reached` is the last waiting report
    looked at, and `reread_at` when the last of them was, None while this goes on.
    """

    id: UUID
    version: str
    state: ReaderState
    shipped: bool
    card: ModelCard | None
    author_id: UUID
    trained_at: datetime
    proposer_id: UUID | None
    proposed_at: datetime | None
    reached: UUID | None
    trial: bytes | None
    tried_at: datetime | None
    ended: str
    reread_reached: UUID | None
    reread_queued: int
    reread_at: datetime | None
    approver_id: UUID | None
    activated_at: datetime | None


def examples_of(*, actor: Actor, report_id: UUID) -> list[Example]:
    """Return the examples (judged passages) of a report that the actor may read, oldest first.

    [] if the actor may not read the report.
    """
    if reach(actor, "report.read").empty or not get_reports(actor=actor, report_ids=[report_id]):
        return []
    return _examples(f"{_EXAMPLE} WHERE report_id = %s ORDER BY id", [report_id])


def get_example(*, actor: Actor, example_id: UUID) -> Example | None:
    """Return an example (a judged passage) of a report that the actor may read, else None."""
    found = _examples(f"{_EXAMPLE} WHERE id = %s", [example_id])
    seen = get_reports(actor=actor, report_ids=[e.report_id for e in found])
    return found[0] if found and found[0].report_id in seen else None


def list_examples(*, actor: Actor, states: Collection[ExampleState]) -> list[Example]:
    """Return the examples in one of `states`, of reports that the actor reads, in order of id.

    An example is a passage that people judged, from which the text reader may learn.
    """
    found = _examples(f"{_EXAMPLE} WHERE state = ANY(%s) ORDER BY id", [sorted(states)])
    seen = get_reports(actor=actor, report_ids=list({e.report_id for e in found}))
    return [example for example in found if example.report_id in seen]


def examples_to_train(*, actor: Actor) -> list[Example]:
    """Return the examples (judged passages) of all desks that are not erased, in order of id.

    Raises:
        Refused: the actor may not run the processing stages.
    """
    require(actor, "pipeline.run")
    return _examples(f"{_EXAMPLE} WHERE state <> 'ERASED' ORDER BY id", [])


def judgements_of(*, example_ids: Sequence[UUID]) -> list[Judgement]:
    """Return people's judgements on examples (passages of reports), in the order of writing."""
    found = sql.rows(
        "SELECT example_id, code, verdict, person_id, judged_at, engine FROM analyse_judgement"
        " WHERE example_id = ANY(%s::uuid[]) ORDER BY seq",
        [uuid_array(example_ids)],
    )
    return [
        Judgement(
            example_id=row[0],
            code=row[1],
            verdict=Verdict(row[2]),
            person_id=row[3],
            judged_at=row[4],
            engine=row[5],
        )
        for row in found
    ]


def count_judgements(*, actor: Actor, since: datetime, until: datetime) -> list[Counted]:
    """Count judgements on passages by day, verdict and signal code, those taken back later included.

    Rows, in no particular order: (day in Paris, verdict, code, number), of judgements from `since` to
    before `until`.

    Raises:
        Refused: the actor may not read statistics.
    """
    require(actor, "statistics.read")
    found = sql.rows(
        "SELECT (judged_at AT TIME ZONE 'Europe/Paris')::date, verdict, code, count(*)::integer"
        " FROM analyse_judgement WHERE verdict <> 'TAKEN_BACK'"
        " AND judged_at >= %s AND judged_at < %s GROUP BY 1, 2, 3",
        [since, until],
    )
    return list(found)


def count_wrong(*, actor: Actor, since: datetime, until: datetime) -> list[Counted]:
    """Count the findings of signals that people judged wrong, by day and code, as `count_judgements` does.

    Judgements from `since` to before `until` count. Rows, in no particular order: (day in Paris, code, ""
    for the unused second key, number).

    Raises:
        Refused: the actor may not read statistics.
    """
    counted = count_judgements(actor=actor, since=since, until=until)
    return [(day, code, "", n) for day, verdict, code, n in counted if verdict == Verdict.WRONG]


def list_readers() -> list[StoredReader]:
    """Return the stored versions of the text reader (a model), newest first, with who activated each last."""
    return _readers("", [])


def get_reader(*, reader_id: UUID) -> StoredReader | None:
    """Return a stored version of the text reader (trained model); None if there is none with this id."""
    found = _readers("WHERE r.id = %s", [reader_id])
    return found[0] if found else None


def open_reader_trials() -> list[StoredReader]:
    """Return the text readers (models) whose dry run on past reports is unfinished, in order of proposal."""
    found = _readers("WHERE r.proposed_at IS NOT NULL AND r.tried_at IS NULL", [])
    return sorted(found, key=lambda r: str(r.proposed_at))


def open_reread() -> StoredReader | None:
    """Return the text reader (model) in force while it reads the waiting reports again, else None."""
    found = _readers("WHERE r.state = 'IN_FORCE' AND r.reread_at IS NULL", [])
    return found[0] if found else None


def _examples(statement: str, values: Sequence[object]) -> list[Example]:
    return [
        Example(
            id=row[0],
            report_id=row[1],
            source=row[2],
            lang=row[3],
            state=ExampleState(row[4]),
            object_id=row[5],
            made_at=row[6],
            rewriter_id=row[7],
            rewritten_object=row[8],
            checker_id=row[9],
            neutral=row[10],
        )
        for row in sql.rows(statement, values)
    ]


_READER = (
    "SELECT r.id, r.version, r.state, r.header IS NULL, r.card, r.author_id, r.trained_at,"
    " r.proposer_id, r.proposed_at, r.reached, r.trial, r.tried_at, r.reread_reached,"
    " r.reread_queued, r.reread_at, a.approver_id, a.activated_at, r.ended FROM analyse_reader r"
    " LEFT JOIN LATERAL (SELECT approver_id, activated_at FROM analyse_reader_activation"
    " WHERE reader_id = r.id ORDER BY seq DESC LIMIT 1) a ON true"
)


def _card(content: bytes | memoryview | None) -> ModelCard | None:
    """Return a stored model card, None without one or if it cannot be read."""
    try:
        return _CARD.decode(bytes(content)) if content is not None else None
    except (msgspec.MsgspecError, UnicodeError):
        return None


def _readers(where: str, values: Sequence[object]) -> list[StoredReader]:
    found = sql.rows(f"{_READER} {where} ORDER BY r.trained_at DESC, r.id", values)
    return [
        StoredReader(
            id=row[0],
            version=row[1],
            state=ReaderState(row[2]),
            shipped=row[3],
            card=_card(row[4]),
            author_id=row[5],
            trained_at=row[6],
            proposer_id=row[7],
            proposed_at=row[8],
            reached=row[9],
            trial=bytes(row[10]) if row[10] is not None else None,
            tried_at=row[11],
            reread_reached=row[12],
            reread_queued=row[13],
            reread_at=row[14],
            approver_id=row[15],
            activated_at=row[16],
            ended=row[17],
        )
        for row in found
    ]


def settled_by(
    *, actor: Actor, examples: Sequence[Example], before: datetime | None = None
) -> Settlement:
    """Return the outcome of people's judgements on examples (judged passages of reports).

    Only judgements up to the instant `before` count, if it is given. Two people can deny a code together
    unless one of them, when judging, held the role only by the other's grant. `actor` reads the reports: a
    role counts at the desk of the example's report.
    """
    reports = get_reports(actor=actor, report_ids=list({e.report_id for e in examples}))
    desks = {e.id: reports[e.report_id].desk_id for e in examples if e.report_id in reports}
    roles = roles_at_desk("example.judge")

    @cache
    def owed(person_id: UUID, granter_id: UUID, desk_id: int | None, at: datetime) -> bool:
        return granted_by_alone(
            person_id=person_id, roles=roles, proposers={granter_id}, now=at, desk_id=desk_id
        )

    def independent(one: Judgement, other: Judgement) -> bool:
        desk_id = desks.get(one.example_id)
        return not (
            owed(one.person_id, other.person_id, desk_id, one.judged_at)
            or owed(other.person_id, one.person_id, desk_id, other.judged_at)
        )

    said = judgements_of(example_ids=[e.id for e in examples])
    return settle(
        [j for j in said if before is None or j.judged_at <= before], independent=independent
    )
