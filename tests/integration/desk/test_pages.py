"""Each page of the desk: who sees it, what it shows, and that the journal holds the read."""

import re
from collections.abc import Callable
from datetime import timedelta
from uuid import UUID

import pytest
from django.db import connection
from django.test import Client
from lxml import etree

from fanal.crosscheck.domain.records import JudgementAct
from fanal.crosscheck.dossiers import queries as dossiers
from fanal.crosscheck.dossiers.queries import dossier_of, dossier_view, members_of
from fanal.crosscheck.operations.judge import judge
from fanal.intake.domain.number import desk_number
from fanal.intake.domain.records import Stage
from fanal.intake.queries.envelopes import report_number
from fanal.kernel import clock
from fanal.kernel.actors import system_actor
from fanal.kernel.ids import new_id
from fanal.orient.alarms.operations.alarms import raise_alarm
from fanal.orient.alarms.queries import waiting_alarms
from fanal.orient.queue.queries import count_views
from fanal.web.forms import digest_of
from fanal.worker.expiry import erase_reports
from tests.integration.desk.story import MATERIAL, WORKER, Desk, add_reports, run_stages
from tests.integration.desk.work import decided, judged

pytestmark = pytest.mark.django_db
SignIn = Callable[[str], Client]
STAFF = ("ana", "claire", "driss", "elise")


