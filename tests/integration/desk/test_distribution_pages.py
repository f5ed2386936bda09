"""Pages of distribution: what waits, what left, one package, and the way between a report and its package."""

from collections.abc import Callable
from datetime import timedelta
from uuid import UUID, uuid4

import pyrage
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.test import Client

from fanal.accounts.domain.instructions import InstructionKind, NewInstruction
from fanal.accounts.operations.instructions import propose_instruction, second_instruction
from fanal.distribution.domain.package import Manifest, PackageAcknowledgement, seal, unseal
from fanal.distribution.domain.proof import HEAD, fingerprint
from fanal.distribution.operations import sending
from fanal.distribution.operations.recipients import add_recipient, add_sender, revoke_sender
from fanal.distribution.operations.sending import send
from fanal.distribution.operations.taking import take
from fanal.kernel.actors import Role, system_actor
from fanal.ledger import queries as ledger
from fanal.orient import queries as oriented
from tests.integration.accounts.people import make_user
from tests.integration.desk.story import Desk
from tests.integration.desk.test_providers import send as receive

pytestmark = pytest.mark.django_db(transaction=True)
SYSTEM = system_actor("test")
IDENTITY = pyrage.x25519.Identity.generate()


def instruct(desk: Desk) -> UUID:
    add_recipient(
        actor=SYSTEM, code="DE-DESK", name="Desk of Germany", place=("DE", ""),
        key=str(IDENTITY.to_public()), now=desk.now - timedelta(days=20),
    )  # fmt: skip
    desk.users["irene"] = make_user("irene", Role.SUPERVISOR, at=desk.now - timedelta(days=25))
    made = propose_instruction(
        actor=desk.actor("irene"),
        instruction=NewInstruction(
            kind=InstructionKind.DISTRIBUTION,
            grounds="Reports whose suspect lives in Germany.",
            basis="CPP 695-9-31",
            names=("DE-DESK",),
            valid_from=desk.now - timedelta(days=20),
            expires_at=desk.now + timedelta(days=30),
        ),
        now=desk.now - timedelta(days=20),
    )
    desk.users["helene"] = make_user("helene", Role.SUPERVISOR, at=desk.now - timedelta(days=25))
    second_instruction(
        actor=desk.actor("helene"), instruction_id=made, now=desk.now - timedelta(days=19)
    )
    return made


def abroad(desk: Desk, name: str, country: str = "DE") -> UUID:
    person = {"role": "SUSPECT", "country": country, "name": f"Person of {name}"}
    receive(desk, uuid4(), name, {"kind": "OTHER", "persons": [person]})
    return desk.reports[name]


def package_of(desk: Desk, *, days_ago: int) -> bytes:
    sealed: list[bytes] = []
    [sent] = send(
        actor=SYSTEM,
        sender="desk@desk.example",
        deliver=lambda _code, _id, content: sealed.append(content),
        clock=lambda: desk.now - timedelta(days=days_ago),
    )
    assert sent.package is not None
    return sealed[0]


def acknowledge(desk: Desk, sealed: bytes) -> UUID:
    manifest, _body = unseal(sealed, identity=str(IDENTITY))
    sending.acknowledge(
        actor=SYSTEM,
        answer=PackageAcknowledgement(
            package=manifest.package,
            opened_at=desk.now,
            reports=manifest.reports,
            token=manifest.token,
        ),
        now=desk.now,
    )
    return manifest.package


def text(client: Client, path: str) -> str:
    answer = client.get(path)
    assert answer.status_code == 200, path
    return answer.content.decode()


def test_what_waits_stands_with_its_desk_and_its_rule(
    desk: Desk, sign_in: Callable[[str], Client]
) -> None:
    report_id = abroad(desk, "w-1", country="PT")
    ana = sign_in("ana")
    page = text(ana, "/en/desk/distribution/")
    assert "Portugal" in page
    assert "No desk registered there" in page
    assert "country of a suspect" in page
    listed = text(ana, "/en/desk/distribution/waiting/?country=PT")
    assert f"/en/desk/reports/{report_id}/" in listed
    reads = [e.action for e in ledger.entries_of(actor=SYSTEM, object_id=report_id)]
    assert reads[-1] == "report.list"
    assert ana.get("/en/desk/distribution/waiting/?country=IT").status_code == 302
    assert ana.get("/en/desk/distribution/waiting/?country=PT&after=x").status_code == 404
    overseer = text(sign_in("gabrielle"), "/en/desk/distribution/waiting/?country=PT")
    assert str(report_id) not in overseer
    assert "1 report of this page belongs to another of our desks" in overseer


