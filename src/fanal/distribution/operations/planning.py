"""Planning of destinations, at the end of the ORIENT stage."""

from collections.abc import Sequence
from datetime import datetime

import msgspec

from fanal.accounts.domain.policy import require
from fanal.db import sql
from fanal.db.sql import uuid_array
from fanal.distribution.domain.routing import shares_of, shipped_routing
from fanal.distribution.models import Recipient
from fanal.harmonise.domain.records import HarmonisedReport
from fanal.kernel.actors import Actor


def plan_batch(*, actor: Actor, reports: Sequence[HarmonisedReport], now: datetime) -> int:
    """Record the destinations of reports other than this desk; return the number of new items.

    A foreign country is recorded even without a registered desk, a region of the home country only with one.
    Repeated calls add new destinations and remove none, since a package may already be sent. If a report
    turns out to be this desk's too, it stays here whatever the others acknowledge.

    Raises:
        Refused: the actor may not run the processing stages.
    """
    require(actor, "pipeline.run")
    rules = shipped_routing()
    found = [(report.report_id, shares_of(report, rules)) for report in reports]
    open_regions = set(
        Recipient.objects.filter(closed_at=None).exclude(region="").values_list("country", "region")
    )
    kept = [i for i, shares in found if shares.ours(open_regions) or not shares.places]
    rows = [
        (report_id, place, shares.ours(open_regions))
        for report_id, shares in found
        for place in shares.places
        if not place.region or (place.country, place.region) in open_regions
    ]
    sql.run(
        "UPDATE distribution_item SET ours = true WHERE report_id = ANY (%s::uuid[]) AND NOT ours",
        [uuid_array(kept)],
    )
    if not rows:
        return 0
    given = sql.run(
        "INSERT INTO distribution_item"
        " (report_id, country, region, because, ours, rule_version, planned_at)"
        " SELECT i.report_id, i.country, i.region, i.because::jsonb, i.ours, %s, %s"
        " FROM unnest(%s::uuid[], %s::text[], %s::text[], %s::text[], %s::boolean[])"
        " AS i (report_id, country, region, because, ours)"
        " ON CONFLICT DO NOTHING",
        [
            rules.version,
            now,
            [report_id for report_id, _, _ in rows],
            [place.country for _, place, _ in rows],
            [place.region for _, place, _ in rows],
            [msgspec.json.encode(place.because).decode() for _, place, _ in rows],
            [ours for _, _, ours in rows],
        ],
    )
    return int(given)
