"""An appeal is seen where the measure is: on its page, by the overseer, in the figures; its annulment too."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from django.test import Client

from fanal.kernel.actors import system_actor
from fanal.measures.appeal.kind import Filer
from fanal.measures.appeal.views import count_appeals
from fanal.measures.models import StoredAppeal
from fanal.measures.removal.kind import REMOVAL
from tests.integration.desk.story import Desk
from tests.integration.desk.work import shown
from tests.integration.measures.appeals import RULING, filed, take
from tests.integration.measures.blockings import ago, received
from tests.known import habilitated

pytestmark = pytest.mark.django_db(transaction=True)
SYSTEM = system_actor("figures")


def test_desk_and_overseer_see_the_appeal_and_its_ruling(
    sign_in: Callable[[str], Client], desk: Desk
) -> None:
    habilitated()
    removal_id = received(ago(1))
    appeal_id = filed(removal_id, ago(0.5), contested=REMOVAL, filer=Filer.PROVIDER)
    places = {
        "elise": f"/en/desk/measures/{removal_id}/",
        "gabrielle": f"/en/oversight/measures/{removal_id}/",
    }
    for name, place in places.items():
        page = sign_in(name).get(place).content.decode()
        assert f"/en/desk/appeals/{appeal_id}/" in page
        assert "Filed, before the court" in page
        assert ("Register an appeal" in page) is (name == "elise")
    take(appeal_id, "rule", ago(0), outcome="ANNULLED", file=RULING)
    for name, place in places.items():
        assert "Measure annulled" in sign_in(name).get(place).content.decode()


def test_a_form_sent_twice_without_a_case_number_registers_one_appeal(
    sign_in: Callable[[str], Client],
) -> None:
    habilitated()
    page = f"/en/desk/measures/{received(ago(2))}/"
    elise = sign_in("elise")
    said = {
        "filer": "EDITOR",
        "filer_name": "Publisher Ltd",
        "court": "TA Cergy-Pontoise",
        "case_number": "",
        "known": "",
        "at": "",
        "claims": "The pages are lawful.",
        "proof": "notice",
        **shown(elise, page),
    }
    assert [elise.post(f"{page}appeal/", said).status_code for _ in range(2)] == [302, 302]
    assert StoredAppeal.objects.count() == 1


def test_the_figures_count_appeals_by_ruling_and_filer() -> None:
    habilitated()
    one, two, mistaken = (
        filed(received(ago(1), f"{name}.example"), ago(0.5), contested=REMOVAL, case_number=name)
        for name in ("one", "two", "three")
    )
    take(one, "rule", ago(0), outcome="ANNULLED", file=RULING)
    take(mistaken, "strike", ago(0), reason="typed twice")
    assert two != one
    now = datetime.now(UTC)
    found = count_appeals(
        actor=SYSTEM, since=now - timedelta(days=2), until=now + timedelta(days=1)
    )
    assert sorted(row[1:] for row in found) == [("ANNULLED", "EDITOR", 1), ("FILED", "EDITOR", 1)]
