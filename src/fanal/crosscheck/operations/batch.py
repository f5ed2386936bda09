"""Links a batch to every report that shares evidence with it, and proposes dossiers.

One batch at a time (a transaction lock): each sees the cards of those before it, so that no pair is
missed and none is weighed by two measures.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

import msgspec
import numpy as np
from django.db import connection, transaction

from fanal.accounts.domain.policy import require
from fanal.accounts.together import together
from fanal.analyse.domain.records import KinFacts
from fanal.crosscheck.domain.dossiers import Strong
from fanal.crosscheck.domain.kin import kin_facts
from fanal.crosscheck.domain.linking import link
from fanal.crosscheck.domain.records import Link
from fanal.crosscheck.domain.told import Told
from fanal.crosscheck.domain.weights import load_weights
from fanal.crosscheck.operations.assemble import assemble, lock
from fanal.crosscheck.operations.loosened import loosened
from fanal.crosscheck.operations.moves import move
from fanal.crosscheck.operations.near_store import let_wait
from fanal.crosscheck.operations.propose import propose
from fanal.crosscheck.operations.sightings import Gathered, gather
from fanal.crosscheck.operations.store import write_cards, write_kin, write_links, write_states
from fanal.harmonise import queries as harmonised
from fanal.harmonise.domain.records import HarmonisedReport
from fanal.intake import queries as intake
from fanal.kernel.actors import Actor
from fanal.kernel.arrays import uuid_array
from fanal.ledger import operations as ledger


class DeskUnknown(LookupError):
    """A report has neither a sighting nor an envelope: its desk cannot be known."""


def crosscheck_batch(
    *, actor: Actor, reports: Sequence[HarmonisedReport], now: datetime
) -> list[KinFacts]:
    """Link `reports`, propose dossiers, and return the kin facts of each, in the order given.

    The sightings of `reports` were committed by harmonise. Running again writes the same rows; under a
    new rule version, rows beside the earlier ones.

    Raises:
        Refused: the actor is not the system.
        DeskUnknown: a report that intake and harmonise do not know.
    """
    require(actor, "pipeline.run")
    if not reports:
        return []
    ids = [report.report_id for report in reports]
    weights = load_weights()
    with transaction.atomic():
        with together():
            lock()
            fresh = _not_linked_before(ids)
        gathered = gather(actor=actor, reports=reports, weights=weights)
        links = _links(gathered, reports)
        desks = _desks(actor, ids, gathered)
        facts = kin_facts(ids, links)
        with together():
            write_cards(gathered.cards, desks)
            write_states(gathered.states)
            lost = move(gathered, actor=actor)
            write_links(links, desks)
            write_kin(facts, (desks, weights.version), now)
            let_wait(ids)
        strong = [_strong(found) for found in links if found.score >= weights.strong]
        gone = loosened(lost, strong, gathered)
        dossiers = _dossiers(strong, gone, (desks, len(fresh) == len(ids)), now)
        ledger.record_batch(
            actor=actor,
            action="report.crosscheck",
            at=now,
            kind="report",
            items=[(f.report_id, msgspec.json.encode(f)) for f in facts],
            detail={"links": len(links)},
        )
    return [msgspec.structs.replace(f, dossier_id=dossiers.get(f.report_id)) for f in facts]


def _links(gathered: Gathered, reports: Sequence[HarmonisedReport]) -> list[Link]:
    batch = {report.report_id for report in reports}
    fresh = np.fromiter((i in batch for i in gathered.ids), np.bool_, len(gathered.ids))
    told = Told(reports, gathered.ids)
    found = link(
        gathered.sheet,
        gathered.standing,
        load_weights(),
        ids=gathered.ids,
        told=told.selector,
        fresh=fresh,
    )
    return list(found)


def _strong(found: Link) -> Strong:
    return Strong(one=found.report_id, two=found.other_id, score=found.score)


def _dossiers(
    strong: Sequence[Strong],
    loose: set[UUID],
    known: tuple[Mapping[UUID, int], bool],
    now: datetime,
) -> dict[UUID, UUID]:
    """Return the dossiers of the ends; where links went away, those are derived anew."""
    desks, all_new = known
    gone = set(loose)
    found: dict[UUID, UUID] = {}
    if strong and all_new:
        found = propose(strong=strong, desks=desks, now=now)
    elif strong:
        gone |= {end for each in strong for end in (each.one, each.two)}
    return found | (assemble(gone, now=now) if gone else {})


def _desks(actor: Actor, ids: Sequence[UUID], gathered: Gathered) -> dict[UUID, int]:
    """Return the desk of each report of the batch and of each report that it meets."""
    desks = dict(gathered.desks)
    missing = [report_id for report_id in ids if report_id not in desks]
    if missing:
        desks |= harmonised.get_desks(actor=actor, report_ids=missing)
        missing = [report_id for report_id in missing if report_id not in desks]
    if missing:
        facts = intake.get_reports(actor=actor, report_ids=missing)
        desks |= {report_id: found.desk_id for report_id, found in facts.items()}
    for report_id in ids:
        if report_id not in desks:
            raise DeskUnknown(str(report_id))
    return desks


def _not_linked_before(ids: Sequence[UUID]) -> set[UUID]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT report_id FROM crosscheck_kin WHERE report_id = ANY(%s::uuid[])",
            [uuid_array(ids)],
        )
        return set(ids) - {report_id for (report_id,) in cursor.fetchall()}
