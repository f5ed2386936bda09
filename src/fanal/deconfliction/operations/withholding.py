"""Withholding a dossier from counterparts, or no longer: a new row each time, with its reason."""

from datetime import datetime
from uuid import UUID

from django.db import connection, transaction

from fanal.accounts.domain.policy import Resource, allows, require
from fanal.crosscheck import queries as crosschecked
from fanal.deconfliction import queries
from fanal.deconfliction.domain.refusal import DeconflictionRefused
from fanal.kernel.actors import Actor
from fanal.kernel.ids import new_id
from fanal.ledger import operations as ledger

MOST_WORDS = 2000


def withhold(
    *,
    actor: Actor,
    dossier_id: UUID,
    counterpart_id: UUID | None,
    withheld: bool,
    words: str,
    now: datetime,
) -> UUID:
    """Say that nothing of a dossier enters a set for a counterpart (None: for any), or that it may again.

    What one desk withholds, another does not open: each desk's last word counts for itself.

    Raises:
        Refused: the actor may not.
        DeconflictionRefused: NOT_FOUND, no such dossier within the actor's reach, or no such counterpart;
            WORDS.
    """
    view = crosschecked.dossier_view(actor=actor, dossier_id=dossier_id)
    if view is None:
        raise DeconflictionRefused("NOT_FOUND")
    seen = {node.report_id: node.desk_id for node in view.nodes if node.report_id is not None}
    desks = sorted(set(seen.values()))
    own = [d for d in desks if allows(actor, "dossier.withhold", Resource(desk_id=d)).allowed]
    require(actor, "dossier.withhold", Resource(desk_id=(own or desks)[0]))
    known = counterpart_id is None or queries.get_counterpart(
        actor=actor, counterpart_id=counterpart_id
    )
    if not known:
        raise DeconflictionRefused("NOT_FOUND")
    text = words.strip()
    if not 0 < len(text) <= MOST_WORDS or "\x00" in text:
        raise DeconflictionRefused("WORDS")
    made = new_id(now)
    digest = ledger.keyed_digest(kind="withholding", object_id=made, content=text.encode())
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO deconfliction_withholding (id, dossier_id, desk_id, counterpart_id, report_ids,"
            " withheld, author_id, made_at, reason_digest)"
            " VALUES (%s, %s, %s, %s, %s::uuid[], %s, %s, %s, %s)",
            [
                made, view.id, own[0], counterpart_id, sorted(seen) if withheld else [], withheld,
                actor.person_id, now, digest,
            ],
        )  # fmt: skip
        cursor.execute(
            "INSERT INTO deconfliction_withholding_words (withholding_id, words) VALUES (%s, %s)",
            [made, text],
        )
        ledger.record(
            actor=actor,
            action="dossier.withhold",
            at=now,
            objects=[
                ledger.ObjectRef(kind="withholding", id=made),
                ledger.ObjectRef(kind="dossier", id=view.id),
            ],
            detail={"withheld": int(withheld)},
        )
    return made
