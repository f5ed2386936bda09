"""Versions of the text reader (a model): training with the desk's judged passages, proposal, activation."""

import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from itertools import groupby
from uuid import UUID

import msgspec
import numpy as np
from django.db import transaction

from fanal.accounts.domain.policy import Reason, Refused, Resource, require
from fanal.accounts.queries.people import granted_by_alone
from fanal.analyse.signals import queries
from fanal.analyse.signals.domain.examples import (
    Example,
    ExampleState,
    Settled,
    Settlement,
    labels_of,
)
from fanal.analyse.signals.domain.learning import EarlierReader, Trained, train
from fanal.analyse.signals.domain.meaning import Label, Vectors
from fanal.analyse.signals.domain.model import (
    Header,
    encode,
    encode_part,
    load_corpus,
    parse_header,
    read_header,
)
from fanal.analyse.signals.domain.model_card import READER_STATES, ModelCard
from fanal.analyse.signals.domain.text import Utterance
from fanal.analyse.signals.operations.in_force import (
    reader_in_force,
    unfit_versions,
    version_in_force,
    version_reading,
)
from fanal.analyse.signals.queries import StoredReader, settled_by
from fanal.analyse.signals.reading import (
    NoReader,
    TextReader,
    embedded,
    reader_files,
    reader_state,
)
from fanal.db import sql
from fanal.db.sql import uuid_array
from fanal.embedding.engine import TextUnembedded
from fanal.intake.queries.reviews import list_unerased
from fanal.kernel.actors import SYSTEM_PERSON, Actor, Role, system_actor
from fanal.kernel.ids import new_id
from fanal.kernel.refusal import Refusal
from fanal.kernel.states import TransitionRefused
from fanal.ledger import operations as ledger
from fanal.ledger.domain.records import ObjectRef
from fanal.vault.domain.records import Sealable
from fanal.vault.operations.opening import open_batch
from fanal.vault.operations.sealing import seal_batch

log = logging.getLogger("fanal.reader")
_LOCK = 0x524541444552  # "READER"
_ACTIVATES = (Role.SUPERVISOR,)
_WITHDRAW = (
    "UPDATE analyse_reader SET proposer_id = NULL, proposed_at = NULL, reached = NULL, trial = NULL,"
    " ended = %s"
)
_KIND = "reader"


def train_version(*, actor: Actor, now: datetime) -> UUID:
    """Train a version of the text reader on the shipped corpus and the desk's examples; return its id.

    It is stored with its model card. Deterministic: without new judgements the id of the same stored
    version is returned. Training takes 90 s of CPU and at least 3 GB of memory. What the version learns
    from a sealed passage is sealed for that report, and erased with it.

    Raises:
        Refused: the actor may not draft rules.
        Refusal: NO_READER (no engine or model), NO_EXAMPLES (there are none, or the engine can read none of
            them), CHANGED (a report was erased, or a neutral sentence withdrawn meanwhile).
        ObjectUnknown, OSError: the vault cannot open an example, or seal what was learnt from it.
        TextUnembedded: the engine has no embedding of a text of the corpus.
        EnvelopeRefused: the sealed bytes of an example were altered.
    """
    require(actor, "rules.draft")
    reader = reader_in_force()
    if isinstance(reader, NoReader):
        raise Refusal("reader", "NO_READER")
    system = system_actor("training of the text reader")
    examples = {e.id: e for e in queries.examples_to_train(actor=system)}
    settlement = settled_by(actor=system, examples=list(examples.values()))
    labels, believed = _labels(settlement, examples, reader, now=now)
    if not labels:
        raise Refusal("reader", "NO_EXAMPLES")
    corpus = load_corpus(tuple(read_header(reader_files()).corpus))
    every = [*corpus.labels, *labels]
    vectors = embedded(every, reader.engine)
    known = {label.text for label in reader.model.labels}
    trained = train(
        every,
        vectors,
        earlier=EarlierReader(
            way=reader.model.ways[0],
            known=np.array([label.text in known for label in every]),
            corpus=len(corpus.labels),
        ),
        believed=believed,
    )
    reports = {label.id: _example_of(label, examples).report_id for label in labels}
    neutral = [x for x in labels if _example_of(x, examples).state is ExampleState.NEUTRALISED]
    parts = _parts(trained, vectors, every, labels[len(neutral) :], reports)
    header, weights = encode(
        trained,
        vectors,
        corpus,
        engine=reader.engine.name,
        added=neutral,
        parts=list(parts.values()),
    )
    card = _card(trained, settlement, reader.version, (len(corpus.labels), labels, len(neutral)))
    with transaction.atomic():
        store_shipped(now=now)
        _hold_sentences({_example_of(x, examples).id: x.text for x in neutral})
        return _store(actor, (parse_header(header), header, weights), parts, card, now=now)


