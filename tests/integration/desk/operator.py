"""The demo's operator file at the desk of the tests, and a live-streaming report that shares a telephone with it."""

import io
from datetime import timedelta
from uuid import UUID, uuid4

from fanal.analyse.payments.domain.scoring import PayerFilter
from fanal.analyse.payments.queries import get_payer, list_payers
from fanal.demo.transfers import operator_file
from fanal.formats.transfer import PayerPart
from fanal.formats.transfers import cut_parts
from fanal.intake.domain.records import Arrival, Format, KeyKind, Submission
from fanal.intake.operations.receive import receive_reports
from tests.integration.desk.story import WORKER, Desk, add_reports, run_stages

STREAM = {
    "kind": "LIVESTREAM",
    "channel": "MESSAGING",
    "platform": "Voxroom",
    "description": "Le compte annonce une séance à heure fixe.",
    "persons": [
        {
            "role": "SUSPECT",
            "handles": [{"platform": "Voxroom", "value": "payeur-2"}],
            "phones": ["+33 6 39 98 00 40"],
        }
    ],
}


def bring_in(desk: Desk) -> None:
    """Receive a live-streaming report, then the operator's file as the import does; run every stage."""
    add_reports(desk, [("shows", 300, STREAM)])
    at = desk.now - timedelta(minutes=20)
    sender = uuid4()
    for item in cut_parts(io.BytesIO(operator_file(at))):
        assert isinstance(item, PayerPart)
        submission = Submission(
            arrival=Arrival.IMPORT, format=Format.TRANSFERS, body=item.body, canonical=item.body,
            keys=((KeyKind.REFERENCE, item.reference),), sender_id=sender, reference=item.reference,
        )  # fmt: skip
        receive_reports(actor=WORKER, submissions=[submission], now=at)
    run_stages(at + timedelta(seconds=2))


def payer_named(desk: Desk, name: str) -> UUID:
    """Return the payer of that name at the desk."""
    actor = desk.actor("ana")
    for line in list_payers(actor=actor, filters=PayerFilter()):
        found = get_payer(actor=actor, payer=line.payer, now=desk.now)
        if found is not None and found.score.sender.shown == name:
            return line.payer
    raise LookupError(name)