def test_report_and_package_lead_to_each_other_whatever_became_of_them(
    desk: Desk, sign_in: Callable[[str], Client]
) -> None:
    instruction, report_id = instruct(desk), abroad(desk, "p-1")
    sealed = package_of(desk, days_ago=8)
    late = abroad(desk, "p-2")
    package_of(desk, days_ago=8)
    package = acknowledge(desk, sealed)
    ana = sign_in("ana")
    overview = text(ana, "/en/desk/distribution/")
    assert "Answer overdue" in overview
    assert "Acknowledged" in overview
    shown = text(ana, f"/en/desk/distribution/packages/{package}/")
    assert f"/en/desk/reports/{report_id}/" in shown
    assert f"/en/desk/reports/{late}/" not in shown
    assert f"/en/desk/instructions/{instruction}/" in shown
    assert "p-1" in shown
    report = text(ana, f"/en/desk/reports/{report_id}/")
    assert f"/en/desk/distribution/packages/{package}/" in report
    assert "Claimed by another desk" in report
    assert "Our desk has nothing more to do" in report
    queue = text(ana, "/en/desk/?view=HANDED_OVER")
    assert str(report_id) in queue
    assert "DE-DESK" in queue
    case = oriented.get_case(actor=desk.actor("ana"), report_id=report_id)
    away = f"/en/desk/?view=HANDED_OVER&kind={case.kind}&channel={case.channel or ''}"
    assert f'href="?view=HANDED_OVER&amp;kind={case.kind}"' in queue, "its kind is offered there"
    assert queue.count('href="?view=HANDED_OVER&amp;kind=') == 1, "no kind that nothing here is of"
    assert str(report_id) in text(sign_in("claire"), away)
    assert "No report matches" in text(ana, "/en/desk/?view=HANDED_OVER&kind=TRAFFICKING")
    assert str(report_id) not in text(ana, "/en/desk/")
    assert str(late) in text(ana, "/en/desk/")  # nobody said that they have it
    ana.post(f"/en/desk/reports/{report_id}/reopen/")
    assert str(report_id) in text(ana, "/en/desk/")
    assert ana.get(f"/en/desk/distribution/packages/{UUID(int=1)}/").status_code == 404


def test_what_came_in_is_told_with_who_signed_it(
    desk: Desk, sign_in: Callable[[str], Client], installed_keys: None
) -> None:
    """Of a key the figures that people compare; of an unsigned package that nobody is proven."""
    path = "/fr/desk/distribution/"
    assert "Aucun envoi d’un autre service" in text(sign_in("claire"), path)
    signer = Ed25519PrivateKey.generate()
    key = signer.public_key().public_bytes_raw()
    figures = fingerprint(key)
    add_sender(actor=SYSTEM, code="DE-DESK", key=key, told=figures, now=desk.now)
    numbers = [uuid4(), uuid4()]
    signed, other = (
        seal(
            Manifest(
                schema=1, package=number, sender="desk@north.example", recipient="FR-DESK",
                made_at=desk.now, reports=0, sha256="", instruction=uuid4(), token="t" * 43,
            ),
            [b'{"reference": "n-1"}'],
            key=str(IDENTITY.to_public()),
            signer=signer,
        )
        for number in numbers
    )  # fmt: skip
    bare = pyrage.encrypt(pyrage.decrypt(other, [IDENTITY])[HEAD:], [IDENTITY.to_public()])
    for sealed in (signed, bare):
        take(
            actor=SYSTEM, sealed=sealed, identity=str(IDENTITY), keep=lambda _opened: None,
            unproven=sealed is bare, now=desk.now,
        )  # fmt: skip
    page = text(sign_in("claire"), path)
    assert figures in page
    assert all(str(number) in page for number in numbers)
    assert page.count("expéditeur non vérifié") == 1
    assert "révoquée" not in page
    revoke_sender(actor=SYSTEM, code="DE-DESK", told=figures, now=desk.now)
    assert "révoquée\u00a0: ne vaut plus preuve" in text(sign_in("claire"), path)