def propose_version(*, actor: Actor, reader_id: UUID, now: datetime) -> None:
    """Propose a version of the text reader, a model; the worker then compares it on past reports (dry run).

    It is compared with the version that reads now.

    Raises:
        Refused: the actor may not draft rules.
        Refusal: NOT_FOUND (no version has this id), IN_FORCE (this version reads now), WORSE (its model card
            shows codes that lose too much; `ModelCard.lost`), UNFIT (this program cannot use it;
            `unfit_versions`).
    """
    require(actor, "rules.draft")
    with transaction.atomic():
        _lock()
        stored = _stored(reader_id)
        if not _moves(stored, "propose"):
            raise Refusal("reader", "IN_FORCE")
        if stored.card is not None and stored.card.lost:
            raise Refusal("reader", "WORSE", codes=", ".join(stored.card.lost))
        _require_fit(stored)
        sql.run(
            "UPDATE analyse_reader SET proposer_id = %s, proposed_at = %s, reached = NULL, trial = NULL,"
            " ended = '' WHERE id = %s",
            [actor.person_id, now, reader_id],
        )
        _log(actor, "reader.propose", stored, now)


def withdraw_version(*, actor: Actor, reader_id: UUID, now: datetime) -> None:
    """Withdraw the proposal to put a version (`reader_id`) of the text reader, a trained model, in force.

    A dry run of it (comparison on past reports) under way ends.

    Raises:
        Refused: the actor may not draft rules.
        Refusal: NOT_FOUND (no version has this id), IN_FORCE (this version reads now), NO_PROPOSAL (nobody
            proposed it, or it was in force since).
    """
    require(actor, "rules.draft")
    with transaction.atomic():
        _lock()
        stored = _stored(reader_id)
        if not _moves(stored, "withdraw") or stored.proposer_id is None:
            raise Refusal("reader", "NO_PROPOSAL")
        sql.run(f"{_WITHDRAW} WHERE id = %s", ["", reader_id])
        _log(actor, "reader.withdraw", stored, now)


def end_trial(*, stored: StoredReader, reason: str, now: datetime) -> None:
    """End the dry run of a text reader (a trained model, `stored`) that this program cannot use.

    A dry run compares a version with the present one on past reports. The proposal of the version is
    withdrawn, with `reason`, a text for people. Nothing is done if the version was proposed again or
    withdrawn meanwhile.
    """
    with transaction.atomic():
        if sql.run(
            f"{_WITHDRAW} WHERE id = %s AND proposed_at = %s AND tried_at IS NULL",
            [reason, stored.id, stored.proposed_at],
        ):
            actor = system_actor("dry run of a text reader")
            _log(actor, "reader.withdraw", stored, now, reason="UNFIT")


