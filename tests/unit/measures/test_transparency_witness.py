"""The witness: what it cosigns, what it refuses, and a state that is on disk before an answer leaves."""

import base64
import hashlib
import http.client
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from fanal.ledger.domain.checkpoint import NoteKey, sign
from fanal.ledger.domain.merkle import consistency_proof, hash_leaf, root_of
from fanal.measures.transparency.cosignature import (
    CosignatureRefused,
    WitnessKey,
    cosign,
    cosigned_at,
)
from fanal.measures.transparency.witness import PATH, SIZE, Answer, Witness, WitnessRefused

KEY, LOG = Ed25519PrivateKey.generate(), "log.test/t"
KNOWN = NoteKey(name=LOG, public=KEY.public_key())
NAME = "witness.test"
NOW = datetime(2026, 12, 3, 6, tzinfo=UTC)


def leaves(count: int, fork: int = 10_000) -> list[bytes]:
    """Return leaf hashes; those from number `fork` are of another history."""
    words = (f"{'other' if i >= fork else 'leaf'} {i}" for i in range(count))
    return [hash_leaf(hashlib.sha256(one.encode()).digest()) for one in words]


def note(size: int, *, fork: int = 10_000, key: Ed25519PrivateKey = KEY, origin: str = LOG) -> str:
    """Return the signed checkpoint of a tree."""
    return sign(
        origin=origin, size=size, root=root_of(leaves(size, fork)), name=origin, key=key
    ).note


def asked(old: int, size: int, *, fork: int = 10_000, point: str = "") -> bytes:
    """Return the body of a request from `old` to `size`, with the proof of this history."""
    every = leaves(size, fork)
    proof = (
        consistency_proof(lambda a, b: root_of(every[a:b]), size1=old, size2=size)
        if old <= size
        else []
    )
    lines = [f"old {old}", *(base64.b64encode(one).decode() for one in proof)]
    return ("\n".join(lines) + "\n\n" + (point or note(size, fork=fork))).encode()


@pytest.fixture
def witness(tmp_path: Path) -> Iterator[Witness]:
    with closing(Witness(tmp_path / "w", name=NAME, logs=[KNOWN])) as made:
        yield made


def cosigned(witness: Witness, size: int, answer: Answer) -> bool:
    """Return whether an answer has the witness's signature on the checkpoint of a size."""
    return answer.status == 200 and cosigned_at(note(size) + answer.body, key=witness.public) == NOW


def test_a_log_that_grows_is_cosigned(witness: Witness) -> None:
    old = 0
    for size in (0, 1, 1, 7, 8, 300):
        assert cosigned(witness, size, witness.add(asked(old, size), now=NOW)), size
        old = size


def test_a_forked_log_is_not(witness: Witness, capsys: pytest.CaptureFixture[str]) -> None:
    witness.add(asked(0, 8), now=NOW)
    assert witness.add(asked(8, 12, fork=5), now=NOW).status == 422
    assert witness.add(asked(8, 8, fork=5), now=NOW) == Answer(409, "8\n", SIZE)
    assert note(12, fork=5) in capsys.readouterr().err  # the proof against the log
    assert cosigned(witness, 12, witness.add(asked(8, 12), now=NOW))


def test_an_older_or_repeated_checkpoint(witness: Witness) -> None:
    witness.add(asked(0, 8), now=NOW)
    later = witness.add(asked(8, 12), now=NOW)
    assert witness.add(asked(0, 8), now=NOW) == Answer(409, "12\n", SIZE)
    assert witness.add(asked(8, 12), now=NOW) == Answer(409, "12\n", SIZE)  # a replay
    assert witness.add(asked(12, 8), now=NOW).status == 400
    assert witness.add(asked(12, 12), now=NOW + timedelta(seconds=1)) != later
    assert cosigned(witness, 12, witness.add(asked(12, 12), now=NOW))


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"\xff", 400),
        (b"old 01\n\n" + note(3).encode(), 400),
        (b"old 0\n" + b"A" * 43 + b"=\n\n" + note(3).encode(), 422),
        (b"old 0\nAAAA\n\n" + note(3).encode(), 400),
        (b"old 0\n" + (b"A" * 43 + b"=\n") * 64 + b"\n" + note(3).encode(), 400),
        (asked(0, 3, point=note(3, origin="other.test")), 404),
        (asked(0, 3, point=note(3, key=Ed25519PrivateKey.generate())), 403),
        (asked(0, 3, point=note(3).replace("\n3\n", "\n4\n")), 403),
        (b"old 0\n\nlog.test/t\n3\n", 403),
    ],
    # The bodies are signed with keys of this run: other in each process of the tests.
    ids=[
        "nothing", "no text", "size with a zero", "proof where none is due", "short proof", "long proof",
        "other log", "other key", "changed", "not signed",
    ],
)  # fmt: skip
def test_what_is_malformed_or_of_others_is_refused(
    witness: Witness, body: bytes, status: int
) -> None:
    assert witness.add(body, now=NOW).status == status
    assert cosigned(witness, 3, witness.add(asked(0, 3), now=NOW))


