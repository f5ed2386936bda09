"""Links a batch to every report that shares a value with it, and proposes dossiers."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec
from django.db import connection, transaction

from fanal.analyse.domain.records import KinFacts
from fanal.crosscheck import queries
from fanal.crosscheck.domain.access import require_system
from fanal.crosscheck.domain.dossiers import Strong
from fanal.crosscheck.domain.encoding import pack_reasons
from fanal.crosscheck.domain.kin import kin_facts
from fanal.crosscheck.domain.linking import link
from fanal.crosscheck.domain.records import Link
from fanal.crosscheck.domain.weights import load_weights
from fanal.crosscheck.operations.assemble import assemble
from fanal.crosscheck.operations.propose import propose
from fanal.crosscheck.operations.sightings import Seen, look_up
from fanal.harmonise import queries as harmonised
from fanal.harmonise.domain.records import HarmonisedReport
from fanal.intake import queries as intake
from fanal.kernel.actors import Actor
from fanal.kernel.arrays import plain_array, uuid_array
from fanal.kernel.ids import instant_of
from fanal.ledger import operations as ledger

_SHARDS = 16
_MOST_SMALL = 32_767  # of a smallint

# Two workers may find the same pair at the same time: rows are written in one order, so neither waits for
# the other in a circle, and the second writes what the first wrote.
_WRITE_LINKS = (
    "INSERT INTO crosscheck_link"
    " (report_id, other_id, desk_id, other_desk_id, score, rule_version, reasons)"
    " SELECT l.report_id, l.other_id, l.desk_id, l.other_desk_id, l.score, %s,"
    " decode(l.reasons, 'hex') FROM unnest(%s::uuid[], %s::uuid[], %s::int[], %s::int[], %s::real[],"
    " %s::text[]) AS l (report_id, other_id, desk_id, other_desk_id, score, reasons)"
    " ORDER BY l.report_id, l.other_id"
    " ON CONFLICT (report_id, other_id, rule_version)"
    " DO UPDATE SET score = EXCLUDED.score, reasons = EXCLUDED.reasons"
)
_WRITE_KIN = (
    "INSERT INTO crosscheck_kin"
    " (report_id, linked_at, desk_id, links, suspects, files, strongest, rule_version)"
    " SELECT k.report_id, %s, k.desk_id, k.links, k.suspects, k.files, k.strongest, %s"
    " FROM unnest(%s::uuid[], %s::int[], %s::int[], %s::int[], %s::int[], %s::real[])"
    " AS k (report_id, desk_id, links, suspects, files, strongest)"
    " ON CONFLICT (report_id, rule_version) DO UPDATE SET linked_at = EXCLUDED.linked_at,"
    " links = EXCLUDED.links, suspects = EXCLUDED.suspects, files = EXCLUDED.files,"
    " strongest = EXCLUDED.strongest"
)
_COUNT = (
    "INSERT INTO crosscheck_population (month, kind, role, shard, reports)"
    " SELECT p.month, p.kind, p.role, pg_backend_pid() %% %s, p.reports"
    " FROM unnest(%s::date[], %s::text[], %s::text[], %s::bigint[]) AS p (month, kind, role, reports)"
    " ORDER BY p.month, p.kind, p.role"
    " ON CONFLICT (month, kind, role, shard)"
    " DO UPDATE SET reports = crosscheck_population.reports + EXCLUDED.reports"
)


class DeskUnknown(LookupError):
    """A report has neither a sighting nor an envelope: its desk cannot be known."""


def crosscheck_batch(
    *, actor: Actor, reports: Sequence[HarmonisedReport], now: datetime
) -> list[KinFacts]:
    """Link `reports`, propose dossiers, and return the kin facts of each, in the order given.

    The sightings of `reports` were committed by harmonise. Running again writes the same rows; under a
    new rule version, rows beside the earlier ones.

    Raises:
        AccessRefused: the actor is not the system.
        DeskUnknown: a report that intake and harmonise do not know.
    """
    require_system(actor, "link")
    if not reports:
        return []
    ids = [report.report_id for report in reports]
    weights = load_weights()
    seen = look_up(actor=actor, reports=reports, now=now)
    links = link(ids, seen.shared, queries.populations(now=now), weights)
    desks = _desks(actor, ids, links, seen)
    facts = kin_facts(ids, links, weights)
    with transaction.atomic():
        fresh = _not_linked_before(ids)
        _write_links(links, desks)
        _write_kin(facts, (desks, weights.version), now)
        _count([r for r in reports if r.report_id in fresh])
        strong = [_strong(found) for found in links if found.score >= weights.strong]
        dossiers = _dossiers(strong, (desks, len(fresh) == len(ids)), now) if strong else {}
        ledger.record_batch(
            actor=actor,
            action="report.crosscheck",
            at=now,
            kind="report",
            items=[(f.report_id, msgspec.json.encode(f)) for f in facts],
            detail={"links": len(links)},
        )
    return [msgspec.structs.replace(f, dossier_id=dossiers.get(f.report_id)) for f in facts]


def _strong(found: Link) -> Strong:
    return Strong(one=found.report_id, two=found.other_id, score=found.score)


def _dossiers(
    strong: Sequence[Strong], known: tuple[dict[UUID, int], bool], now: datetime
) -> dict[UUID, UUID]:
    """Return the dossiers of the ends; a replay may take links away, so those are derived anew."""
    desks, all_new = known
    if all_new:
        return propose(strong=strong, desks=desks, now=now)
    return assemble({end for found in strong for end in (found.one, found.two)}, now=now)


def _desks(  # noqa: PLR0917
    actor: Actor, ids: Sequence[UUID], links: Sequence[Link], seen: Seen
) -> dict[UUID, int]:
    """Return the desk of each report of the batch and of each end of a link."""
    met = {*ids, *(found.report_id for found in links), *(found.other_id for found in links)}
    desks = {i: seen.desks[octets] for i in met if (octets := i.bytes) in seen.desks}
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


def _write_links(links: Sequence[Link], desks: dict[UUID, int]) -> None:
    if not links:
        return
    # Many links of a batch have their reasons in common, as one object.
    reasons = {id(found.reasons): found.reasons for found in links}
    packed = {place: pack_reasons(found).hex() for place, found in reasons.items()}
    with connection.cursor() as cursor:
        cursor.execute(
            _WRITE_LINKS,
            [
                links[0].rule_version,
                uuid_array(found.report_id for found in links),
                uuid_array(found.other_id for found in links),
                plain_array(str(desks[found.report_id]) for found in links),
                plain_array(str(desks[found.other_id]) for found in links),
                plain_array(str(found.score) for found in links),
                plain_array(packed[id(found.reasons)] for found in links),
            ],
        )


def _write_kin(
    facts: Sequence[KinFacts], known: tuple[dict[UUID, int], str], now: datetime
) -> None:
    ordered = sorted(facts, key=lambda f: f.report_id)
    with connection.cursor() as cursor:
        cursor.execute(
            _WRITE_KIN,
            [
                now,
                known[1],
                uuid_array(f.report_id for f in ordered),
                plain_array(str(known[0][f.report_id]) for f in ordered),
                plain_array(str(min(f.links, _MOST_SMALL)) for f in ordered),
                plain_array(str(min(f.previously_reported_suspect, _MOST_SMALL)) for f in ordered),
                plain_array(str(min(f.shared_files, _MOST_SMALL)) for f in ordered),
                plain_array(str(f.strongest) for f in ordered),
            ],
        )


def _count(reports: Sequence[HarmonisedReport]) -> None:
    """Add to the number of reports that hold a kind in a role; each report counts once for ever."""
    counts: Counter[str] = Counter()
    for report in reports:
        month = instant_of(report.report_id).strftime("%Y-%m-01")
        counts.update({"|".join((month, s.kind, s.role)) for s in report.selectors})
    if counts:
        rows = sorted((key.split("|"), count) for key, count in counts.items())
        with connection.cursor() as cursor:
            cursor.execute(
                _COUNT,
                [
                    _SHARDS,
                    [key[0] for key, _ in rows],
                    [key[1] for key, _ in rows],
                    [key[2] for key, _ in rows],
                    [count for _, count in rows],
                ],
            )
