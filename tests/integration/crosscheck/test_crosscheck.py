"""Links, dossiers and judgements on a real PostgreSQL, fed by harmonise."""

import threading
import uuid
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID

import msgspec
import pytest
from django.db import connection

from fanal.accounts.domain.policy import Refused
from fanal.crosscheck.domain.records import JudgementAct
from fanal.crosscheck.dossiers.queries import dossier_of, dossier_view, list_dossiers
from fanal.crosscheck.links.queries import kin_facts, links_of, list_links
from fanal.crosscheck.operations.batch import crosscheck_batch
from fanal.crosscheck.operations.erasure import erase
from fanal.crosscheck.operations.judge import judge
from fanal.crosscheck.operations.rebuild import rebuild
from fanal.harmonise.domain.records import HarmonisedReport, Source
from fanal.harmonise.operations.batch import harmonise_batch
from fanal.kernel.actors import Actor, Role, system_actor
from fanal.kernel.ids import new_id
from fanal.kernel.refusal import Refusal
from tests.actors import desk_actor
from tests.refusals import NO_RIGHT, database_refuses

pytestmark = [pytest.mark.django_db, pytest.mark.role("worker")]
NOW = datetime(2026, 11, 24, 10, 0, tzinfo=UTC)
LATER = NOW + timedelta(hours=1)
SYSTEM = system_actor("test")


@pytest.fixture(autouse=True)
def keys(installed_keys: None) -> None:
    """The ledger signs."""


def analyst(*desks: int, role: Role = Role.ANALYST) -> Actor:
    return desk_actor(person_id=uuid.uuid4(), roles={role}, desks=desks, motive="test")


def person(
    handle: str | None = None, *, role: str = "SUSPECT", ip: str | None = None
) -> dict[str, object]:
    return {
        "role": role,
        "handles": [{"platform": "Roblox", "value": f"handle_{handle}"}] if handle else [],
        "ips": [{"value": ip}] if ip else [],
    }


def harmonised(
    *bodies: dict[str, object], desk: int = 1, at: datetime = NOW
) -> list[HarmonisedReport]:
    sources = [
        Source(
            report_id=new_id(at + timedelta(seconds=number)),
            desk_id=desk,
            format="report/1",
            body=msgspec.json.encode({"reference": str(number), "kind": "GROOMING", **body}),
        )
        for number, body in enumerate(bodies)
    ]
    reports, failures = harmonise_batch(actor=SYSTEM, sources=sources, now=NOW)
    assert failures == []
    return reports


def crosscheck(reports: Sequence[HarmonisedReport]) -> None:
    crosscheck_batch(actor=SYSTEM, reports=reports, now=NOW)


def ids(reports: Sequence[HarmonisedReport]) -> list[UUID]:
    return [report.report_id for report in reports]


def test_a_shared_address_makes_no_link_and_strengthens_only_near_in_time() -> None:
    crowd = harmonised(
        *({"persons": [person(f"user{n}", ip="192.0.2.53")]} for n in range(3000)),
        at=NOW - timedelta(days=3),
    )
    crosscheck(crowd)
    assert list_links(actor=SYSTEM, after=None, limit=10) == []
    pair = harmonised(*[{"persons": [person("rare_one", ip="192.0.2.53")]}] * 2)
    facts = crosscheck_batch(actor=SYSTEM, reports=pair, now=NOW)
    (found,) = list_links(actor=SYSTEM, after=None, limit=10)
    assert (found.report_id, found.other_id) == (pair[1].report_id, pair[0].report_id)
    (reason,) = found.reasons
    assert (reason.kind, reason.value, reason.seen) == ("HANDLE", "handle_rare_one@roblox", 2)
    assert [(f.links, f.previously_reported_suspect) for f in facts] == [(0, 0), (1, 1)]
    assert facts[0].dossier_id == facts[1].dossier_id is not None


def test_two_reports_of_one_batch_find_each_other_whatever_its_order() -> None:
    pair = harmonised(*[{"persons": [person("same")]}] * 2)
    facts = crosscheck_batch(actor=SYSTEM, reports=pair[::-1], now=NOW)
    assert [f.links for f in facts] == [1, 0]
    assert kin_facts(actor=SYSTEM, report_ids=ids(pair)) == {f.report_id: f for f in facts}


def test_an_earlier_report_treated_late_finds_the_later_one() -> None:
    early, late = harmonised(*[{"persons": [person("same")]}] * 2)
    crosscheck([late])
    crosscheck([early])
    (link,) = links_of(actor=SYSTEM, report_id=early.report_id)
    assert (link.other_id, link.earlier) == (late.report_id, False)
    (link,) = links_of(actor=SYSTEM, report_id=late.report_id)
    assert (link.other_id, link.earlier) == (early.report_id, True)