def rows(action: str, object_id: UUID) -> int:
    """How many ledger entries of an action name an object."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM ledger_entry e JOIN ledger_object o ON o.entry_id = e.id"
            " WHERE e.action = %s AND o.object_id = %s",
            [action, object_id],
        )
        return cursor.fetchone()[0]


@pytest.mark.parametrize("name", STAFF)
def test_the_queue_shows_what_is_urgent_first(desk: Desk, sign_in: SignIn, name: str) -> None:
    body = sign_in(name).get("/fr/desk/").content.decode()
    places = [body.index(f"REF-{n}") for n in ("danger", "material", "game", "empty")]
    assert places == sorted(places)
    assert "Enfant en danger maintenant" in body
    assert rows("report.list", desk.reports["danger"]) == 1


@pytest.mark.parametrize(("name", "status"), [("hugo", 403), ("gabrielle", 403), ("yann", 200)])
def test_others_see_no_report_of_the_desk(
    desk: Desk, sign_in: SignIn, name: str, status: int
) -> None:
    answer = sign_in(name).get("/fr/desk/")
    assert answer.status_code == status
    assert b"REF-" not in answer.content
    report = f"/fr/desk/reports/{desk.reports['danger']}/"
    assert sign_in(name).get(report).status_code == (404 if status == 200 else 403)


def test_filters_and_pages_keep_their_view(desk: Desk, sign_in: SignIn) -> None:
    web = sign_in("ana")
    body = web.get("/en/desk/?view=OPEN&kind=ABUSE_MATERIAL&country=zz").content.decode()
    assert "No report matches" in body
    body = web.get("/en/desk/?kind=ABUSE_MATERIAL").content.decode()
    assert "REF-material" in body
    assert "REF-game" not in body
    for bad in ("?view=NOWHERE", "?after=x~y", "?after=999~00000000-0000-0000-0000-000000000000"):
        assert web.get(f"/en/desk/{bad}").status_code == 404


def test_arrivals_announce_themselves(desk: Desk, sign_in: SignIn) -> None:
    web = sign_in("ana")
    since = desk.now.isoformat().replace("+", "%2B")
    path = f"/en/desk/arrivals/?view=OPEN&since={since}"
    assert web.get(path).status_code == 204
    desk.now += timedelta(seconds=1)
    add_reports(desk, [("fresh", 0, MATERIAL | {"urls": ["https://new.example/a"]})])
    body = web.get(path).content.decode()
    assert "1 new report" in body
    assert web.get(f"{path}&known=1").status_code == 204
    for odd in ("yesterday", "0001-01-01T00:00:00%2B14:00", "9999-12-31T23:59:59-14:00"):
        assert web.get(f"/en/desk/arrivals/?since={odd}").status_code == 400
    for old in ("0002-01-01T00:00:00Z", "1969-12-31T23:59:59Z"):
        assert web.get(f"/en/desk/arrivals/?since={old}").status_code in {200, 204}


@pytest.mark.parametrize(
    ("language", "more", "new"),
    [
        ("en", "more than 1<", "More than 1 new reports: show them"),
        ("fr", "plus de 1<", "Plus de 1 nouveaux signalements\u00a0: les afficher"),
    ],
)
def test_counts_stop_and_say_so(
    desk: Desk, sign_in: SignIn, monkeypatch: pytest.MonkeyPatch, language: str, more: str, new: str
) -> None:
    for page in ("views", "saved_views"):
        monkeypatch.setattr(f"fanal.web.desk.queue.{page}.COUNT_CAP", 1)
    web = sign_in("ana")
    web.post("/fr/desk/views/", {"name": "x", "view": "OPEN", "channel": "GAME"})
    counted = count_views(actor=desk.actor("ana"), now=desk.now, cap=100)
    shown = sum(n > 1 for n in [*counted.views.values(), *counted.kinds.values()])
    assert shown > 2
    body = web.get(f"/{language}/desk/").content.decode()
    assert body.count(more) == shown
    assert body.count('<span class="fd-count">1</span>') == sum(
        n == 1 for n in [*counted.views.values(), *counted.kinds.values()]
    )
    since = desk.now.isoformat().replace("+", "%2B")
    desk.now += timedelta(seconds=1)
    add_reports(
        desk,
        [(f"new{n}", 0, MATERIAL | {"urls": [f"https://new{n}.example/a"]}) for n in range(2)],
    )
    assert new in web.get(f"/{language}/desk/arrivals/?view=OPEN&since={since}").content.decode()


def test_a_report_in_the_order_of_thought(desk: Desk, sign_in: SignIn) -> None:
    report_id = desk.reports["danger"]
    body = sign_in("ana").get(f"/fr/desk/reports/{report_id}/").content.decode()
    parts = (
        "Récit",
        "Personnes et identifiants",
        "Signaux détectés",
        "Signalements liés",
        "Décision",
    )
    assert [body.index(f">{p}<") for p in parts] == sorted(body.index(f">{p}<") for p in parts)
    for text in ("renard_77", "Rencontre prévue", "REF-again", "CP 227-22", "dans 3 signalements"):
        assert text in body
    assert rows("report.read", report_id) == 1
    assert rows("report.read", desk.reports["again"]) == 1


def test_addresses_are_defanged_and_never_links(desk: Desk, sign_in: SignIn) -> None:
    body = sign_in("ana").get(f"/fr/desk/reports/{desk.reports['material']}/").content.decode()
    assert "hxxps[:]//pictures[.]example/album/12" in body
    assert "https://pictures.example" not in body
    assert "<img" not in body
    assert "<video" not in body


def test_hostile_text_stays_text(desk: Desk, sign_in: SignIn) -> None:
    hostile = '"><script>alert(1)</script>\u202e</textarea>'
    body = MATERIAL | {"description": hostile, "persons": [{"role": "SUSPECT", "name": hostile}]}
    add_reports(desk, [("hostile", 0, body)])
    web = sign_in("ana")
    for path in (f"reports/{desk.reports['hostile']}/", f"preview/{desk.reports['hostile']}/"):
        page = web.get(f"/fr/desk/{path}").content.decode()
        assert "alert(1)" in page
        assert "<script>alert" not in page


def test_preview_is_a_read(desk: Desk, sign_in: SignIn) -> None:
    report_id = desk.reports["game"]
    body = sign_in("ana").get(f"/fr/desk/preview/{report_id}/").content.decode()
    assert "Monde Bloc" in body
    assert rows("report.read", report_id) == 1
    assert sign_in("yann").get(f"/fr/desk/preview/{report_id}/").status_code == 404


def test_an_alarm_rings_until_somebody_takes_it(desk: Desk, sign_in: SignIn) -> None:
    web = sign_in("ana")
    page = web.get("/fr/desk/search/").content
    assert b"data-alarm>" in page, "it stands in the page from the first"
    assert b'hx-trigger="every 3s"' in page
    assert b"data-alarm>" in web.get("/fr/desk/alarms/").content
    (waiting,) = waiting_alarms(actor=desk.actor("ana")).alarms
    alarm = waiting.alarm
    known = alarm.id.hex[-8:]
    assert web.get(f"/fr/desk/alarms/?known={known}").status_code == 204
    assert sign_in("yann").post(f"/fr/desk/alarms/{alarm.id}/").status_code == 404
    answer = web.post(f"/fr/desk/alarms/{alarm.id}/")
    assert answer["Location"] == f"/fr/desk/reports/{alarm.report_id}/"
    assert b"data-alarm>" not in web.get(f"/fr/desk/alarms/?known={known}").content
    told = sign_in("bruno").post(f"/fr/desk/alarms/{alarm.id}/", follow=True)
    assert "Une autre personne a déjà pris cette alerte en charge" in told.content.decode()


def test_a_page_shows_the_latest_alarms_and_says_that_there_are_earlier_ones(
    desk: Desk, sign_in: SignIn
) -> None:
    web, worker = sign_in("ana"), system_actor("test")
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM orient_alarm WHERE acknowledged_at IS NULL")
        (already,) = cursor.fetchone()
    for number in range(20 - already):
        raise_alarm(
            actor=worker,
            report_id=new_id(desk.now),
            desk_id=1,
            now=desk.now + timedelta(seconds=number),
        )
    body = web.get("/fr/desk/alarms/").content.decode()
    assert body.count("data-alarm>") == 20
    assert "tout voir" not in body
    known = re.search(r"known=([\w-]+)", body).group(1)
    assert web.get(f"/fr/desk/alarms/?known={known}").status_code == 204
    raise_alarm(
        actor=worker,
        report_id=(latest := new_id(desk.now)),
        desk_id=1,
        now=desk.now + timedelta(minutes=1),
    )
    body = web.get(f"/fr/desk/alarms/?known={known}").content.decode()
    assert body.count("data-alarm>") == 20
    assert "1 autre alerte en attente" in body
    assert str(latest) in body, "the one that just rose is among those shown"


@pytest.mark.role("worker")  # which alone erases
def test_of_an_erased_report_what_was_decided_stays(desk: Desk, sign_in: SignIn) -> None:
    report_id = decided(desk)
    erase_reports(actor=WORKER, report_ids=[report_id], now=desk.now)
    page = f"/fr/desk/reports/{report_id}/"
    body = sign_in("ana").get(page).content.decode()
    assert report_number(report_id=report_id) in body
    assert "CP 227-23" in body
    assert "Le motif écrit a expiré" in body
    assert "pictures[.]example" in body, "its measure is asked of a host"
    assert "read twice" not in body
    assert "renard" not in body
    assert rows("report.read", report_id) == 1
    assert sign_in("yann").get(page).status_code == 404


def test_search_shows_counts_and_journals(desk: Desk, sign_in: SignIn) -> None:
    web = sign_in("ana")
    body = web.get("/fr/desk/search/?q=renard").content.decode()
    assert "renard_77@arcadia" in body
    assert "dans 3 signalements" in body
    assert rows("search.run", desk.reports["again"]) == 1
    found = web.get("/fr/desk/search/", {"q": "hxxps[:]//pictures[.]example/album/12"})
    assert "pictures[.]example" in found.content.decode()
    assert "REF-material" in web.get("/fr/desk/search/?q=REF-material").content.decode()
    assert (
        "Aucun résultat dans votre service"
        in web.get("/fr/desk/search/?q=nothing-at-all").content.decode()
    )
    history = web.get("/fr/desk/search/", {"kind": "HANDLE", "value": "renard_77@arcadia"})
    assert "REF-danger" in history.content.decode()
    assert web.get("/fr/desk/search/?kind=NOTHING&value=x").status_code == 404


def test_across_desks_existence_only(desk: Desk, sign_in: SignIn) -> None:
    add_reports(desk, [("west", 5, MATERIAL | {"description": "secret-of-the-west"})], desk_id=2)
    add_reports(desk, [("here", 1, MATERIAL)])
    web = sign_in("ana")
    page = web.get(f"/fr/desk/reports/{desk.reports['here']}/").content.decode()
    assert "Antenne Ouest" in page
    search = web.get("/fr/desk/search/", {"q": "https://pictures.example/album/13"})
    assert "Antenne Ouest" in search.content.decode()
    here = dossier_of(actor=desk.actor("ana"), report_id=desk.reports["here"])
    graph = web.get(f"/fr/desk/dossiers/{here}/graphml/", follow=True).content.decode()
    assert ">Antenne Ouest<" in graph
    for body in (page, search.content.decode(), graph):
        assert "secret-of-the-west" not in body
        assert "REF-west" not in body
        assert str(desk.reports["west"]) not in body


def test_dossier_and_its_judgements(desk: Desk, sign_in: SignIn) -> None:
    web = sign_in("ana")
    dossier_id = dossier_of(actor=desk.actor("ana"), report_id=desk.reports["danger"])
    assert "Dossiers" in web.get("/fr/desk/dossiers/").content.decode()
    path = f"/fr/desk/dossiers/{dossier_id}/"
    body = web.get(path).content.decode()
    assert "REF-game" in body
    assert rows("dossier.read", dossier_id) == 1
    refused = judged(web, path, act="SPLIT", report=[], reason="x")
    assert refused.status_code == 409
    assert judged(web, path, act="MERGE", reason="x").status_code == 409
    split = {"act": "SPLIT", "report": [str(desk.reports["game"])], "reason": "another person"}
    judged(web, path, **split)
    assert dossier_of(actor=desk.actor("ana"), report_id=desk.reports["game"]) is None
    page = web.get(path).content.decode()
    assert "another person" in page
    view = dossier_view(actor=desk.actor("ana"), dossier_id=dossier_id)
    undo = {"act": "UNDO", "undoes": str(view.judgements[0].id), "reason": "the same after all"}
    judged(web, path, **undo)
    again = dossier_of(actor=desk.actor("ana"), report_id=desk.reports["game"])
    assert again == dossier_id
    assert sign_in("yann").get(path).status_code == 404
    assert judged(sign_in("yann"), path, **split).status_code == 404


def test_a_dossier_is_opened_closed_and_taken_up_again(desk: Desk, sign_in: SignIn) -> None:
    web = sign_in("ana")
    dossier_id = dossier_of(actor=desk.actor("ana"), report_id=desk.reports["danger"])
    path = f"/en/desk/dossiers/{dossier_id}/"
    assert "Proposed" in web.get(path).content.decode()
    assert judged(web, path, act="CLOSE", reason="too early").status_code == 409
    judged(web, path, act="OPEN", reason="ours")
    assert "Close the dossier" in web.get(path).content.decode()
    assert judged(web, path, act="OPEN", reason="twice").status_code == 409
    judged(web, path, act="CLOSE", reason="nothing more to do")
    listed = web.get("/en/desk/dossiers/").content.decode()
    assert "Closed" in listed
    assert rows("dossier.open", desk.reports["danger"]) == 1
    add_reports(desk, [("west", 0, MATERIAL | {"urls": ["https://west.example/a"]})], desk_id=2)
    attach = {"act": "ATTACH", "reason": "the same phrase"}
    for typed, words in (
        ("", "Type the number"),
        ("REF-nowhere", "No report of your desk"),
        (desk_number(desk.reports["game"]), "in the dossier already"),
        (desk_number(desk.reports["west"]), "No report of your desk"),
    ):
        answer = judged(web, path, **attach, attach=typed)
        assert answer.status_code == 409
        assert words in answer.content.decode()
    judged(web, path, **attach, attach=desk_number(desk.reports["empty"]))
    body = web.get(path, follow=True).content.decode()  # an earlier report gives the dossier its id
    assert "REF-empty" in body
    assert "1 report has joined since the dossier was closed" in body
    now_in = dossier_of(actor=desk.actor("ana"), report_id=desk.reports["danger"])
    judged(web, f"/en/desk/dossiers/{now_in}/", act="OPEN", reason="something new")
    assert "has joined since" not in web.get(path, follow=True).content.decode()


@pytest.mark.parametrize("act", ["REJECT", "SPLIT", "CLOSE", "ACCEPT", "ATTACH", "UNLINK", "MERGE"])
def test_a_judgement_is_on_the_reports_that_its_page_showed(
    desk: Desk, sign_in: SignIn, act: str
) -> None:
    """A colleague attaches a report while the page is read: it would be judged unseen."""
    web, ana = sign_in("ana"), desk.actor("ana")
    dossier_id = dossier_of(actor=ana, report_id=desk.reports["danger"])
    path = f"/en/desk/dossiers/{dossier_id}/"
    judged(web, path, act="OPEN", reason="ours")
    page = web.get(path)
    said = {
        "members": page.context["members"],
        "act": act,
        "report": [str(desk.reports["game"])],
        "attach": desk_number(desk.reports["material"]),
        "reason": "Read to the end.",
    }
    assert f'name="members" value="{said["members"]}"' in page.content.decode()
    attach = desk_number(desk.reports["stream"])
    judged(sign_in("bruno"), path, act="ATTACH", attach=attach, reason="the same")
    before = members_of(actor=ana, dossier_id=dossier_id)
    assert desk.reports["stream"] in before
    answer = web.post(f"{path}judge/", said)
    assert answer.status_code == 409
    assert "joined or left this dossier" in answer.content.decode()
    assert "Read to the end." in answer.content.decode()
    assert members_of(actor=ana, dossier_id=dossier_id) == before


def test_a_merge_is_with_the_reports_that_its_page_counted(desk: Desk, sign_in: SignIn) -> None:
    web, ana = sign_in("ana"), desk.actor("ana")
    add_reports(desk, [(f"new-{n}", n, MATERIAL | {"urls": [f"https://n{n}.example/a"], "files": [], "persons": []}) for n in range(3)])  # fmt: skip
    merge = {"act": JudgementAct.MERGE, "reason": "the same", "now": desk.now}
    new = [desk.reports[f"new-{n}"] for n in range(3)]
    judge(actor=desk.actor("bruno"), left=new[:1], right=new[1:2], **merge)
    path = f"/en/desk/dossiers/{dossier_of(actor=ana, report_id=desk.reports['danger'])}/"
    other = dossier_of(actor=ana, report_id=new[0])
    value = f"{other} {digest_of(new[:2])}"
    assert f'<option value="{value}">' in web.get(path).content.decode()
    judge(actor=desk.actor("bruno"), left=new[:2], right=new[2:], **merge)
    assert judged(web, path, act="MERGE", other=value, reason="x").status_code == 409
    assert sorted(members_of(actor=ana, dossier_id=other)) == sorted(new)
    for bad in ("", "x", f"{other}", f"{other} x", f"{other} 3"):
        assert judged(web, path, act="MERGE", other=bad, reason="x").status_code == 409
    members = web.get(path).context["members"]
    said = {"act": "MERGE", "other": f"{other} {digest_of(new)}", "members": members}
    assert judged(web, path, **said, reason="x").status_code == 302
    before = dossiers.judgements()
    assert judged(web, path, **said, reason="x").status_code == 302, "pressed twice"
    assert judged(web, path, **said, reason="y").status_code == 409
    wrong = said | {"other": f"{other} {digest_of(new[:1])}"}
    assert judged(web, path, **wrong, reason="x").status_code == 409, "another dossier"
    assert judged(sign_in("bruno"), path, **said, reason="x").status_code == 409
    assert dossiers.judgements() == before


def test_the_graph_leaves_as_graphml(desk: Desk, sign_in: SignIn) -> None:
    dossier_id = dossier_of(actor=desk.actor("ana"), report_id=desk.reports["danger"])
    path = f"/fr/desk/dossiers/{dossier_id}/graphml/"
    answer = sign_in("ana").get(path)
    assert answer["Content-Disposition"].startswith("attachment")
    graph = etree.fromstring(answer.content)
    ns = {"g": "http://graphml.graphdrawing.org/xmlns"}
    nodes = {n.get("id") for n in graph.findall(".//g:node", ns)}
    assert str(desk.reports["game"]) in nodes
    edges = graph.findall(".//g:edge", ns)
    assert edges
    assert all(e.get("source") in nodes and e.get("target") in nodes for e in edges)
    assert rows("dossier.read", dossier_id) == 1
    assert sign_in("yann").get(path).status_code == 404


def test_a_dossier_shows_its_strongest_links_and_says_how_many_more(
    desk: Desk, sign_in: SignIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Reports of one telephone number have many times as many links."""
    actor = desk.actor("ana")
    dossier_id = dossier_of(actor=actor, report_id=desk.reports["danger"])
    assert dossier_id is not None
    whole = dossier_view(actor=actor, dossier_id=dossier_id)
    assert whole is not None
    assert whole.links == len(whole.edges) > 2
    monkeypatch.setattr(dossiers, "MOST_LINKS", 1)
    view = dossier_view(actor=actor, dossier_id=dossier_id)
    assert view is not None
    assert (view.edges, view.links) == (whole.edges[:1], whole.links)
    body = sign_in("ana").get(f"/fr/desk/dossiers/{dossier_id}/", follow=True).content.decode()
    assert f"{whole.links - 1} plus faibles ne le sont pas" in body


