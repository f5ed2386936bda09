"""Judgements of people on passages of reports, and neutral sentences that replace the passages.

One person writes a neutral sentence, another checks it; a checked one is kept after the report's erasure,
until a supervisor withdraws it.
"""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from django.db import transaction

from fanal.accounts.domain.policy import Reason, Refused, Resource, require, roles_at_desk
from fanal.accounts.queries.people import granted_by_alone
from fanal.analyse.queries import get_analyses
from fanal.analyse.signals import queries
from fanal.analyse.signals.domain.examples import (
    EXAMPLE_STATES,
    Example,
    ExampleState,
    Verdict,
    check_neutral,
    copied,
    last_words,
    passages,
    source_of,
)
from fanal.analyse.signals.domain.text import Segment, utterances
from fanal.analyse.signals.reading import TEXT_CODES
from fanal.db import sql
from fanal.db.sql import uuid_array
from fanal.harmonise.queries import get_records
from fanal.intake.queries.envelopes import get_reports
from fanal.intake.queries.reviews import list_unerased
from fanal.kernel.actors import Actor, system_actor
from fanal.kernel.ids import new_id
from fanal.kernel.refusal import Refusal
from fanal.kernel.states import TransitionRefused
from fanal.ledger import operations as ledger
from fanal.ledger.domain.records import ObjectRef
from fanal.ledger.operations import keyed_digest
from fanal.vault.domain.records import Sealable
from fanal.vault.operations.opening import open_object
from fanal.vault.operations.sealing import seal_batch

_KIND = "example"


def judge_passage(
    *, actor: Actor, report_id: UUID, source: str, code: str, verdict: Verdict, now: datetime
) -> UUID:
    """Store the actor's judgement on a signal code in a passage; return the id of the passage's example.

    `verdict`: right, wrong, missed, or taken back. `source` is the place of the passage
    (`examples.source_of`), `code` the signal code. At the first judgement of a passage, an example is created
    and its words are sealed. A later judgement of the same person on the same code replaces the earlier.

    Raises:
        Refused: the actor may not judge at that desk.
        Refusal: NOT_FOUND (no such report), PASSAGE (the report is erased, or has no such passage), CODE
            (no code of the text reader), NOTHING (the actor takes back a judgement that they did not give).
        OSError: the vault's disk is unavailable; nothing is recorded.
    """
    desk_id = _desk_of(actor, report_id)
    require(actor, "example.judge", Resource(desk_id=desk_id))
    if code not in TEXT_CODES:
        raise Refusal("example", "CODE")
    with transaction.atomic():
        record = get_records(actor=actor, report_ids=[report_id]).get(report_id)
        kept = list_unerased(actor=system_actor("examples"), report_ids=[report_id], held=True)
        cut = passages(record) if record is not None and kept else []
        passage = next((one for one in cut if source_of(one) == source), None)
        if record is None or passage is None:
            raise Refusal("example", "PASSAGE")
        if verdict is Verdict.TAKEN_BACK and not _has_judged(actor, report_id, passage, code):
            raise Refusal("example", "NOTHING")
        analysis = get_analyses(actor=actor, report_ids=[report_id]).get(report_id)
        example_id = _example(report_id, passage, (record.language or "fr")[:2].lower(), now=now)
        sql.run(
            "INSERT INTO analyse_judgement (example_id, code, verdict, engine, person_id, judged_at)"
            " VALUES (%s, %s, %s, %s, %s, %s)",
            [
                example_id,
                code,
                verdict,
                analysis.rule_version if analysis else "",
                actor.person_id,
                now,
            ],
        )
        _log(actor, "example.judge", example_id, report_id, now, verdict=verdict, code=code)
    return example_id


def rewrite(*, actor: Actor, example_id: UUID, sentence: str, now: datetime) -> None:
    """Seal a neutral sentence for an example; it replaces an earlier one that nobody has checked.

    An example is a judged passage; the sentence replaces it and repeats none of its names or numbers.

    Raises:
        Refused: the actor may not judge at that desk.
        Refusal: NOT_FOUND (no example has this id), SENTENCE (no letter, or an invisible character), LENGTH
            (as `check_neutral`), COPIED (it repeats names or words of the report, `examples.copied`), STATE
            (already checked, or erased).
        OSError: the vault's disk is unavailable.
    """
    neutral = check_neutral(sentence)
    with transaction.atomic():
        example, desk_id = _held(actor, example_id)
        require(actor, "example.judge", Resource(desk_id=desk_id))
        state = _moved(example, "rewrite")
        _require_own_words(actor, example, neutral)
        object_id = _sealed(example.report_id, neutral, now)
        sql.run(
            "UPDATE analyse_example SET state = %s, rewritten_object = %s, rewriter_id = %s,"
            " rewritten_at = %s WHERE id = %s",
            [state, object_id, actor.person_id, now, example_id],
        )
        _log(actor, "example.rewrite", example_id, example.report_id, now)


