"""Signed receipts as anybody verifies them."""

import dataclasses
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings, strategies as st

from fanal.intake.domain import receipt
from fanal.intake.domain.receipt import ReceiptRefused

ROOT = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
NODE = Ed25519PrivateKey.from_private_bytes(bytes(range(1, 33)))
NOW = datetime(2026, 11, 24, 9, 30, 15, 999, tzinfo=UTC)
REPORT = UUID("019ac000-0000-7000-8000-000000000001")
CERTIFICATE = receipt.certify_node(
    root=ROOT,
    node="node-1",
    public=NODE.public_key(),
    valid_from=date(2026, 1, 1),
    valid_until=date(2026, 12, 31),
)
SIGNER = receipt.NodeSigner(key=NODE, certificate=CERTIFICATE)
SIGNED = SIGNER.sign_receipt(report_id=REPORT, body=b"what was seen", received_at=NOW)


class TestSignedReceipt:
    def test_verifies_offline_and_says_nothing_of_the_content(self) -> None:
        found = receipt.verify_receipt(SIGNED, root=ROOT.public_key())
        assert found.received_at == NOW.replace(microsecond=0)
        assert found.node == "node-1"
        assert receipt.is_receipt_of(found, report_id=REPORT, body=b"what was seen")
        assert not receipt.is_receipt_of(found, report_id=REPORT, body=b"what was heard")
        assert not receipt.is_receipt_of(found, report_id=UUID(int=1), body=b"what was seen")
        assert str(REPORT) not in SIGNED
        assert "seen" not in SIGNED

    def test_survives_mail_and_copying(self) -> None:
        for text in (
            SIGNED.replace("\n", "\r\n"),
            f"\n\n{SIGNED}\n\n",
            SIGNED.replace("\n", "  \n"),
        ):
            assert receipt.verify_receipt(text, root=ROOT.public_key())

    def test_every_changed_character_is_refused(self) -> None:
        for position, character in enumerate(SIGNED.rstrip()):
            for other in "x1:\n":
                if character not in (other, "\n"):
                    with pytest.raises(ReceiptRefused):
                        receipt.verify_receipt(
                            SIGNED[:position] + other + SIGNED[position + 1 :],
                            root=ROOT.public_key(),
                        )

    def test_another_root_and_a_self_made_node_are_refused(self) -> None:
        stranger = Ed25519PrivateKey.generate()
        with pytest.raises(ReceiptRefused, match="not certified"):
            receipt.verify_receipt(SIGNED, root=stranger.public_key())
        own = receipt.certify_node(
            root=stranger,
            node="node-1",
            public=NODE.public_key(),
            valid_from=date(2026, 1, 1),
            valid_until=date(2026, 12, 31),
        )
        forged = receipt.NodeSigner(key=NODE, certificate=own).sign_receipt(
            report_id=REPORT, body=b"", received_at=NOW
        )
        with pytest.raises(ReceiptRefused, match="not certified"):
            receipt.verify_receipt(forged, root=ROOT.public_key())

    @pytest.mark.parametrize("days", [-365, 365])
    def test_a_key_counts_only_in_its_days(self, days: int) -> None:
        hostile = receipt.NodeSigner(key=SIGNER.key, certificate=CERTIFICATE)
        endless = dataclasses.replace(CERTIFICATE, valid_until=date.max)
        object.__setattr__(hostile, "certificate", endless)  # its receipts still show the real days
        late = hostile.sign_receipt(
            report_id=REPORT, body=b"", received_at=NOW + timedelta(days=days)
        )
        with pytest.raises(ReceiptRefused, match="not valid at that time"):
            receipt.verify_receipt(late, root=ROOT.public_key())

    @settings(max_examples=200)
    @given(st.text(max_size=400))
    def test_hostile_text_is_refused(self, text: str) -> None:
        for attempt in (text, f"FANAL RECEIPT 1\n{text}"):
            with pytest.raises(ReceiptRefused):
                receipt.verify_receipt(attempt, root=ROOT.public_key())

    def test_a_certificate_reads_back(self) -> None:
        text = receipt.encode_certificate(CERTIFICATE)
        again = receipt.decode_certificate(text)
        assert (again.node, again.proof, again.statement()) == (
            "node-1",
            CERTIFICATE.proof,
            CERTIFICATE.statement(),
        )
        with pytest.raises(ReceiptRefused):
            receipt.decode_certificate(text.replace("node-valid: 2026", "node-valid: x"))
