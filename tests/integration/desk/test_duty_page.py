"""The page of a duty roster: choices left blank, and people whom no call reaches."""

from datetime import timedelta

import pytest

from fanal.accounts.domain.records import RevocationReason
from fanal.accounts.models import Habilitation
from fanal.accounts.operations.habilitations import revoke_habilitation
from tests.integration.accounts.people import SYSTEM
from tests.server import as_worker

pytestmark = pytest.mark.django_db
PAGE = "/en/account/duty/1/"


def line(desk, **changes):
    told = {
        "kind": "WEEKLY", "rank": "1", "name": "Telephone", "address": "a@duty.test", "person": "",
        "zone": "Europe/Paris", "weekdays": [str(number) for number in range(7)], "until": "",
        "from": (desk.now - timedelta(days=3)).date().isoformat(), "starts": "08:00", "ends": "08:00",
    }  # fmt: skip
    return told | changes


@pytest.mark.parametrize("weekdays", ["", " ", ["", "  "]])
def test_a_blank_day_is_no_day(desk, sign_in, weekdays):
    claire = sign_in("claire")
    refused = claire.post(f"{PAGE}add/", line(desk, weekdays=weekdays))
    assert refused.status_code == 422
    taken = claire.post(f"{PAGE}add/", line(desk, weekdays=["", "5"]))
    assert taken.status_code == 302
    dated = line(desk, kind="OFF", weekdays=weekdays, until=(desk.now + timedelta(days=3)).date())
    assert claire.post(f"{PAGE}add/", dated).status_code == 302


def test_somebody_whose_role_has_ended_is_shown_as_not_reached(desk, sign_in):
    claire, ana = sign_in("claire"), desk.users["ana"]
    ana.email = "ana@desk.test"
    ana.save(update_fields=["email"])
    typed = line(desk, person=str(ana.person_id), name="", address="")
    assert claire.post(f"{PAGE}add/", typed).status_code == 302
    assert "no call reaches them" not in claire.get(PAGE).content.decode()
    with as_worker():
        for held in Habilitation.objects.filter(person_id=ana.person_id):
            revoke_habilitation(
                actor=SYSTEM, habilitation_id=held.id, reason=RevocationReason.LEFT, now=desk.now
            )
    page = claire.get(PAGE).content.decode()
    assert "On duty, and no call reaches them:" in page
    assert "1 gap in the next two weeks" in page