@pytest.mark.parametrize("failed", list(Stage))
def test_quarantine_and_replay(desk: Desk, sign_in: SignIn, failed: Stage) -> None:
    """From the first stage on: what a later one trips over may stand in what an earlier one stored."""
    report_id = desk.reports["empty"]
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO intake_work (report_id, stage, urgent, attempts, quarantined_at, error)"
            " VALUES (%s, %s, false, 3, now(), 'WORKER_DIED')",
            [report_id, failed],
        )
    assert sign_in("ana").get("/fr/desk/quarantine/").status_code == 403
    web = sign_in("claire")
    body = web.get("/fr/desk/quarantine/").content.decode()
    assert "REF-empty" in body
    assert "interrompu trois fois" in body
    web.post(f"/fr/desk/quarantine/{report_id}/replay/")
    assert "REF-empty" not in web.get("/fr/desk/quarantine/").content.decode()
    assert rows("report.replay", report_id) == 1
    with connection.cursor() as cursor:
        cursor.execute("SELECT stage FROM intake_work WHERE report_id = %s", [report_id])
        assert cursor.fetchone() == (Stage.HARMONISE,)
        run_stages(clock.now())
        cursor.execute("SELECT count(*) FROM intake_work WHERE report_id = %s", [report_id])
        assert cursor.fetchone() == (0,)
    again = web.post(f"/fr/desk/quarantine/{report_id}/replay/", follow=True).content.decode()
    assert "plus en quarantaine" in again


@pytest.mark.parametrize("lang", ["fr", "en"])
def test_rules_with_sources(sign_in: SignIn, lang: str) -> None:
    web = sign_in("hugo")
    tables = [
        "offence",
        "measure",
        "measure_clock",
        "clock",
        "body",
        "emergency_number",
        "routing",
        "qualification",
        "retention",
        "instrument",
        "protected_name",
        "search_service",
    ]
    for table in [*tables, "priority", "lexicon", "typology"]:
        body = web.get(f"/{lang}/desk/reference/?table={table}").content.decode()
        assert "<h1>" in body
        # Words in one language alone say which: a reader's voice changes with it.
        assert not re.findall(r'"text-secondary">Lu\b', body)
        assert not re.findall(r'(?<!lang="en")>FATF\b', body)
    body = web.get(f"/{lang}/desk/reference/?table=protected_name").content.decode()
    assert "drive.usercontent.google.com" in body
    assert ("pour bloquer ces noms" if lang == "fr" else "to block these names") in body
    body = web.get(f"/{lang}/desk/reference/").content.decode()
    assert ("NON VÉRIFIÉ" if lang == "fr" else "UNCHECKED") in body
    assert web.get(f"/{lang}/desk/reference/?table=nothing").status_code == 404