def test_a_restart_goes_on_from_the_state(tmp_path: Path) -> None:
    first = Witness(tmp_path, name=NAME, logs=[KNOWN])
    first.add(asked(0, 8), now=NOW)
    with pytest.raises(WitnessRefused, match="another witness runs"):
        Witness(tmp_path, name=NAME, logs=[KNOWN])
    first.close()
    again = Witness(tmp_path, name=NAME, logs=[KNOWN])
    assert again.public == first.public
    assert again.add(asked(0, 9, fork=2), now=NOW).status == 409
    again.close()
    (tmp_path / "state").unlink()
    with pytest.raises(WitnessRefused, match="retire"):
        Witness(tmp_path, name=NAME, logs=[KNOWN])


def test_a_state_that_cannot_be_written_cosigns_nothing(
    witness: Witness, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError("no space")

    with monkeypatch.context() as patched:
        patched.setattr("fanal.measures.transparency.witness.write_private", full)
        with pytest.raises(OSError, match="no space"):
            witness.add(asked(0, 8), now=NOW)
    assert cosigned(witness, 5, witness.add(asked(0, 5), now=NOW))


def test_keys_and_lines_are_those_of_the_specification() -> None:
    key = WitnessKey(name=NAME, public=KEY.public_key())
    assert WitnessKey.decode(key.encode()) == key
    line = cosign(note(3), name=NAME, key=KEY, now=NOW)
    assert cosigned_at(f"{note(3)}{line}\n", key=key) == NOW
    with pytest.raises(CosignatureRefused, match="wrong"):
        cosigned_at(f"{note(4)}{line}\n", key=key)
    with pytest.raises(CosignatureRefused, match="no cosignature"):
        cosigned_at(note(3), key=key)
    with pytest.raises(CosignatureRefused):
        WitnessKey.decode(KNOWN.encode())


@contextmanager
def running(folder: Path, **more: str) -> Iterator[tuple[subprocess.Popen[str], int, WitnessKey]]:
    """Run `fanal witness run` as a process; yield it, its port and its public key."""
    port = 20_000 + os.getpid() % 20_000
    arguments = ["witness", "run", str(folder), "--name", NAME, "--log", KNOWN.encode()]
    with subprocess.Popen(
        [sys.executable, "-m", "fanal", *arguments, "--port", str(port), "--lang", "en"],
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | more,
    ) as process:
        try:
            assert process.stdout is not None
            yield process, port, WitnessKey.decode(process.stdout.readline())
        finally:
            process.kill()


def post(port: int, body: bytes) -> tuple[int, str]:
    """Send a request as soon as the server listens; return status and body."""
    for _ in range(100):
        with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=10)) as connection:
            try:
                connection.request("POST", PATH, body)
            except ConnectionRefusedError:
                time.sleep(0.05)
                continue
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
    raise AssertionError("nothing listens")


def test_a_witness_killed_between_writing_and_answering(tmp_path: Path) -> None:
    """The log did not hear of it; the witness knows, and cosigns no other history."""
    folder = tmp_path / "w"
    with (
        running(folder, FANAL_FAILPOINT="witness.written:1:kill") as (process, port, key),
        pytest.raises((http.client.HTTPException, OSError)),
    ):
        post(port, asked(0, 8))
    assert process.returncode == -signal.SIGKILL
    with running(folder) as (process, port, again):
        assert again == key
        assert post(port, asked(0, 8, fork=5)) == (409, "8\n")
        assert post(port, asked(0, 8)) == (409, "8\n")
        status, line = post(port, asked(8, 8))
        assert status == 200
        assert cosigned_at(note(8) + line, key=key) > NOW - timedelta(days=3650)
        assert post(port, b"x" * 70_000)[0] == 400
        process.terminate()
        assert process.wait(timeout=10) == 0
