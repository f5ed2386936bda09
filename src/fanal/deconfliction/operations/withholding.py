"""Withholding of dossiers from other organisations, and its end: each decision is a row with its reason."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from django.db import connection, transaction

from fanal.accounts.domain.policy import Resource, allows, require
from fanal.crosscheck.dossiers.queries import dossier_view
from fanal.deconfliction import queries
from fanal.deconfliction.domain.records import Withholding
from fanal.kernel.actors import Actor
from fanal.kernel.ids import new_id
from fanal.kernel.refusal import Refusal
from fanal.ledger import operations as ledger
from fanal.ledger.domain.records import ObjectRef

MOST_WORDS = 2000


def withhold(
    *,
    actor: Actor,
    dossier_id: UUID,
    counterpart_id: UUID | None,
    withheld: bool,
    words: str,
    now: datetime,
) -> None:
    """Withhold the identifiers of a dossier from an organisation, or end the withholding.

    `withheld` says which. `counterpart_id` is the organisation, None for all. Withheld identifiers are not
    compared with it. Ending the withholding has no effect where nothing is withheld. Each desk decides for
    itself: a desk cannot end the withholding of another desk. `words` is the reason.

    Raises:
        Refused: the actor may not withhold dossiers at any desk with a report in this one.
        Refusal: NOT_FOUND, no such dossier that the actor may read, or no such counterpart; WORDS, empty or
            too long.
    """
    view = dossier_view(actor=actor, dossier_id=dossier_id)
    if view is None:
        raise Refusal("deconfliction", "NOT_FOUND")
    seen = {node.report_id: node.desk_id for node in view.nodes if node.report_id is not None}
    desks = sorted(set(seen.values()))
    own = [d for d in desks if allows(actor, "dossier.withhold", Resource(desk_id=d)).allowed]
    require(actor, "dossier.withhold", Resource(desk_id=(own or desks)[0]))
    known = counterpart_id is None or queries.get_counterpart(
        actor=actor, counterpart_id=counterpart_id
    )
    if not known:
        raise Refusal("deconfliction", "NOT_FOUND")
    text = words.strip()
    if not 0 < len(text) <= MOST_WORDS or "\x00" in text:
        raise Refusal("deconfliction", "WORDS")
    if withheld:
        targets = [(view.id, own[0])]
    else:
        # Dossiers merged into this one keep their own rows: the withholding of each is ended.
        said = queries.withholdings_of(actor=actor, dossier_ids=[view.id])
        targets = [
            (one.dossier_id, one.desk_id)
            for one in queries.in_force(said=said)
            if one.desk_id in own and one.counterpart_id == counterpart_id
        ]
    reports = sorted(seen) if withheld else []
    with transaction.atomic():
        for target, desk_id in targets:
            _write(
                actor,
                Withholding(
                    id=new_id(now),
                    dossier_id=target,
                    desk_id=desk_id,
                    counterpart_id=counterpart_id,
                    withheld=withheld,
                    author_id=actor.person_id,
                    made_at=now,
                    words=text,
                ),
                reports,
            )


def _write(actor: Actor, made: Withholding, reports: Sequence[UUID]) -> None:
    """Insert a decision (`made`) to withhold a dossier or not, with its reason and its ledger entry.

    `reports` are those now in the dossier, stored with the decision.
    """
    digest = ledger.keyed_digest(kind="withholding", object_id=made.id, content=made.words.encode())
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO deconfliction_withholding (id, dossier_id, desk_id, counterpart_id, report_ids,"
            " withheld, author_id, made_at, reason_digest)"
            " VALUES (%s, %s, %s, %s, %s::uuid[], %s, %s, %s, %s)",
            [
                made.id, made.dossier_id, made.desk_id, made.counterpart_id, list(reports), made.withheld,
                made.author_id, made.made_at, digest,
            ],
        )  # fmt: skip
        cursor.execute(
            "INSERT INTO deconfliction_withholding_words (withholding_id, words) VALUES (%s, %s)",
            [made.id, made.words],
        )
    ledger.record(
        actor=actor,
        action="dossier.withhold",
        at=made.made_at,
        objects=[
            ObjectRef(kind="withholding", id=made.id),
            ObjectRef(kind="dossier", id=made.dossier_id),
        ],
        detail={"withheld": int(made.withheld)},
    )