def check_sentence(*, actor: Actor, example_id: UUID, object_id: UUID, now: datetime) -> None:
    """Confirm an example's neutral sentence as a second person: it is then kept after the report's erasure.

    `object_id` is the sealed sentence that the actor was shown. An example is a judged passage; a neutral
    sentence replaces it and repeats none of its names or numbers.

    Raises:
        Refused: the actor may not check at that desk.
        Refusal: NOT_FOUND (no example has this id), SAME_PERSON (the actor wrote it), STATE (no sentence
            awaits a check), GRANTED_BY_PROPOSER (the writer alone gave the actor this role), CHANGED (another
            sentence was written meanwhile), SENTENCE (no letter, or an invisible character), LENGTH (too
            long), COPIED (it repeats words of the report).
        OSError, EnvelopeRefused: as `open_object`.
        ObjectUnknown, KeyMissing: the sentence was erased meanwhile, or this process does not hold its key.
    """
    with transaction.atomic():
        example, desk_id = _held(actor, example_id)
        try:
            require(actor, "example.check", Resource(desk_id=desk_id, owner_id=example.rewriter_id))
        except Refused as refused:
            if refused.reason_code is not Reason.OWN_ACT:
                raise
            raise Refusal("example", "SAME_PERSON") from refused
        state = _moved(example, "check")
        if example.rewriter_id and granted_by_alone(
            person_id=actor.person_id,
            desk_id=desk_id,
            roles=roles_at_desk("example.check"),
            proposers={example.rewriter_id},
            now=now,
        ):
            raise Refusal("example", "GRANTED_BY_PROPOSER")
        if example.rewritten_object != object_id:
            raise Refusal("example", "CHANGED")
        neutral = check_neutral(neutral_sentence(actor=actor, example=example, now=now))
        _require_own_words(actor, example, neutral)
        sql.run(
            "UPDATE analyse_example SET state = %s, neutral = %s, checker_id = %s, checked_at = %s"
            " WHERE id = %s",
            [state, neutral, actor.person_id, now, example_id],
        )
        _log(actor, "example.check", example_id, example.report_id, now)


def withdraw_sentence(*, actor: Actor, example_id: UUID, now: datetime) -> None:
    """Withdraw a checked neutral sentence: the example is open again, or erased if its report is.

    The sentence is deleted from the table and from the stored versions of the text reader, which read on
    without it. An example is a judged passage; a neutral sentence replaces it and repeats none of its names
    or numbers.

    Raises:
        Refused: the actor may not withdraw at that desk.
        Refusal: NOT_FOUND (no example has this id), STATE (no checked sentence).
    """
    with transaction.atomic():
        example, desk_id = _held(actor, example_id)
        require(actor, "example.withdraw", Resource(desk_id=desk_id))
        state = _moved(example, "withdraw")
        reports = [example.report_id]
        if not list_unerased(actor=system_actor("examples"), report_ids=reports, held=True):
            state = EXAMPLE_STATES.apply(state, "erase")
        sql.run(
            "UPDATE analyse_example SET state = %s, neutral = '', rewriter_id = NULL, rewritten_at = NULL,"
            " rewritten_object = NULL, checker_id = NULL, checked_at = NULL, withdrawer_id = %s,"
            " withdrawn_at = %s WHERE id = %s",
            [state, actor.person_id, now, example_id],
        )
        _log(actor, "example.withdraw", example_id, example.report_id, now)


def neutral_sentence(*, actor: Actor, example: Example, now: datetime) -> str:
    """Return the neutral sentence of an example, "" if it has none.

    An unchecked one is decrypted from the vault for a reader of the report, with an entry in the ledger. An
    example is a judged passage; a neutral sentence replaces it and repeats none of its names or numbers.

    Raises:
        Refused: the actor may not read reports.
        OSError, EnvelopeRefused: the vault does not respond, or its bytes are missing or altered.
        ObjectUnknown, KeyMissing: it was erased meanwhile, or this process does not hold its key.
    """
    if example.rewritten_object is None or example.state is not ExampleState.REWRITTEN:
        return example.neutral
    return open_object(
        actor=actor,
        object_id=example.rewritten_object,
        now=now,
        purpose=actor.motive or "examples of the text reader",
        right="report.read",
    ).decode()


