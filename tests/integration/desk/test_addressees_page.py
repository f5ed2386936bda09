"""The directory of addressees in the browser: added, confirmed by another person, proposed to a removal request."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.test import Client

from fanal.kernel.actors import Role
from fanal.kernel.calendar import paris_day
from fanal.measures import queries as measures
from fanal.measures.addressees.views import list_entries
from tests.integration.accounts.people import make_user
from tests.integration.desk.story import HOST, Desk
from tests.integration.desk.work import decided

pytestmark = pytest.mark.django_db
SignIn = Callable[[str], Client]
PAGE = "/en/desk/addressees/"


def typed(desk: Desk, **changed: object) -> dict[str, object]:
    return {
        "kind": ["HOST", "REGISTRAR"], "name": "Example Host", "contact_point": "orders@host.example",
        "domain": f"{HOST}\nhost.example", "language": "en", "postal": "1 Quay\nParis", "source": "Legal notice",
        "source_date": str(paris_day(desk.now)), "checked": "yes", "version": "0", **changed,
    }  # fmt: skip


def test_an_entry_is_added_confirmed_by_another_person_and_proposed(
    desk: Desk, sign_in: SignIn
) -> None:
    desk.users["marc"] = make_user("marc", Role.MEASURES_OFFICER, at=desk.now - timedelta(days=30))
    claire, marc, ana = sign_in("claire"), sign_in("marc"), sign_in("ana")
    assert "The directory is empty." in claire.get(PAGE).content.decode()
    assert ana.get(f"{PAGE}add/").status_code == 403
    refused = marc.post(f"{PAGE}add/", typed(desk, contact_point="nobody", name="A\0"))
    assert refused.status_code == 422
    assert "The name cannot be read" in refused.content.decode()
    again = marc.post(f"{PAGE}add/", typed(desk, contact_point="nobody", source_date="soon"))
    assert 'value="nobody"' in again.content.decode()
    one = marc.post(f"{PAGE}add/", typed(desk)).url
    own = marc.get(one).content.decode()
    assert "another person must confirm" in own
    assert marc.post(f"{one}confirm/", {"version": "1"}).status_code == 422
    (waiting,) = claire.get(f"{PAGE}?q=ORDERS&kind=HOST&state=WAITING").context["page"]
    assert waiting.name == "Example Host"
    assert list(claire.get(f"{PAGE}?kind=ISP").context["page"]) == []
    report_id = decided(desk)
    found = measures.measures_of(actor=desk.actor("claire"), report_ids=[report_id])
    (measure,) = found[report_id]
    page = f"/en/desk/measures/{measure.id}/"
    assert marc.get(page).context["proposed"] == []
    for version in ("2", "x", ""):
        assert claire.post(f"{one}confirm/", {"version": version}).status_code == 422
    assert claire.post(f"{one}confirm/", {"version": "1"}).url == one
    ((proposal, href),) = marc.get(page).context["proposed"]
    assert (proposal.because, href) == ((HOST,), f"{page}?to={waiting.id}#name")
    filled = marc.get(f"{page}?to={waiting.id}").context["filled"]
    assert (filled.name, filled.contact, filled.language) == (
        "Example Host", "orders@host.example", "en",
    )  # fmt: skip
    assert marc.get(f"{page}?to=x").context["filled"] == measure.request.addressee


def test_a_change_is_a_version_and_a_stale_form_is_refused(desk: Desk, sign_in: SignIn) -> None:
    claire = sign_in("claire")
    one = claire.post(f"{PAGE}add/", typed(desk, name="<b>Host</b>")).url
    form = claire.get(f"{one}change/").content.decode()
    assert "&lt;b&gt;Host&lt;/b&gt;" in form
    changed = typed(desk, domain="two.example", source="RDAP", version="1", checked="")
    assert claire.post(f"{one}change/", changed).url == one
    stale = claire.post(f"{one}change/", changed)
    assert stale.status_code == 422
    assert "changed in the meantime" in stale.content.decode()
    (entry,) = list_entries(actor=desk.actor("ana"))
    sources = {fact.value: (fact.source, fact.checked) for fact in entry.newest.facts}
    assert sources["two.example"] == ("RDAP", False)
    assert sources["orders@host.example"] == ("Legal notice", True)
    page = claire.get(one).content.decode()
    assert "UNCHECKED" in page
    assert page.count("Legal notice") > page.count("RDAP") == 2
    closed = typed(desk, domain="two.example", version="2", closed="yes")
    assert claire.post(f"{one}change/", closed).url == one
    assert "no longer proposed" not in claire.get(one).content.decode(), "nothing was confirmed"
    french = claire.get(one.replace("/en/", "/fr/")).content.decode()
    assert "Destinataires des mesures" in french
    assert claire.get(f"{PAGE}00000000-0000-7000-8000-000000000000/").status_code == 404