def keep_trial(
    *, reader_id: UUID, before: UUID | None, reached: UUID | None, trial: bytes, now: datetime
) -> bool:
    """Store the progress of a text reader's (model's) dry run: result, and last report compared (`reached`).

    `reached` None: the dry run is finished. `trial` is the result so far, as JSON (`DryRun`). `before` is the
    progress from which the caller started. Returns False, and stores nothing, if another worker has advanced
    or finished it since.
    """
    return bool(
        sql.run(
            "UPDATE analyse_reader SET reached = coalesce(%s, reached), trial = %s, tried_at = %s"
            " WHERE id = %s AND reached IS NOT DISTINCT FROM %s AND tried_at IS NULL"
            " AND proposed_at IS NOT NULL",
            [reached, trial, now if reached is None else None, reader_id, before],
        )
    )


def keep_reread(
    *, reader_id: UUID, before: UUID | None, reached: UUID | None, queued: int, now: datetime
) -> bool:
    """Store the progress of queueing the texts of waiting reports, to be read again by this text reader.

    `reached` is the last report queued, None at the end; `before` the progress from which the caller started;
    `queued` the number of texts added. Returns False, and stores nothing, if another worker has advanced or
    finished it since, or the version is no longer in force.
    """
    return bool(
        sql.run(
            "UPDATE analyse_reader SET reread_reached = coalesce(%s, reread_reached),"
            " reread_queued = reread_queued + %s, reread_at = %s WHERE id = %s"
            " AND reread_reached IS NOT DISTINCT FROM %s AND reread_at IS NULL AND state = 'IN_FORCE'",
            [reached, queued, now if reached is None else None, reader_id, before],
        )
    )


def activate_version(*, actor: Actor, reader_id: UUID, current: str, now: datetime) -> None:
    """Activate a proposed text reader (trained model) as a second person; workers use it from the next text.

    `current` is the version that its dry run was compared with (`version_reading`). Stored analyses are kept;
    only the texts of waiting reports are read again.

    Raises:
        Refused: the actor may not activate rules.
        Refusal: NOT_FOUND (no version has this id), IN_FORCE (this version reads now), NOT_PROPOSED (nobody
            proposed it), SAME_PERSON (the actor proposed it), GRANTED_BY_PROPOSER (the actor may activate
            only thanks to habilitations that the proposer granted or approved), UNFIT (this program cannot
            use it), STALE (another version reads since its dry run).
    """
    require(actor, "rules.activate")
    with transaction.atomic():
        _lock()
        stored = _stored(reader_id)
        try:
            require(actor, "rules.activate", Resource(owner_id=stored.proposer_id))
        except Refused as refused:
            if refused.reason_code is not Reason.OWN_ACT:
                raise
            raise Refusal("reader", "SAME_PERSON") from refused
        if not _moves(stored, "activate") or stored.proposer_id is None:
            raise Refusal("reader", "NOT_PROPOSED")
        if granted_by_alone(
            person_id=actor.person_id, roles=_ACTIVATES, proposers={stored.proposer_id}, now=now
        ):
            raise Refusal("reader", "GRANTED_BY_PROPOSER")
        _require_fit(stored)
        if current != version_reading():
            raise Refusal("reader", "STALE")
        sql.run(
            "INSERT INTO analyse_reader_activation (reader_id, proposer_id, approver_id, activated_at)"
            " VALUES (%s, %s, %s, %s)",
            [reader_id, stored.proposer_id, actor.person_id, now],
        )
        _log(actor, "reader.activate", stored, now)


def _stored(reader_id: UUID) -> StoredReader:
    """Return a stored version (`reader_id`) of the text reader, a trained model, other than the one in
    force.

    Raises:
        Refusal: NOT_FOUND (no version has this id), IN_FORCE (it is the version in force).
    """
    stored = queries.get_reader(reader_id=reader_id)
    if stored is None:
        raise Refusal("reader", "NOT_FOUND")
    if stored.version == version_in_force():
        raise Refusal("reader", "IN_FORCE")
    return stored


def _require_fit(stored: StoredReader) -> None:
    if reason := unfit_versions(reader_ids=[stored.id]).get(stored.id):
        raise Refusal("reader", "UNFIT", reason=reason)


