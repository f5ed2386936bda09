"""`fanal export`: a dossier shared with nobody is refused; one not shared with a counterpart leaves with a warning."""

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tests.integration.cli.calling import Answer, Word
from tests.integration.cli.installing import CHIEF, Installed, all_done, working

pytestmark = pytest.mark.xdist_group("installed")
FORMATS = ("ncmec-xml", "xarf", "dsa-18", "vics", "stix", "misp")
COUNTERPART = "Kept desk"
_WITHHOLD = """
import sys
from uuid import UUID
from fanal.cli.boot import django_as
from fanal.postgres import DatabaseRole
login, dossier, name, withheld = sys.argv[1:]
with django_as(DatabaseRole.APP):
    from fanal.accounts.queries.people import actor_for, find_user
    from fanal.deconfliction.queries import list_counterparts
    from fanal.deconfliction.sharing.operations import withhold
    from fanal.kernel import clock
    actor = actor_for(user=find_user(username=login), now=clock.now())
    [one] = [c.id for c in list_counterparts(actor=actor) if c.name == name] or [None]
    withhold(actor=actor, dossier_id=UUID(dossier), counterpart_id=one, withheld=withheld == "True",
             words="Before an arrest.", now=clock.now())
"""


def decide(installed: Installed, dossier: str, *, name: str = "", withheld: bool) -> None:
    """Decide as `chief` whether a dossier is withheld from the counterpart `name`, from all if it is empty."""
    kept = {
        k: v for k, v in os.environ.items() if not k.startswith(("DATABASE_", "FANAL_", "DJANGO_"))
    }
    done = subprocess.run(
        [sys.executable, "-c", _WITHHOLD, "chief", dossier, name, str(withheld)],
        env=kept | {"FANAL_HOME": str(installed.home), "PYTHONPATH": "src"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def exported(
    installed: Installed, out: Path, *references: str, formats: Sequence[str] = FORMATS
) -> list[Answer]:
    """Export these references in each of `formats`, into a folder of its own in `out`."""
    calls: list[list[Word]] = [
        ["export", name, *references, "--out", str(out / name), *CHIEF, "--code", installed.chief_code]
        for name in formats
    ]  # fmt: skip
    return installed.call(*calls)


def written(out: Path) -> set[str]:
    """Return the formats in whose folder a file was written."""
    return {path.relative_to(out).parts[0] for path in out.rglob("*") if path.is_file()}


def a_case(reference: str, name: str) -> dict[str, object]:
    return {
        "reference": reference,
        "kind": "GROOMING",
        "urls": [f"https://{reference}.example.test/page"],
        "persons": [{"role": "SUSPECT", "emails": [f"{name}@mail.example"]}],
        "files": [{"name": "a.jpg", "md5": hashlib.md5(name.encode()).hexdigest()}],
    }


def test_a_dossier_that_is_shared_with_nobody_is_not_exported(
    installed: Installed, tmp_path: Path
) -> None:
    source = installed.write(
        "kept.jsonl",
        a_case("kept-1", "renard"),
        a_case("kept-2", "renard"),
        a_case("free-1", "free"),
    )
    public = Ed25519PrivateKey.generate().public_key().public_bytes_raw().hex()
    added, brought = installed.call(
        ["deconflict", "counterpart", "add", COUNTERPART, "--our-name", "Our desk", "--key", public, "--contact", "Duty"],
        ["import", "jsonl", source],
    )  # fmt: skip
    assert (added.status, brought.status) == (0, 0), added.err + brought.err
    with working(installed):
        all_done(installed)
    [person] = installed.call(["report", "show", "kept-1", "--json", *CHIEF])
    dossier = json.loads(person.out)["dossier"]
    entries = "SELECT count(*) FROM ledger_entry WHERE action = 'report.export'"

    decide(installed, dossier, withheld=True)
    count, out = installed.count(entries), tmp_path / "out"
    refused = [
        *exported(installed, out, "free-1", "kept-2"),
        *exported(installed, out, dossier, formats=["misp"]),
    ]
    for one in refused:
        assert one.complaint(2) is None
        assert "not shared with anybody" in one.err, one.call
    assert written(out) == set()
    assert installed.count(entries) == count
    [free] = exported(installed, out, "free-1", formats=["vics"])
    assert (free.status, free.err, written(out)) == (0, "", {"vics"})

    decide(installed, dossier, withheld=False)
    decide(installed, dossier, name=COUNTERPART, withheld=True)
    warned = exported(installed, out, "kept-1", "free-1")
    assert [a.status for a in warned] == [0] * len(FORMATS), [a.err for a in warned]
    assert written(out) == set(FORMATS)
    for one in warned:
        assert f"reports not shared with {COUNTERPART}: 1; do not pass them on to it" in one.err

    decide(installed, dossier, name=COUNTERPART, withheld=False)
    [after] = exported(installed, out, "kept-1", "kept-2", formats=["stix"])
    assert (after.status, after.err) == (0, "")