def erase_examples(*, report_ids: Sequence[UUID]) -> int:
    """Mark the unchecked examples (judged passages) of erased reports as ERASED; return their number.

    Also deletes what trained text readers learnt from these reports (`analyse_reader_part`). The words of the
    examples are erased with the report for which they were sealed; checked neutral sentences are kept. Call
    this in the transaction of the erasure.
    """
    erased = sql.run(
        "UPDATE analyse_example SET state = 'ERASED' WHERE report_id = ANY(%s::uuid[])"
        " AND state IN ('OPEN', 'REWRITTEN')",
        [uuid_array(report_ids)],
    )
    sql.run(
        "DELETE FROM analyse_reader_part WHERE report_id = ANY(%s::uuid[])",
        [uuid_array(report_ids)],
    )
    return erased


def _require_own_words(actor: Actor, example: Example, sentence: str) -> None:
    records = get_records(actor=actor, report_ids=[example.report_id])
    texts = [said.text for record in records.values() for said in utterances(record)]
    if found := copied(sentence, texts, lang=example.lang):
        raise Refusal("example", "COPIED", words=", ".join(found))


def _has_judged(actor: Actor, report_id: UUID, passage: Segment, code: str) -> bool:
    """Return whether the actor has judged a signal code in a passage of the report, and not taken it back."""
    found = _found(report_id, source_of(passage), _digest(report_id, passage))
    said = last_words(queries.judgements_of(example_ids=[found] if found else []))
    return any((j.person_id, j.code) == (actor.person_id, code) for j in said)


def _digest(report_id: UUID, passage: Segment) -> bytes:
    words = passage.text.encode("utf-8", "replace")
    return keyed_digest(kind="example", object_id=report_id, content=words)


def _found(report_id: UUID, source: str, digest: bytes) -> UUID | None:
    found = sql.row(
        "SELECT id FROM analyse_example WHERE report_id = %s AND source = %s AND digest = %s",
        [report_id, source, digest],
    )
    return UUID(str(found[0])) if found else None


def _example(report_id: UUID, passage: Segment, lang: str, *, now: datetime) -> UUID:
    """Return the id of the example of a passage; create it, and seal its words, if there is none.

    A passage is identified by its place in the report and the keyed digest of its words.
    """
    source, digest = source_of(passage), _digest(report_id, passage)
    if found := _found(report_id, source, digest):
        return found
    made = sql.one(
        "INSERT INTO analyse_example (id, report_id, source, digest, lang, object_id, made_at)"
        " VALUES (%s, %s, %s, %s, %s, %s, %s)"
        " ON CONFLICT (report_id, source, digest) DO UPDATE SET lang = excluded.lang RETURNING id",
        [
            new_id(now),
            report_id,
            source,
            digest,
            lang,
            _sealed(report_id, passage.text, now),
            now,
        ],
    )
    return UUID(str(made[0]))


def _sealed(report_id: UUID, text: str, now: datetime) -> UUID:
    words = text.encode("utf-8", "replace")
    item = Sealable(id=new_id(now), owner_id=report_id, kind=_KIND, plaintext=words)
    return seal_batch(items=[item], now=now)[0].id


def _held(actor: Actor, example_id: UUID) -> tuple[Example, int | None]:
    """Lock an example (a judged passage of a report) until the end of the transaction; return it with its
    desk's id.

    Raises:
        Refusal: NOT_FOUND: no example has this id, or the actor may not read its report.
    """
    sql.rows("SELECT id FROM analyse_example WHERE id = %s FOR UPDATE", [example_id])
    example = queries.get_example(actor=actor, example_id=example_id)
    if example is None:
        raise Refusal("example", "NOT_FOUND")
    return example, _desk_of(actor, example.report_id)


def _desk_of(actor: Actor, report_id: UUID) -> int | None:
    facts = get_reports(actor=actor, report_ids=[report_id]).get(report_id)
    if facts is None:
        raise Refusal("example", "NOT_FOUND")
    return facts.desk_id


def _moved(example: Example, name: str) -> ExampleState:
    try:
        return EXAMPLE_STATES.apply(example.state, name)
    except TransitionRefused as refused:
        raise Refusal("example", "STATE") from refused


def _log(
    actor: Actor, action: str, example_id: UUID, report_id: UUID, now: datetime, **detail: str
) -> None:
    ledger.record(
        actor=actor,
        action=action,
        at=now,
        objects=[
            ObjectRef(kind="report", id=report_id),
            ObjectRef(kind="example", id=example_id),
        ],
        detail=detail,
    )
