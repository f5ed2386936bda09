"""A dossier that is not shared leaves in no package and in no export, until a person ends that."""

from datetime import timedelta
from uuid import UUID

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.conf import settings
from django.test import Client

from fanal.accounts.queries.people import actor_for, find_user
from fanal.crosscheck.dossiers.queries import dossier_of
from fanal.deconfliction.domain.records import NewCounterpart
from fanal.deconfliction.operations.counterparts import add_counterpart, renew_counterpart
from fanal.deconfliction.sharing.operations import withhold
from fanal.distribution.domain import package as packing
from fanal.distribution.domain.proof import fingerprint
from fanal.distribution.operations import recipients
from fanal.kernel import clock
from fanal.kernel.actors import Role
from fanal.web.account import second_factor
from tests.integration.accounts.people import make_user
from tests.integration.distribution import test_sending as sending

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.role("worker")]
keys, registered, instructed = sending.keys, sending.registered, sending.instructed
SYSTEM, IDENTITY = sending.SYSTEM, sending.IDENTITY


def left() -> tuple[str, list[tuple[str, int]]]:
    """Send what waits; return the text of the packages, and each outcome: its reason, reports withheld."""
    out: sending.Deliveries = {}
    found = [(o.reason, o.withheld) for one in sending.send(out).values() for o in one]
    return "".join(
        packing.unseal(sealed, identity=str(IDENTITY))[1].decode() for sealed in out.values()
    ), found


def withheld(report_id: UUID, *, counterpart_id: UUID | None = None, ends: bool = False) -> None:
    user = find_user(username="ana") or make_user("ana", Role.ANALYST, at=clock.now())
    dossier = dossier_of(actor=SYSTEM, report_id=report_id)
    assert dossier is not None
    withhold(
        actor=actor_for(user=user, now=clock.now()), dossier_id=dossier, counterpart_id=counterpart_id,
        withheld=not ends, words="Before an arrest.", now=clock.now(),
    )  # fmt: skip


def two_reports() -> UUID:
    first = sending.receive("d-1", **sending.suspect("BE", "renard"))
    sending.receive("d-2", **sending.suspect("BE", "renard"))
    sending.receive("d-3", **sending.suspect("BE", "other"))
    return first


def counterpart(public_key: bytes, name: str = "South desk") -> UUID:
    return add_counterpart(
        actor=SYSTEM,
        counterpart=NewCounterpart(
            name=name, our_name="North desk", contact=f"Duty of the {name}", public_key=public_key
        ),
        now=clock.now(),
    )


def test_a_withheld_dossier_waits_until_somebody_ends_it(instructed: UUID) -> None:
    report_id = two_reports()
    withheld(report_id)
    text, outcomes = left()
    assert "other@mail.example" in text
    assert "renard" not in text
    assert outcomes == [("", 0), ("WITHHELD", 2)]
    assert left() == ("", [("WITHHELD", 2)])
    supervisor = Client(headers={"X-Forwarded-Proto": "https"})
    supervisor.force_login(
        make_user("claire", Role.SUPERVISOR, at=clock.now() - timedelta(days=1)),
        backend=settings.AUTHENTICATION_BACKENDS[1],
    )
    second_factor.install(required=False)
    try:
        page = "/en/desk/distribution/"
        assert "2 withheld" in supervisor.get(page).content.decode()
        waiting = supervisor.get(f"{page}waiting/?country=BE&region=").content.decode()
        assert waiting.count("not sent: its dossier is withheld") == 2
    finally:
        second_factor.install(required=True)
    withheld(report_id, ends=True)
    text, outcomes = left()
    assert text.count("renard@mail.example") == 2
    assert outcomes == [("", 0)]


def test_a_desk_that_is_also_a_counterpart_is_known_by_its_key(instructed: UUID) -> None:
    """The key that signs packages signs comparisons too: withheld from one is withheld from the other."""
    first, second, third = (
        Ed25519PrivateKey.generate().public_key().public_bytes_raw() for _ in range(3)
    )
    report_id = two_reports()
    south = counterpart(first)
    recipients.add_sender(
        actor=SYSTEM, code="BE-DESK", key=first, told=fingerprint(first), now=clock.now()
    )
    stranger = counterpart(third, "Far desk, elsewhere")
    renew_counterpart(
        actor=SYSTEM, counterpart_id=south, public_key=second, name="South desk",
        our_name="North desk", contact="Duty", now=clock.now(),
    )  # fmt: skip
    withheld(report_id, counterpart_id=south)
    text, outcomes = left()
    assert "renard" not in text
    assert outcomes[-1] == ("WITHHELD", 2)
    withheld(report_id, counterpart_id=south, ends=True)
    withheld(report_id, counterpart_id=stranger)
    text, outcomes = left()
    assert text.count("renard@mail.example") == 2


@pytest.mark.parametrize(
    ("name", "later"),
    [("Desk of  belgium", "Desk of  belgium"), ("Desk of Belgium", "Belgian desk")],
)
def test_a_desk_that_is_also_a_counterpart_is_known_by_each_of_its_names(
    instructed: UUID, name: str, later: str
) -> None:
    report_id = two_reports()
    first, second = (Ed25519PrivateKey.generate().public_key().public_bytes_raw() for _ in range(2))
    belgium = counterpart(first, name)
    withheld(report_id, counterpart_id=belgium)
    renew_counterpart(
        actor=SYSTEM, counterpart_id=belgium, public_key=second, name=later,
        our_name="North desk", contact="Duty", now=clock.now(),
    )  # fmt: skip
    text, outcomes = left()
    assert "renard" not in text
    assert outcomes[-1] == ("WITHHELD", 2)
