"""Disclosure of a reporter's identity: a recorded access with a written purpose, reviewed by another
person.

Person, purpose and time are committed, and the notice is queued, before any byte is decrypted. This module
also deletes expired reports from the tables of the stage, since those purposes are among the rows deleted.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Final
from uuid import UUID

from django.db import connection, transaction
from django.db.backends.utils import CursorWrapper
from procrastinate.contrib.django import app

from fanal.accounts.domain.policy import Resource, require
from fanal.db import sql
from fanal.formats.report.records import PersonRole
from fanal.harmonise.domain.records import HarmonisedReport, SelectorKind, unpack
from fanal.harmonise.domain.redaction.outside import has_texts
from fanal.harmonise.domain.redaction.reporter import (
    LONGEST_MOTIVE,
    SHORTEST_MOTIVE,
    Fact,
    OpenedIdentity,
    facts_of_form,
    facts_of_reporter,
    own_values,
)
from fanal.harmonise.domain.sightings import Erased
from fanal.harmonise.domain.values.hashes import HASH_LENGTH
from fanal.harmonise.openings import opening_of
from fanal.harmonise.operations.batch import reveal_reporter, source_of
from fanal.harmonise.operations.store import ERASE_LOCK, delete_sightings, sightings_of
from fanal.intake.domain.records import Format, OpenedSubmission, ReportFacts
from fanal.intake.queries.envelopes import get_reports
from fanal.intake.queries.files import open_submissions
from fanal.kernel.actors import Actor, system_actor
from fanal.kernel.ids import new_id
from fanal.kernel.refusal import Refusal
from fanal.kernel.texts import stripped
from fanal.ledger import operations as ledger
from fanal.ledger.domain.records import ObjectRef
from fanal.ledger.operations import keyed_digest
from fanal.vault.domain.envelope import EnvelopeRefused
from fanal.vault.operations.opening import ObjectUnknown, open_object
from fanal.vault.packs import BlobDamaged

# Values of the reporter that must be redacted from texts before they are sent out of the desk.


def reporters_values(
    *,
    actor: Actor,
    facts: Mapping[UUID, ReportFacts],
    records: Mapping[UUID, HarmonisedReport],
    now: datetime,
) -> dict[UUID, frozenset[str] | None]:
    """Return the reporter's values that must be redacted, for each report with texts and a reporter.

    `facts` and `records` are the reports' facts and harmonised records by id. The values are those of
    `reporter.own_values`, decrypted only to redact texts (`redaction.outside.withheld_texts`) and shown to
    nobody. None: the bytes are erased, damaged or unreadable, so the values are unknown.

    Raises:
        Refused: the actor is not the system.
        KeyMissing, BlobMissing, VaultAway: the vault cannot be read; then nothing may be sent.
    """
    require(actor, "pipeline.run")
    named = [
        report_id
        for report_id, record in records.items()
        if has_texts(record)
        and any(person.role is PersonRole.REPORTER for person in record.persons)
    ]
    opened = _opened(partial(open_submissions, actor=actor, now=now, facts=facts), named)
    sources = [source_of(opened=one, facts=facts[report_id]) for report_id, one in opened.items()]
    found = reveal_reporter(actor=actor, sources=sources)
    values = {report_id: own_values(identity) for report_id, identity in found.items()}
    return {report_id: values.get(report_id) for report_id in named}


def _opened(
    opens: Callable[..., dict[UUID, OpenedSubmission]], report_ids: Sequence[UUID]
) -> dict[UUID, OpenedSubmission]:
    """Return the decrypted submissions by report id; unreadable ones are left out.

    On an error the batch is bisected, so that one damaged submission costs no other. `opens` decrypts the
    submissions of `report_ids`.
    """
    try:
        return opens(report_ids=report_ids)
    except (ObjectUnknown, BlobDamaged, EnvelopeRefused):
        if len(report_ids) == 1:
            return {}
        middle = len(report_ids) // 2
        return _opened(opens, report_ids[:middle]) | _opened(opens, report_ids[middle:])


# Erasure of expired reports from the tables of this stage.


def erase(*, actor: Actor, report_ids: Sequence[UUID]) -> Erased:
    """Delete the revisions, sightings, search words and disclosure purposes of reports; return row counts.

    Selectors (identifiers) that no report holds any more are deleted too. The sightings, their occurrences,
    are derived from the deleted revisions, so no index by report is needed. Idempotent; an exclusive lock
    keeps writers out.

    Raises:
        Refused: the actor is not the system.
    """
    require(actor, "pipeline.run")
    ids = list(report_ids)
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [ERASE_LOCK])
        cursor.execute(
            "DELETE FROM harmonise_record WHERE report_id = ANY(%s::uuid[]) RETURNING record", [ids]
        )
        rows = cursor.fetchall()
        reports = [unpack(record) for (record,) in rows]
        sightings = delete_sightings(cursor, {one for r in reports for one in sightings_of(r)})
        selectors = _delete_unseen(
            cursor, {(s.kind, s.value) for r in reports for s in r.selectors}
        )
        cursor.execute(
            "DELETE FROM harmonise_opening_motive WHERE opening_id IN"
            " (SELECT id FROM harmonise_opening WHERE report_id = ANY(%s::uuid[]))",
            [ids],
        )
        cursor.execute("DELETE FROM harmonise_text WHERE report_id = ANY(%s::uuid[])", [ids])
        return Erased(
            records=len(rows), texts=cursor.rowcount, sightings=sightings, selectors=selectors
        )


def _delete_unseen(cursor: CursorWrapper, values: Iterable[tuple[SelectorKind, str]]) -> int:
    """Delete those of the identifiers `values` that no report holds any more; return how many were deleted.

    File hashes are skipped: the table of identifiers does not contain them.
    """
    searched = [(kind.value, value) for kind, value in values if kind not in HASH_LENGTH]
    cursor.execute(
        "WITH gone AS (DELETE FROM harmonise_selector s"
        " USING unnest(%s::text[], %s::text[]) AS given (kind, value)"
        " WHERE harmonise_skeleton(s.value) = harmonise_skeleton(given.value)"
        " AND s.value = given.value"
        " AND s.kind = given.kind AND s.kind NOT IN ('SHA256', 'SHA1', 'MD5', 'PDQ')"
        " AND NOT EXISTS (SELECT FROM harmonise_sighting t WHERE t.key = s.key) RETURNING s.key)"
        " SELECT count(DISTINCT key) FROM gone",
        [[kind for kind, _ in searched], [value for _, value in searched]],
    )
    (count,) = cursor.fetchone()
    return int(count)


IDENTITY_NOTICE: Final = "tell_opening"
"""Name of the worker's job that notifies the reviewers; its argument is the id of the opening."""