def test_running_again_changes_nothing() -> None:
    pair = harmonised(*[{"persons": [person("same")]}] * 2)
    for _ in range(2):
        crosscheck(pair)
    assert len(list_links(actor=SYSTEM, after=None, limit=10)) == 1
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM crosscheck_card")
        assert cursor.fetchone() == (2,)


def test_a_replay_under_new_rules_keeps_both_and_shows_the_new(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from fanal.crosscheck.domain.weights import load_weights
    from fanal.crosscheck.operations import batch

    pair = harmonised(*[{"persons": [person("same")]}] * 2)
    crosscheck(pair)
    old = load_weights()
    marks = {mark: msgspec.structs.replace(one, base=0.1) for mark, one in old.mark.items()}
    new = msgspec.structs.replace(old, version="links/2027-01-01", mark=marks)
    monkeypatch.setattr(batch, "load_weights", lambda: new)
    crosscheck(pair)
    assert links_of(actor=SYSTEM, report_id=pair[0].report_id) == []
    with connection.cursor() as cursor:
        cursor.execute("SELECT rule_version FROM crosscheck_link")
        assert cursor.fetchall() == [(old.version,)]
        cursor.execute("SELECT count(*) FROM crosscheck_kin")
        assert cursor.fetchone() == (4,)


def test_a_report_without_selectors_has_no_kin_and_an_unknown_one_is_refused() -> None:
    (plain,) = harmonised({})
    crosscheck([plain])
    with pytest.raises(LookupError):
        crosscheck([msgspec.structs.replace(plain, report_id=new_id(NOW))])
    assert kin_facts(actor=SYSTEM, report_ids=[plain.report_id])[plain.report_id].links == 0


class TestDossiers:
    def chain(self) -> list[HarmonisedReport]:
        reports = harmonised(
            {"persons": [person("a")]},
            {"persons": [person("a"), person("b")]},
            {"persons": [person("b"), person("c")]},
            {"persons": [person("c")]},
        )
        crosscheck(reports)
        return reports

    def dossiers(self, reports: Sequence[HarmonisedReport]) -> list[UUID | None]:
        return [dossier_of(actor=SYSTEM, report_id=i) for i in ids(reports)]

    def test_are_proposed_judged_and_judged_again(self) -> None:
        reports = self.chain()
        one = self.dossiers(reports)
        assert len(set(one)) == 1
        assert one[0] is not None
        actor = analyst(1)
        split = judge(
            actor=actor,
            act=JudgementAct.SPLIT,
            left=ids(reports[:2]),
            right=ids(reports[2:]),
            reason="two people",
            now=NOW,
        )
        parted = self.dossiers(reports)
        assert parted[0] == parted[1] == one[0] != parted[2] == parted[3]
        judge(actor=actor, act=JudgementAct.UNDO, undoes=split, reason="an error", now=NOW)
        assert self.dossiers(reports) == one
        view = dossier_view(actor=actor, dossier_id=one[0])
        assert view is not None
        assert [(line.act, line.reason, line.undone) for line in view.judgements] == [
            (JudgementAct.UNDO, "an error", False),
            (JudgementAct.SPLIT, "two people", True),
        ]
        assert len(view.nodes) == 4
        assert len(view.edges) == 3
        assert view.edges[0].reasons[0].kind == "HANDLE"
        # The id of the part that dissolved leads to the whole.
        assert parted[2] is not None
        same = dossier_view(actor=actor, dossier_id=parted[2])
        assert same is not None
        assert same.id == one[0]

    def test_unlink_reject_and_merge(self) -> None:
        reports = self.chain()
        actor = analyst(1)
        first = ids(reports)
        judge(
            actor=actor,
            act=JudgementAct.UNLINK,
            left=[first[1]],
            right=[first[2]],
            reason="namesake",
            now=NOW,
        )
        parted = self.dossiers(reports)
        assert parted[0] == parted[1] != parted[2] == parted[3]
        judge(
            actor=actor,
            act=JudgementAct.MERGE,
            left=first[:2],
            right=first[2:],
            reason="same home",
            now=NOW,
        )
        assert len(set(self.dossiers(reports))) == 1
        judge(actor=actor, act=JudgementAct.REJECT, left=first, reason="a viral name", now=NOW)
        assert self.dossiers(reports) == [None] * 4
        assert list_dossiers(actor=actor) == []

    def test_judging_needs_sense_a_reason_and_one_s_own_desk(self) -> None:
        reports = self.chain()
        a, b = ids(reports[:2])
        for arguments, code in (
            ({"act": JudgementAct.LINK, "left": [a], "reason": "x"}, "SIDES"),
            ({"act": JudgementAct.LINK, "left": [a], "right": [a], "reason": "x"}, "OVERLAP"),
            ({"act": JudgementAct.LINK, "left": [a], "right": [b], "reason": " "}, "REASON"),
            (
                {"act": JudgementAct.LINK, "left": [a], "right": [uuid.uuid4()], "reason": "x"},
                "UNKNOWN_REPORT",
            ),
            ({"act": JudgementAct.UNDO, "undoes": uuid.uuid4(), "reason": "x"}, "NOT_FOUND"),
        ):
            with pytest.raises(Refusal, match=code):
                judge(actor=analyst(1), now=NOW, **arguments)
        with pytest.raises(Refusal, match="UNKNOWN_REPORT"):
            judge(actor=analyst(2), act=JudgementAct.LINK, left=[a], right=[b], reason="x", now=NOW)
        for actor in (
            SYSTEM,
            analyst(1, role=Role.OVERSEER),
            analyst(1, role=Role.PARTNER),
        ):
            with pytest.raises(Refused):
                judge(actor=actor, act=JudgementAct.LINK, left=[a], right=[b], reason="x", now=NOW)

    @pytest.mark.parametrize(
        "role",
        [Role.ANALYST, Role.SUPERVISOR, Role.JUDICIAL_OFFICER, Role.MEASURES_OFFICER],
    )
    def test_each_role_of_the_desk_judges_as_the_policy_says(self, role: Role) -> None:
        a, b, *_ = ids(self.chain())
        actor = analyst(1, role=role)
        assert judge(actor=actor, act=JudgementAct.UNLINK, left=[a], right=[b], reason="x", now=NOW)

    def test_a_role_at_another_desk_judges_nothing_here(self) -> None:
        a, b, *_ = ids(self.chain())
        both = Actor(
            person_id=uuid.uuid4(),
            roles=frozenset({Role.ANALYST, Role.LABORATORY}),
            role_desks=frozenset({(Role.LABORATORY, 1), (Role.ANALYST, 2)}),
        )
        with pytest.raises(Refusal, match="UNKNOWN_REPORT"):
            judge(actor=both, act=JudgementAct.UNLINK, left=[a], right=[b], reason="x", now=NOW)
        assert links_of(actor=both, report_id=a) == []

    def test_a_judgement_cannot_be_changed_and_its_words_can_expire(self) -> None:
        reports = self.chain()
        a, b = ids(reports[:2])
        made = judge(
            actor=analyst(1), act=JudgementAct.UNLINK, left=[a], right=[b], reason="words", now=NOW
        )
        for statement in (
            "UPDATE crosscheck_judgement SET act = 'LINK'",
            "DELETE FROM crosscheck_judgement",
            "TRUNCATE crosscheck_judgement CASCADE",
        ):
            with database_refuses(NO_RIGHT), connection.cursor() as cursor:
                cursor.execute(statement)
        assert erase(actor=SYSTEM, report_ids=[a]) > 2
        assert links_of(actor=SYSTEM, report_id=a) == []
        with connection.cursor() as cursor:
            cursor.execute("SELECT id, length(reason_digest) > 0 FROM crosscheck_judgement")
            assert cursor.fetchall() == [(made, True)]
            cursor.execute("SELECT count(*) FROM crosscheck_reason")
            assert cursor.fetchone() == (0,)

    def test_another_desk_sees_that_a_link_exists_and_whom_to_ask(self) -> None:
        (ours,) = harmonised({"persons": [person("same")]})
        (theirs,) = harmonised({"persons": [person("same")]}, desk=2, at=NOW + timedelta(hours=1))
        crosscheck([ours, theirs])
        (link,) = links_of(actor=analyst(1), report_id=ours.report_id)
        assert (link.desk_id, link.other_id, link.score, link.reasons) == (2, None, None, ())
        assert links_of(actor=analyst(1), report_id=theirs.report_id) == []
        dossier = dossier_of(actor=analyst(1), report_id=ours.report_id)
        assert dossier is not None
        view = dossier_view(actor=analyst(1), dossier_id=dossier)
        assert view is not None
        assert [(n.desk_id, n.report_id) for n in view.nodes] == [(1, ours.report_id), (2, None)]
        assert view.edges == ()
        assert dossier_view(actor=analyst(3), dossier_id=dossier) is None
        assert kin_facts(actor=analyst(1), report_ids=[theirs.report_id]) == {}


class TestGrowing:
    def two_pairs(self) -> list[HarmonisedReport]:
        pairs = harmonised(*({"persons": [person(name)]} for name in ("a", "a", "b", "b")))
        crosscheck(pairs)
        return pairs

    def dossiers(self, reports: Sequence[HarmonisedReport]) -> list[UUID | None]:
        return [dossier_of(actor=SYSTEM, report_id=i) for i in ids(reports)]

    def test_report_by_report_is_what_is_derived_from_all_links(self) -> None:
        reports = harmonised(
            *({"persons": [person(f"h{n % 3}"), person(f"h{n % 4}")]} for n in range(4)),
            *({"persons": [person(f"k{n % 2}")]} for n in range(4)),
            {},
        )
        for number in (7, 1, 5, 0, 8, 6, 2, 3, 4):
            crosscheck(reports[number : number + 1])
        grown = self.dossiers(reports)
        assert grown[-1] is None
        assert len(set(grown)) == 4
        rebuild(actor=SYSTEM, now=NOW)
        assert self.dossiers(reports) == grown

    def test_an_earlier_report_and_a_bridge_leave_older_ids_leading_on(self) -> None:
        one, two, three, four = self.two_pairs()
        before = self.dossiers([one, three])
        (bridge,) = harmonised({"persons": [person("a"), person("b")]}, at=LATER)
        crosscheck([bridge])
        (first,) = harmonised({"persons": [person("a")]}, at=NOW - timedelta(days=1))
        crosscheck([first])
        (now,) = set(self.dossiers([first, one, two, three, four, bridge]))
        assert now not in before
        for old in before:
            assert old is not None
            view = dossier_view(actor=analyst(1), dossier_id=old)
            assert view is not None
            assert (view.id, len(view.nodes)) == (now, 6)

    def test_a_new_report_never_joins_what_a_person_set_apart(self) -> None:
        one, two, three, four = self.two_pairs()
        judge(
            actor=analyst(1),
            act=JudgementAct.SPLIT,
            left=ids([one, two]),
            right=ids([three, four]),
            reason="two persons",
            now=NOW,
        )
        (bridge,) = harmonised({"persons": [person(n) for n in ("a", "b", "c")]}, at=LATER)
        crosscheck([bridge])
        (other,) = harmonised({"persons": [person("c")]}, at=LATER + timedelta(hours=1))
        crosscheck([other])
        left, right, joined, last = self.dossiers([one, three, bridge, other])
        assert None not in {left, right}
        assert left != right
        assert joined in {left, right}
        assert last == joined


def test_a_judgement_sent_twice_is_recorded_once_and_undone_by_one_act() -> None:
    one, other, third = harmonised(
        {"persons": [person("aa")]}, {"persons": [person("bb")]}, {"persons": [person("cc")]}
    )
    crosscheck([one, other, third])
    left, right = [one.report_id], [other.report_id]
    ana, bruno = analyst(1), analyst(1)
    said = {"act": JudgementAct.MERGE, "left": left, "right": right, "reason": "x"}
    made = judge(actor=ana, now=NOW, **said)
    assert judge(actor=ana, now=NOW + timedelta(seconds=1), **said) == made
    assert judge(actor=ana, now=NOW, **said | {"reason": "y"}) != made, "another reason"
    assert judge(actor=bruno, now=NOW, **said) != made, "another person agrees"
    assert judge(actor=ana, now=NOW + timedelta(minutes=2), **said) != made, "said once more, later"
    kept = judge(actor=ana, act=JudgementAct.SPLIT, left=left, right=right, reason="x", now=LATER)
    undone = judge(actor=ana, act=JudgementAct.UNDO, undoes=kept, reason="x", now=LATER)
    again = judge(actor=ana, act=JudgementAct.SPLIT, left=left, right=right, reason="x", now=LATER)
    assert len({made, kept, undone, again}) == 4, "what was undone is said anew"
    wider = judge(actor=ana, now=LATER, **said | {"right": [*right, third.report_id]})
    assert judge(actor=ana, now=LATER, **said) != wider
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM crosscheck_judgement")
        assert cursor.fetchone() == (9,)


@pytest.mark.django_db(transaction=True)
def test_two_workers_at_once_miss_no_pair_and_share_dossiers() -> None:
    reports = harmonised(*({"persons": [person(f"h{n // 4}"), person("crowd")]} for n in range(80)))
    errors: list[BaseException] = []
    start = threading.Barrier(2)

    def work(part: list[HarmonisedReport]) -> None:
        try:
            start.wait()
            for number in range(0, len(part), 5):
                crosscheck(part[number : number + 5])
        except BaseException as error:  # noqa: BLE001 - told by the test itself
            errors.append(error)
        finally:
            connection.close()

    workers = [threading.Thread(target=work, args=(reports[n::2],)) for n in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert errors == []
    links = list_links(actor=SYSTEM, after=None, limit=5000)
    pairs = {(link.report_id, link.other_id) for link in links}
    first = ids(reports)
    assert {(first[n + 1], first[n]) for n in range(0, 80, 4)} <= pairs
    dossiers = [dossier_of(actor=SYSTEM, report_id=i) for i in first]
    assert all(len(set(dossiers[n : n + 4])) == 1 for n in range(0, 80, 4))
    assert len(set(dossiers)) == 20
    assert None not in dossiers
