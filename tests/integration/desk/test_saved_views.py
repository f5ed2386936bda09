"""Saved views: one's own or the desk's, with true counts, a bound on their number, and no other desk's."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection
from django.test import Client

from fanal.accounts import row_scope
from fanal.accounts.domain.policy import Refused
from fanal.kernel.refusal import Refusal
from fanal.orient.domain.records import QueueFilter, QueueView
from fanal.orient.queue import operations as orient
from fanal.orient.queue.queries import count_saved_views, list_queue, list_saved_views
from tests.integration.desk.story import Desk

pytestmark = pytest.mark.django_db
SignIn = Callable[[str], Client]
GROOMING = QueueFilter(kind="GROOMING")
QUEUE, VIEWS = "/fr/desk/", "/fr/desk/views/"


def save(desk: Desk, who: str, name: str, **more: object) -> object:
    """Keep a view of the open reports of grooming."""
    facts = {"view": QueueView.OPEN, "filters": GROOMING, "now": desk.now} | more
    return orient.save_view(actor=desk.actor(who), name=name, **facts)


def names(desk: Desk, who: str) -> list[str]:
    """The names of the views that a person sees."""
    return [saved.name for saved in list_saved_views(actor=desk.actor(who))]


def test_a_filter_is_saved_shown_renamed_and_deleted(desk: Desk, sign_in: SignIn) -> None:
    ana = sign_in("ana")
    typed = {"name": "  Jeux   du soir ", "view": "OPEN", "kind": "GROOMING", "country": "be"}
    answer = ana.post(VIEWS, typed)
    assert answer["Location"] == f"{QUEUE}?view=OPEN&kind=GROOMING&country=BE"
    shown = ana.get(answer["Location"])
    assert [line.saved.name for line in shown.context["saved"] if line.current] == ["Jeux du soir"]
    (saved,) = list_saved_views(actor=desk.actor("ana"))
    assert ana.post(f"{VIEWS}{saved.id}/", {"act": "rename", "name": "Matin"}).status_code == 302
    assert names(desk, "ana") == ["Matin"]
    assert ana.post(f"{VIEWS}{saved.id}/", {"act": "burn"}).status_code == 404
    assert ana.post(f"{VIEWS}{saved.id}/", {"act": "delete"}).status_code == 302
    assert names(desk, "ana") == []


def test_counts_are_those_of_the_lists(desk: Desk) -> None:
    actor = desk.actor("ana")
    orient.claim_case(actor=actor, report_id=desk.reports["stream"], now=desk.now)
    for number, (view, filters) in enumerate(
        (view, filters) for view in QueueView for filters in (QueueFilter(), GROOMING)
    ):
        save(desk, "ana", f"view {number}", view=view, filters=filters)
    views = list_saved_views(actor=actor)
    counts = count_saved_views(actor=actor, views=views, now=desk.now)
    lists = {
        saved.id: len(
            list_queue(actor=actor, view=saved.view, filters=saved.filters, now=desk.now).cases
        )
        for saved in views
        if saved.view is not QueueView.DECIDED
    }
    assert counts == lists
    assert len(set(counts.values())) > 2, "the story tells views apart"


def test_own_views_are_ones_own_and_shared_ones_the_desks(desk: Desk, sign_in: SignIn) -> None:
    own = save(desk, "ana", "À moi")
    shared = save(desk, "claire", "À tous", share_with=1)
    assert names(desk, "ana") == ["À moi", "À tous"], "own ones first"
    assert names(desk, "bruno") == ["À tous"]
    assert names(desk, "yann") == []
    assert "À tous" in sign_in("bruno").get(f"{VIEWS}counted/").content.decode()
    rename = {"act": "rename", "name": "Autre"}
    for who, path in (
        ("bruno", f"{VIEWS}{own}/"),
        ("claire", f"{VIEWS}{own}/"),
        ("claire", f"{VIEWS}shared/{own}/"),
        ("claire", f"{VIEWS}{shared}/"),
    ):
        assert sign_in(who).post(path, rename).status_code == 404, (who, path)
    assert sign_in("ana").post(f"{VIEWS}shared/{shared}/", rename).status_code == 403
    assert sign_in("gabrielle").get(VIEWS).status_code == 403
    assert names(desk, "ana") == ["À moi", "À tous"]
    assert sign_in("claire").post(f"{VIEWS}shared/{shared}/", rename).status_code == 302
    assert names(desk, "bruno") == ["Autre"]


def test_only_a_supervisor_shares_and_only_at_their_desk(desk: Desk, sign_in: SignIn) -> None:
    facts = {"name": "x", "view": "OPEN", "kind": "OTHER"}
    assert sign_in("ana").post(f"{VIEWS}shared/", facts | {"desk": "1"}).status_code == 403
    assert sign_in("claire").post(f"{VIEWS}shared/", facts | {"desk": "2"}).status_code == 404
    assert sign_in("claire").post(f"{VIEWS}shared/", facts | {"desk": "1"}).status_code == 302
    with pytest.raises(Refused):
        save(desk, "ana", "x", share_with=1)
    with pytest.raises(orient.ViewUnknown):
        orient.delete_view(
            actor=desk.actor("ana"),
            view_id=list_saved_views(actor=desk.actor("claire"))[0].id,
        )


@pytest.mark.parametrize("name", ["", "  ", "x" * 61, "a\0b", "\ud800", "à MOI"])
def test_a_name_that_cannot_be_kept_is_refused(desk: Desk, name: str) -> None:
    save(desk, "ana", "À moi")
    other = save(desk, "ana", "Deux")
    with pytest.raises(Refusal):
        save(desk, "ana", name)
    with pytest.raises(Refusal):
        orient.rename_view(actor=desk.actor("ana"), view_id=other, name=name)
    assert names(desk, "ana") == ["À moi", "Deux"]


def test_a_refused_name_comes_back_with_its_view(desk: Desk, sign_in: SignIn) -> None:
    typed = {"name": "long " * 20, "view": "LATE", "kind": "GROOMING"}
    answer = sign_in("ana").post(VIEWS, typed)
    assert answer.status_code == 422
    body = answer.content.decode()
    assert "long long" in body
    assert 'name="view" value="LATE"' in body


def test_there_are_twenty_at_most(desk: Desk) -> None:
    for number in range(orient.MAX_VIEWS):
        save(desk, "ana", f"view {number}")
    with pytest.raises(Refusal, match="TOO_MANY"):
        save(desk, "ana", "one more")
    save(desk, "bruno", "view 1")
    save(desk, "claire", "view 1", share_with=1)


@pytest.mark.django_db(transaction=True)
def test_two_at_once_cannot_pass_the_bound(desk: Desk) -> None:
    for number in range(orient.MAX_VIEWS - 1):
        save(desk, "ana", f"view {number}")

    def one(number: int) -> bool:
        try:
            with row_scope.shown_to(desk.actor("ana")):
                save(desk, "ana", f"late {number}")
        except Refusal:
            return False
        finally:
            connection.close()
        return True

    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(one, range(4))) == 1