def _moves(stored: StoredReader, name: str) -> bool:
    try:
        READER_STATES.apply(stored.state, name)
    except TransitionRefused:
        return False
    return True


def _lock() -> None:
    sql.run("SELECT pg_advisory_xact_lock(%s)", [_LOCK])


def _labels(
    settlement: Settlement, examples: Mapping[UUID, Example], reader: TextReader, *, now: datetime
) -> tuple[list[Label], dict[str, dict[str, float]]]:
    """Return the labelled texts of the settled examples (judged passages), and probabilities for codes
    nobody judged.

    The probabilities are by label id, then code (`believed` of `learning.train`); they are those of
    `reader`, the version in force. The texts are the checked neutral sentences, otherwise the sealed words,
    decrypted here. A text that the engine cannot read is left out, and logged.
    """
    chosen = [examples[one.example_id] for one in settlement.settled]
    sealed = [e for e in chosen if e.state is not ExampleState.NEUTRALISED]
    opened = open_batch(
        actor=system_actor("training of the text reader"),
        object_ids=[e.object_id for e in sealed],
        now=now,
        purpose="training of the text reader",
    )
    texts = {e.id: e.neutral for e in chosen} | {
        e.id: opened[e.object_id].decode("utf-8") for e in sealed
    }
    texts = {i: text for i, text in texts.items() if _embeds(reader, i, text)}
    readings = {
        example_id: reader.read([Utterance(path="description", text=text)])
        for example_id, text in texts.items()
    }
    found = {example_id: reading.found for example_id, reading in readings.items()}
    labels = labels_of(settlement.settled, examples, texts, found)
    judged = {one.example_id: one.wanted | one.unwanted for one in settlement.settled}
    believed = {}
    for label in labels:
        example_id = _example_of(label, examples).id
        chances = {code: chance for code, (chance, _) in readings[example_id].codes.items()}
        believed[label.id] = {c: p for c, p in chances.items() if c not in judged[example_id]}
    return labels, believed


def _embeds(reader: TextReader, example_id: UUID, text: str) -> bool:
    """Return whether the engine of `reader` embeds the `text` of a judged passage; if not, log its id."""
    try:
        reader.engine.embed([text])
    except TextUnembedded as failure:
        log.error("example %s is left out, the engine cannot read it: %s", example_id, failure)
        return False
    return True


def _example_of(label: Label, examples: Mapping[UUID, Example]) -> Example:
    return examples[UUID(hex=label.id.rpartition("-")[2])]


def _parts(
    trained: Trained,
    vectors: Vectors,
    every: Sequence[Label],
    sealed: Sequence[Label],
    reports: Mapping[str, UUID],
) -> dict[UUID, bytes]:
    """Return by report id what the model learnt from the report's sealed passages (bytes of `encode_part`).

    `every` holds all labelled texts and `vectors` their embeddings, in the same order; `sealed` those from
    sealed passages; `reports` the report of each label by its id.
    """
    rows = {label.id: n for n, label in enumerate(every)}
    in_order = sorted(sealed, key=lambda label: (reports[label.id], label.id))
    return {
        report_id: encode_part(
            trained, vectors, held, np.array([rows[label.id] for label in held], dtype=np.intp)
        )
        for report_id, group in groupby(in_order, key=lambda label: reports[label.id])
        for held in [list(group)]
    }


