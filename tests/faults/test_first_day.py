"""The operator's first page, followed literally: each of its blocks is run as it is printed."""

import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.handlers import Sink
from aiosmtpd.smtp import SMTP, Envelope, Session

from fanal.postgres import Cluster
from tests.live import free_port, wait_for

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "operator-start.md"
BLOCKS = re.findall(r"^## (.+?)$|```bash\n(.*?)```", PAGE.read_text(), re.S | re.M)
pytestmark = [
    pytest.mark.serial,
    pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not here"),
]


class Inbox(Sink):
    """Keeps whom it was to tell."""

    def __init__(self) -> None:
        super().__init__()
        self.reached: list[str] = []

    async def handle_DATA(  # noqa: N802 - the library's name
        self, _server: SMTP, _session: Session, envelope: Envelope
    ) -> str:
        self.reached += envelope.rcpt_tos
        return "250 taken"


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder on a disk; what is in /dev/shm lies on another file system."""
    made = Path(tempfile.mkdtemp(prefix="fanal-first-", dir="/var/tmp"))
    made.chmod(0o755)
    yield made
    shutil.rmtree(made, ignore_errors=True)


@pytest.fixture
def elsewhere() -> Iterator[Path]:
    """A folder on another file system than the keys'."""
    shared = Path("/dev/shm")
    if not shared.is_dir() or shared.stat().st_dev == Path("/var/tmp").stat().st_dev:
        pytest.skip("this machine has one file system only")
    made = Path(tempfile.mkdtemp(prefix="fanal-first-", dir=shared))
    made.chmod(0o755)
    yield made
    shutil.rmtree(made, ignore_errors=True)


@pytest.fixture
def inbox() -> Iterator[Controller]:
    """Serve SMTP on a free port of this machine."""
    controller = Controller(Inbox(), hostname="127.0.0.1", port=free_port())
    controller.start()
    yield controller
    controller.stop()


class Shell:
    """The operator's shell: one folder, one environment, blocks one after the other."""

    def __init__(self, folder: Path, replaced: dict[str, str]) -> None:
        kept = ("FANAL_", "DATABASE_", "DJANGO_", "PYTEST_", "PG")
        self._environ = {k: v for k, v in os.environ.items() if not k.startswith(kept)}
        self._environ["PATH"] = f"{Path(sys.executable).parent}:{self._environ['PATH']}"
        self._environ["FANAL_USER_PASSWORD"] = "correct horse battery 71"
        self._folder, self._replaced, self._settings = folder, replaced, ""
        self.started: subprocess.Popen[bytes] | None = None

    def run(self, block: str) -> str:
        """Run a block and return what it printed; what it starts in the background goes on."""
        for said, here in self._replaced.items():
            block = block.replace(said, here)
        if block.lstrip().startswith("export"):
            self._settings = block
            return ""
        if block.rstrip().endswith("&"):
            command = block.rstrip().removesuffix("&")
            out = (self._folder / "run.txt").open("ab")
            self.started = subprocess.Popen(
                ["bash", "-c", f"{self._settings}\nexec {command.strip()}"],
                cwd=self._folder,
                env=self._environ,
                stdout=out,
                stderr=out,
            )
            out.close()
            return ""
        done = subprocess.run(
            ["bash", "-euc", f"{self._settings}\n{block}"],
            cwd=self._folder,
            env=self._environ,
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )
        assert done.returncode == 0, f"{block}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def stop(self) -> None:
        """End what was started."""
        if self.started is not None:
            self.started.send_signal(signal.SIGTERM)
            self.started.wait(60)


def test_every_block_of_the_page_works_and_doctor_finds_nothing(
    folder: Path, elsewhere: Path, inbox: Controller
) -> None:
    port = free_port()
    shell = Shell(
        folder,
        {
            "/srv/fanal": str(folder / "var"),
            "/srv/vault": str(elsewhere / "vault"),
            "/srv/backups": str(elsewhere / "backups"),
            "smtps://fanal:secret@mail.example.org": f"smtp://127.0.0.1:{inbox.port}",
            "example.org": "fanal.internal",
            ":8000": f":{port}",
            "--port 8000": f"--port {port}",
        },
    )
    said = ""
    try:
        for _, block in BLOCKS:
            if not block:
                continue
            said = shell.run(block)
            if shell.started is not None and "fanal run" in block:
                assert wait_for(lambda: _is_ready(port), seconds=180), (
                    folder / "run.txt"
                ).read_text()
            if "fanal mail test" in block:
                assert inbox.handler.reached == [
                    "night@desk.fanal.internal",
                    "day@desk.fanal.internal",
                ]
            if "curl" in block:
                assert '"state": "FINISHED"' in said or '"state":"FINISHED"' in said
        assert "PROBLEM" not in said
    finally:
        shell.stop()
        with contextlib.suppress(Exception):
            Cluster.open(home=folder / "var", environ=os.environ).stop()


def _is_ready(port: int) -> bool:
    done = subprocess.run(
        ["curl", "--silent", "--fail", f"http://127.0.0.1:{port}/readyz"],
        capture_output=True,
        check=False,
        timeout=30,
    )
    return done.returncode == 0