_UNSTORABLE = re.compile("[\0\ud800-\udfff]")


class IdentityUnknown(LookupError):
    """Error: the report or the recorded disclosure does not exist, or the actor may not access it."""


def open_identity(*, actor: Actor, report_id: UUID, motive: str, now: datetime) -> OpenedIdentity:
    """Record the access with its purpose, commit it, queue its notice; then return the reporter's identity.

    `motive` is the purpose; the notice tells the reviewers of the disclosure.

    Raises:
        IdentityUnknown: no such report within the actor's reach.
        Refusal: SHORT: the purpose is not between 15 and 2000 characters, or contains unstorable characters.
        Refused: the actor may not open identities at that desk.
        RuntimeError: a transaction is open, so that the record could still be rolled back.
        ObjectUnknown, KeyMissing, BlobMissing, BlobDamaged, EnvelopeRefused, VaultAway: from the vault, after
            the record of the access was committed.
    """
    facts = get_reports(actor=actor, report_ids=[report_id]).get(report_id)
    if facts is None:
        raise IdentityUnknown
    words = stripped(motive)
    if not SHORTEST_MOTIVE <= len(words) <= LONGEST_MOTIVE or _UNSTORABLE.search(words):
        raise Refusal("motive", "SHORT", n=SHORTEST_MOTIVE)
    named = replace(actor, motive=words)
    require(named, "identity.open", Resource(desk_id=facts.desk_id, sealed=True))
    opening_id = _write(named, facts, motive=words, now=now)
    return OpenedIdentity(opening_id=opening_id, facts=_open(named, facts, now))


def see_opening(*, actor: Actor, opening_id: UUID, now: datetime) -> bool:
    """Record the actor's review of an identity disclosure; return False, unrecorded, if it is not the first.

    Raises:
        IdentityUnknown: the actor oversees no such disclosure.
        Refused: the actor made it.
    """
    found = opening_of(actor=actor, opening_id=opening_id)
    if found is None:
        raise IdentityUnknown
    own = Resource(desk_id=found.desk_id, owner_id=found.person_id)
    require(actor, "identity.oversee", own)
    with transaction.atomic():
        given = sql.run(
            "INSERT INTO harmonise_opening_seen (opening_id, person_id, seen_at)"
            " VALUES (%s, %s, %s) ON CONFLICT DO NOTHING",
            [opening_id, actor.person_id, now],
        )
        if not given:
            return False
        ledger.record(
            actor=actor,
            action="identity.seen",
            at=now,
            objects=[
                ObjectRef(kind="opening", id=opening_id),
                ObjectRef(kind="report", id=found.report_id),
            ],
        )
    return True


def _write(actor: Actor, facts: ReportFacts, *, motive: str, now: datetime) -> UUID:
    opening_id = new_id(now)
    digest = keyed_digest(kind="opening", object_id=opening_id, content=motive.encode())
    with transaction.atomic(durable=True):
        with connection.cursor() as cursor:
            cursor.execute(
                "INSERT INTO harmonise_opening"
                " (id, report_id, desk_id, person_id, opened_at, motive_digest)"
                " VALUES (%s, %s, %s, %s, %s, %s)",
                [opening_id, facts.report_id, facts.desk_id, actor.person_id, now, digest],
            )
            cursor.execute(
                "INSERT INTO harmonise_opening_motive (opening_id, words) VALUES (%s, %s)",
                [opening_id, motive],
            )
        ledger.record(
            actor=actor,
            action="identity.open",
            at=now,
            objects=[
                ObjectRef(kind="report", id=facts.report_id),
                ObjectRef(kind="opening", id=opening_id, digest=digest),
            ],
        )
        app.configure_task(IDENTITY_NOTICE, queue="alarms").defer(opening_id=str(opening_id))
    return opening_id


def _open(actor: Actor, facts: ReportFacts, now: datetime) -> tuple[Fact, ...]:
    """Return the reporter's identity, decrypted, as pairs (code, value).

    The public form's is encrypted as an object of its own; for other formats it is read from the original
    document.
    """
    found: tuple[Fact, ...] = ()
    if facts.identity_id is not None:
        found = facts_of_form(
            open_object(actor=actor, object_id=facts.identity_id, now=now, purpose=actor.motive)
        )
    if facts.format is Format.FORM:
        return found
    system = system_actor("identity opened by a person")
    opened = open_submissions(actor=system, report_ids=[facts.report_id], now=now)
    sources = [source_of(opened=one, facts=facts) for one in opened.values()]
    for identity in reveal_reporter(actor=system, sources=sources).values():
        found += facts_of_reporter(identity)
    return found
