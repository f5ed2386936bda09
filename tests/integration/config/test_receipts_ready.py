"""A process whose receipts nobody could verify is not ready: it would acknowledge nothing."""

import shutil
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest
import time_machine
from django.conf import settings
from django.test import Client

from fanal.config.keys import ensure_keys, node_fault
from fanal.config.wiring import wire_keys
from fanal.kernel import clock
from fanal.vault import keyring

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("installed_keys"),
]


def holds_keys() -> object:
    return Client(raise_request_exception=False).get("/readyz").json()["keys"]


def test_past_the_end_of_its_certificate_a_process_is_not_ready(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor where the files were made anew meanwhile: it goes on with those that it read."""
    home = shutil.copytree(Path(settings.FANAL_HOME) / "keys", tmp_path / "keys").parent
    monkeypatch.setattr(settings, "FANAL_HOME", home)
    assert holds_keys() is True
    with time_machine.travel(clock.now() + timedelta(days=800), tick=True):
        assert holds_keys() is False
        ensure_keys(home, now=clock.now(), origin="fanal.test/ledger", node="test")
        assert node_fault(home, now=clock.now()) is None
        assert holds_keys() is False
        wire_keys(home, public_node=False)
        assert holds_keys() is True


def test_a_certificate_of_another_key_signs_nothing(tmp_path: Path) -> None:
    home = shutil.copytree(Path(settings.FANAL_HOME) / "keys", tmp_path / "keys").parent
    ensure_keys(tmp_path / "other", now=clock.now(), origin="other.test/ledger", node="other")
    shutil.copy(tmp_path / "other" / "keys" / "node-0001.cert", home / "keys")
    wire_keys(home, public_node=True)
    with pytest.raises(keyring.KeyMissing, match="no receipts"):
        keyring.current().sign_receipt(report_id=UUID(int=1), body=b"x", received_at=clock.now())
