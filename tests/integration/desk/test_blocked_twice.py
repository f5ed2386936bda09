"""A blocking drafted by two presses is one act; a name that two acts block says so before and after freeing."""

import re
from collections.abc import Callable

import pytest
from django.test import Client

from fanal.casework.domain.records import Addressee, AddresseeKind
from tests.integration.desk.story import Desk
from tests.integration.measures.blockings import COLLEAGUE, ago, drafted, listed, received, take
from tests.integration.measures.dereferencings import REASONS, drafted as dereferenced
from tests.integration.measures.stories import OFFICER
from tests.known import habilitated

pytestmark = pytest.mark.django_db(transaction=True)
HIDDEN = re.compile(r'type="hidden" name="(\w+)" value="([^"]*)"')
AT_ONCE = "the name leaves the list at once"
STAYS = "The name stays on the list all the same"


def test_a_form_of_a_blocking_sent_twice_leads_to_the_same_act(
    sign_in: Callable[[str], Client], desk: Desk
) -> None:
    habilitated()
    removal_id = received(ago(2), "www.two.example")
    client, place = sign_in("ana"), f"/en/desk/measures/{removal_id}/"
    page = client.get(place).content.decode()
    form = page[page.index(f'action="{place}block/"') :]
    values = dict(HIDDEN.findall(form[: form.index("</form>")]))
    values |= {"blocked": "www.two.example", "reasons": REASONS, "ground": "UNEXECUTED"}
    first, again = (client.post(f"{place}block/", values) for _ in range(2))
    assert first.status_code == again.status_code == 302
    assert first["Location"] == again["Location"]
    kept = client.get(again["Location"]).content.decode()
    assert "what you wrote was not kept" not in kept, "it was, and stands there"


def test_an_act_that_was_open_before_says_that_no_second_one_was_drafted(
    sign_in: Callable[[str], Client], desk: Desk
) -> None:
    habilitated()
    removal_id = received(ago(2), "www.two.example")
    other = drafted(removal_id, ago(0.5), name="www.two.example")
    client, place = sign_in("ana"), f"/en/desk/measures/{removal_id}/"
    page = client.get(place).content.decode()
    form = page[page.index(f'action="{place}block/"') :]
    values = dict(HIDDEN.findall(form[: form.index("</form>")]))
    values |= {"blocked": "www.two.example", "reasons": REASONS, "ground": "UNEXECUTED"}
    shown = client.post(f"{place}block/", values, follow=True)
    assert shown.redirect_chain[-1][0] == f"/en/desk/blockings/{other}/"
    assert "what you wrote was not kept" in shown.content.decode()


def test_a_colleagues_act_of_seconds_ago_does_not_swallow_what_is_written(
    sign_in: Callable[[str], Client], desk: Desk
) -> None:
    habilitated()
    removal_id = received(ago(2), "www.two.example")
    drafted(removal_id, ago(0.001), name="www.two.example")
    client, place = sign_in("ana"), f"/en/desk/measures/{removal_id}/"
    page = client.get(place).content.decode()
    form = page[page.index(f'action="{place}block/"') :]
    values = dict(HIDDEN.findall(form[: form.index("</form>")]))
    values |= {"blocked": "www.two.example", "reasons": REASONS, "ground": "UNEXECUTED"}
    shown = client.post(f"{place}block/", values, follow=True)
    assert "what you wrote was not kept" in shown.content.decode()


def test_one_of_two_dereferencings_that_was_open_says_so(
    sign_in: Callable[[str], Client], desk: Desk
) -> None:
    habilitated()
    removal_id = received(ago(2), "www.two.example")
    other = Addressee(
        kind=AddresseeKind.SEARCH_ENGINE, name="Look Search", contact="legal@look.example"
    )
    dereferenced(removal_id, ago(0.5), recipient=other)
    client, place = sign_in("ana"), f"/en/desk/measures/{removal_id}/"
    page = client.get(place).content.decode()
    form = page[page.index(f'action="{place}dereference/"') :]
    form = form[: form.index("</form>")]
    values = dict(HIDDEN.findall(form)) | {
        "service": re.findall(r'name="service" value="([^"]+)"', form)[:1],
        "other": "Look Search",
        "nature": "SEARCH_ENGINE",
        "reasons": "Quite other reasons.",
    }
    shown = client.post(f"{place}dereference/", values, follow=True).content.decode()
    assert "1 of these acts was open already: what you wrote is not in it." in shown


def test_the_act_that_still_blocks_a_freed_name_is_named(
    sign_in: Callable[[str], Client], desk: Desk
) -> None:
    habilitated()
    one, two = listed(2, host="www.two.example"), listed(2, host="www.two.example")
    client = sign_in("ana")

    def page_of(act_id: object) -> str:
        return client.get(f"/en/desk/blockings/{act_id}/").content.decode()

    other = f'href="/en/desk/blockings/{two}/"'
    page = page_of(one)
    assert other in page
    assert STAYS in page
    assert AT_ONCE not in page
    for transition, actor in (("free", COLLEAGUE), ("review", OFFICER), ("restore", OFFICER)):
        take(one, transition, ago(1), actor=actor)
        assert "Another act still blocks this name:" in page_of(one)
        assert other in page_of(one)
    page = page_of(two)
    assert AT_ONCE in page
    assert STAYS not in page
    take(two, "lift", ago(1), outcome="GONE")
    assert "still blocks this name" not in page_of(one)
