"""Opening a reporter's identity: a named act with a written motive, seen by another person (decisions 8).

Who asks, why and when is committed, and the notice queued, before one byte is opened.
"""

import re
from dataclasses import replace
from datetime import datetime
from typing import Final
from uuid import UUID

from django.db import connection, transaction
from procrastinate.contrib.django import app

from fanal.accounts.domain.policy import Resource, require
from fanal.harmonise.domain.opening import (
    LONGEST_MOTIVE,
    SHORTEST_MOTIVE,
    Fact,
    OpenedIdentity,
    facts_of_form,
    facts_of_reporter,
)
from fanal.harmonise.operations.batch import reveal_reporter, source_of
from fanal.harmonise.queries.openings import opening_of
from fanal.intake import queries as intake
from fanal.intake.domain.records import Format, ReportFacts
from fanal.kernel.actors import Actor, system_actor
from fanal.kernel.ids import new_id
from fanal.ledger import operations as ledger
from fanal.ledger.operations import ObjectRef, keyed_digest
from fanal.vault import operations as vault

IDENTITY_NOTICE: Final = "tell_opening"
"""Name of the worker's job that tells the other people; its argument is the id of the opening."""

_UNSTORABLE = re.compile("[\0\ud800-\udfff]")


class IdentityUnknown(LookupError):
    """No such report or opening within reach."""


class MotiveRefused(ValueError):
    """The motive is too short, too long or unreadable."""


def open_identity(*, actor: Actor, report_id: UUID, motive: str, now: datetime) -> OpenedIdentity:
    """Return who reported, after the act is written, committed, and its notice queued.

    Raises:
        IdentityUnknown: no such report within reach.
        MotiveRefused: the motive is not between 15 and 2000 characters, or unreadable.
        Refused: the actor may not open identities at that desk.
        RuntimeError: a transaction is open, so that the act could still be rolled back.
        ObjectUnknown, KeyMissing, BlobMissing, BlobDamaged, EnvelopeRefused: from the vault.
    """
    facts = intake.get_reports(actor=actor, report_ids=[report_id]).get(report_id)
    if facts is None:
        raise IdentityUnknown
    words = motive.strip()
    if not SHORTEST_MOTIVE <= len(words) <= LONGEST_MOTIVE or _UNSTORABLE.search(words):
        raise MotiveRefused
    named = replace(actor, motive=words)
    require(named, "identity.open", Resource(desk_id=facts.desk_id, sealed=True))
    opening_id = _write(named, facts, motive=words, now=now)
    return OpenedIdentity(opening_id=opening_id, facts=_open(named, facts, now))


def see_opening(*, actor: Actor, opening_id: UUID, now: datetime) -> bool:
    """Note that another person has seen an opening; False when this one had before.

    Raises:
        IdentityUnknown: no such opening within reach.
        Refused: it is the actor's own.
    """
    found = opening_of(actor=actor, opening_id=opening_id)
    if found is None:
        raise IdentityUnknown
    own = Resource(desk_id=found.desk_id, owner_id=found.person_id)
    require(actor, "identity.oversee", own)
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO harmonise_opening_seen (opening_id, person_id, seen_at)"
            " VALUES (%s, %s, %s) ON CONFLICT DO NOTHING",
            [opening_id, actor.person_id, now],
        )
        if not cursor.rowcount:
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
    """Return what was sealed apart (the public form), else what the sender's document says."""
    found: tuple[Fact, ...] = ()
    if facts.identity_id is not None:
        found = facts_of_form(
            vault.open_object(
                actor=actor, object_id=facts.identity_id, now=now, purpose=actor.motive
            )
        )
    if facts.format is Format.FORM:
        return found
    system = system_actor("identity opened by a person")
    opened = intake.open_submissions(actor=system, report_ids=[facts.report_id], now=now)
    sources = [source_of(opened=one, facts=facts) for one in opened.values()]
    for identity in reveal_reporter(actor=system, sources=sources).values():
        found += facts_of_reporter(identity)
    return found
