"""New passwords of the database roles under a running desk: it goes on serving and calling by itself."""

import os
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass

import psycopg
import pytest
from aiosmtpd.controller import Controller

from fanal.postgres import Cluster, PasswordFile
from tests.faults.test_calls import Inbox
from tests.live import FANAL, Live, free_port, live, wait_for

pytestmark = pytest.mark.serial
CALLED_WITHIN = 30.0
"""The start of the calls' process, and room for a machine on which other tests run."""


@dataclass
class Desk:
    """A running installation, its duty people's mail, and the address of its database's administrator."""

    server: Live
    inbox: Inbox

    @property
    def admin(self) -> str:
        return Cluster.open(home=self.server.home, environ=os.environ).admin_url("fanal")

    def end_sessions(self) -> None:
        """Let everybody sign in again, as after a restart of PostgreSQL."""
        with psycopg.connect(self.admin, autocommit=True) as admin:
            admin.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE usename LIKE 'fanal%' AND usename <> current_user"
            )

    def said(self, words: str) -> bool:
        """Whether the supervisor said so to the operator."""
        return words in (self.server.home / "out.txt").read_text()

    def called(self, report: str) -> bool:
        return any(report in text for text in self.inbox.texts)


@pytest.fixture(scope="module")
def desk() -> Iterator[Desk]:
    inbox, port = Inbox(), free_port()
    controller = Controller(inbox, hostname="127.0.0.1", port=port)
    controller.start()
    try:
        with live(
            FANAL_SMTP_URL=f"smtp://127.0.0.1:{port}", FANAL_DUTY="duty@desk.example"
        ) as server:
            yield Desk(server, inbox)
    finally:
        controller.stop()


def test_whoever_has_to_sign_in_again_calls_and_serves(desk: Desk) -> None:
    server = desk.server
    partner = server.add_partner("renewed")
    owner = (server.home / "keys" / "database.json").stat().st_uid
    answer = subprocess.run(
        [*FANAL, "--lang", "en", "provision", "--new-passwords"],
        env=server.environment(DATABASE_URL=desk.admin),
        capture_output=True,
        text=True,
        check=True,
    )
    assert "DATABASE_URL" in answer.stdout
    assert "restart" in answer.stdout
    assert (server.home / "keys" / "database.json").stat().st_uid == owner
    desk.end_sessions()
    for pid in server.leaders("fanal.calls"):
        os.kill(pid, signal.SIGKILL)
    answers = []

    def acknowledged() -> bool:
        told = {"reference": "NEW-PASSWORDS", "kind": "GROOMING", "emergency": True}
        answers.append(server.json("POST", "/reports", partner, told))
        return answers[-1].status in {200, 201}

    assert wait_for(acknowledged, seconds=60, beat=0.5), server.told()
    report = str(answers[-1].json["id"])
    assert wait_for(lambda: desk.called(report), seconds=CALLED_WITHIN), server.told()
    assert wait_for(server.ready, seconds=60), server.told()
    assert {server.call("GET", "/fr/figures/").status for _ in range(12)} == {200}
    assert desk.said("new passwords")


def test_passwords_that_the_database_refuses_end_nothing(desk: Desk) -> None:
    """As a file of another installation, or one that is copied before its server knows it."""
    server = desk.server
    assert wait_for(server.ready, seconds=60), server.told()
    before = server.leaders("")
    passwords = PasswordFile(server.home / "keys" / "database.json")
    kept = passwords.read()
    passwords.write({name: f"{word}x" for name, word in kept.items()})
    try:
        assert wait_for(lambda: desk.said("refuses the passwords"), seconds=30)
        assert server.ready()
        assert server.leaders("") == before
    finally:
        passwords.write(kept)
