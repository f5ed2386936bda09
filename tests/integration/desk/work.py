"""Work done at the desk through the operations, for tests that begin after it."""

from uuid import UUID

from fanal.harmonise import queries as harmonised
from fanal.judicial import operations as judicial
from fanal.measures.domain.records import Addressee
from fanal.orient import operations as orient
from fanal.orient.domain.records import Choice, Track
from tests.integration.desk.story import HOST, Desk


def decided(desk: Desk, name: str = "material", *, author: str = "ana") -> UUID:
    """A report is claimed and decided on both tracks; its measure waits for a second person."""
    actor, report_id = desk.actor(author), desk.reports[name]
    claim = orient.claim_case(actor=actor, report_id=report_id, now=desk.now)
    judicial.record_decision(
        actor=actor,
        report=harmonised.get_records(actor=actor, report_ids=[report_id])[report_id],
        choice=Choice(
            tracks=(Track.JUDICIAL, Track.MEASURES), bases=("CP 227-23",), reason="read twice"
        ),
        claim_token=claim.token,
        now=desk.now,
        addressees={HOST: Addressee(name="Hosting Example", contact="abuse@hosting.example")},
    )
    return report_id