def _card(
    trained: Trained,
    settlement: Settlement,
    before: str,
    texts: tuple[int, Sequence[Label], int],
) -> ModelCard:
    """Return the model card of a trained version; `before` is the version in force at its training.

    `settlement` is the outcome of people's judgements on the desk's examples. `texts` holds the number of
    texts in the corpus, the desk's labelled texts, and the number of neutral ones.
    """
    assert trained.comparison is not None  # noqa: S101 - for the type checker: asked for by the caller
    corpus, labels, neutral = texts
    used = {label.id.rpartition("-")[2] for label in labels}
    counted: list[Settled] = [s for s in settlement.settled if s.example_id.hex in used]
    return ModelCard(
        before=before,
        comparison=trained.comparison,
        corpus=corpus,
        neutral=neutral,
        sealed=len(labels) - neutral,
        shares=settlement.shares,
        disputed=settlement.disputed,
        alone=len(settlement.alone),
        added=dict(Counter(code for one in counted for code in sorted(one.wanted))),
        denied=dict(Counter(code for one in counted for code in sorted(one.unwanted))),
    )


def store_shipped(*, now: datetime) -> None:
    """Store a row for the shipped text reader (trained model), without bytes, so that it can be proposed.

    Does nothing if the row exists, or the shipped version cannot read.
    """
    shipped = reader_state()
    if not isinstance(shipped, NoReader):
        sql.run(
            "INSERT INTO analyse_reader (id, version, author_id, trained_at) VALUES (%s, %s, %s, %s)"
            " ON CONFLICT (version) DO NOTHING",
            [new_id(now), shipped.version, SYSTEM_PERSON, now],
        )


def _hold_sentences(sentences: Mapping[UUID, str]) -> None:
    """Lock the examples of neutral sentences until the end of the transaction; `sentences` are by example
    id.

    A withdrawal of a sentence then waits until the text reader is stored, and deletes the sentence from it.

    Raises:
        Refusal: CHANGED: a sentence was withdrawn or replaced since it was read.
    """
    held = sql.rows(
        "SELECT id, neutral FROM analyse_example WHERE id = ANY(%s::uuid[]) AND state = 'NEUTRALISED'"
        " ORDER BY id FOR SHARE",
        [uuid_array(list(sentences))],
    )
    if dict(held) != sentences:
        raise Refusal("reader", "CHANGED")


def _store(
    actor: Actor,
    files: tuple[Header, bytes, bytes],
    parts: Mapping[UUID, bytes],
    card: ModelCard,
    *,
    now: datetime,
) -> UUID:
    header, header_bytes, weights = files
    _lock()
    known = sql.row("SELECT id FROM analyse_reader WHERE version = %s", [header.version])
    if known is not None:
        return UUID(str(known[0]))
    reports = list(parts)
    unerased = list_unerased(
        actor=system_actor("training of the text reader"), report_ids=reports, held=True
    )
    if len(unerased) != len(reports):
        raise Refusal("reader", "CHANGED")
    reader_id = new_id(now)
    sql.run(
        "INSERT INTO analyse_reader (id, version, header, weights, digest, card, author_id, trained_at)"
        " VALUES (%s, %s, %s, %s, %s, %s, %s, %s)",
        [
            reader_id,
            header.version,
            header_bytes,
            weights,
            bytes.fromhex(header.weights),
            msgspec.json.encode(card),
            actor.person_id,
            now,
        ],
    )
    items = [
        Sealable(id=new_id(now), owner_id=report_id, kind=_KIND, plaintext=content)
        for report_id, content in parts.items()
    ]
    for sealed in seal_batch(items=items, now=now):
        sql.run(
            "INSERT INTO analyse_reader_part (reader_id, report_id, object_id) VALUES (%s, %s, %s)",
            [reader_id, sealed.owner_id, sealed.id],
        )
    ledger.record(
        actor=actor,
        action="reader.train",
        at=now,
        objects=[ObjectRef(kind="reader", id=reader_id)],
        detail={"version": header.version, "examples": card.examples},
    )
    return reader_id


def _log(actor: Actor, action: str, stored: StoredReader, now: datetime, **detail: str) -> None:
    ledger.record(
        actor=actor,
        action=action,
        at=now,
        objects=[ObjectRef(kind="reader", id=stored.id)],
        detail={"version": stored.version, **detail},
    )
