"""The second labelled world: the same from a seed, valid, and true to its own labels."""

import json
import subprocess
import sys
from collections import Counter, defaultdict
from functools import cache
from ipaddress import ip_address, ip_network
from urllib.parse import urlsplit

import pytest

from benchmarks.second_world.facts import (
    APART,
    BONDS,
    Clue,
    Draft,
    Fact,
    bond_of,
    bonds_of,
    shared_values,
)
from benchmarks.second_world.labels import Labels, _Known
from benchmarks.second_world.lives import Chain
from benchmarks.second_world.measures import measured
from benchmarks.second_world.stock import Stock
from benchmarks.second_world.strangers import SHARES
from benchmarks.second_world.ties import SHARES as TIES
from benchmarks.second_world.world import World
from benchmarks.second_world.writer import Writer
from benchmarks.truth.dice import Dice
from benchmarks.truth.judge import groups
from benchmarks.truth.telling import Told
from fanal.formats.report.read import read_report

pytestmark = pytest.mark.long

SIZE = 10_000
DOCUMENTATION = [
    ip_network(n) for n in ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "2001:db8::/32")
]


@cache
def world():
    return World(SIZE, seed=3).bonded()


def by_label():
    labels = defaultdict(list)
    for report in world():
        labels[report.label].append(report)
    return labels


def keys(report, *, common=False):
    return {(clue.kind, clue.value) for clue in report.clues if common or not clue.common}


@pytest.mark.long
def test_the_same_seed_gives_the_same_reports_in_another_process():
    code = (
        "import hashlib;from benchmarks.second_world.world import World;"
        "print(hashlib.sha256(repr([(t.reference, t.label, t.body, t.at, t.bond, sorted(t.traps))"
        " for t in World(600, seed=5).bonded()]).encode()).hexdigest())"
    )
    printed = {
        subprocess.run(
            [sys.executable, "-c", code],
            capture_output=True,
            check=True,
            env={"PYTHONHASHSEED": hashing},
        ).stdout
        for hashing in ("1", "2")
    }
    assert len(printed) == 1
    assert World(300, seed=5).reports() == World(300, seed=5).reports()
    assert World(300, seed=5).reports() != World(300, seed=6).reports()


@pytest.mark.parametrize("size", [1, 2, 7, 60])
def test_a_small_world_has_the_asked_number_of_reports(size):
    assert len(World(size).reports()) == size


@pytest.mark.long
def test_reports_have_the_shape_of_the_first_world_and_the_reader_takes_them():
    for report in world():
        assert isinstance(report, Told)
        read = read_report(json.dumps(report.body, ensure_ascii=False).encode())
        assert read.reference == report.reference
    assert len({report.reference for report in world()}) == SIZE
    assert [report.at for report in world()] == sorted(report.at for report in world())


def test_every_clue_is_written_in_its_report():
    for report in world():
        text = json.dumps(report.body, ensure_ascii=False)
        for clue in report.clues:
            assert json.dumps(clue.written, ensure_ascii=False)[1:-1] in text, clue


def test_evidence_joins_the_reports_of_a_label():
    """Nearly all of them: what gives nothing says so, and is rare."""
    apart = sum(report.bond == "nothing" for report in world())
    assert 0 < apart < 0.03 * SIZE
    for reports in by_label().values():
        joined = [report for report in reports if report.bond != "nothing"]
        pairs = [
            (a, b)
            for b, later in enumerate(joined)
            for a in range(b)
            if keys(joined[a]) & keys(later)
        ]
        assert len(set(groups(len(joined), pairs))) <= 1, [(r.reference, r.bond) for r in joined]


def test_strangers_share_only_what_a_trap_says():
    holders = defaultdict(list)
    for report in world():
        for key in keys(report, common=True):
            holders[key].append(report)
    for key, reports in holders.items():
        if len({report.label for report in reports}) > 1:
            assert all(report.traps & TRAPS for report in reports), key


TRAPS = {
    *SHARES, "viral_file", "viral_page", "exchange", "shared_device", "common_room", "front_page", "reporter", "tunnel",
}  # fmt: skip


def test_a_number_next_to_another_is_issued_to_nobody_else():
    stock = Stock(Dice(1))
    issued = []
    for _ in range(4000):
        number = stock.phone("GB")
        issued += [number, *filter(None, [stock.neighbour(number)])]
    assert len(set(issued)) == len(issued) > 5000


def test_the_share_of_each_trap():
    counted = Counter(trap for report in world() for trap in report.traps)
    for trap, share in SHARES.items():
        assert 0.8 * share < counted[trap] / SIZE < 1.3 * share, trap
    ambient = {
        "boilerplate": 0.1, "placeholder": 0.08, "carrier_nat": 0.05, "tunnel": 0.02, "moving_prefix": 0.05,
        "text_only": 0.06, "viral_file": 0.03, "viral_page": 0.03, "viral_text": 0.015, "exchange": 0.04,
        "shared_device": 0.015, "device_model": 0.015, "reporter": 0.03, "common_room": 0.03, "front_page": 0.02,
        "official": 0.015, "display_name": 0.02, "ring": 0.015, "other_script": 0.02, "repeat_offender": 0.03,
    }  # fmt: skip
    for trap, least in ambient.items():
        assert counted[trap] / SIZE > least, trap


def test_every_kind_of_evidence_is_there_and_small_groups_are_the_most():
    found = measured(world())
    print(found.text())
    assert set(found.bonds) == {*BONDS, *APART}
    assert set(TIES) == set(BONDS)
    assert min(found.bonds[bond] for bond in BONDS) >= 0.005 * found.joined()
    sizes = Counter(len(reports) for reports in by_label().values())
    small, large = (
        sum(n for size, n in sizes.items() if size in span) for span in (range(2, 6), range(6, 999))
    )
    assert small > 5 * large
    assert max(sizes) > 20


def test_most_joined_reports_share_several_values():
    found = measured(world())
    joined = found.joined()
    assert found.shared.total() == joined
    assert 0.2 < found.shared[1] / joined < 0.35
    assert sum(n for values, n in found.shared.items() if values > 2) > 0.4 * joined
    assert sum(n for values, n in found.shared.items() if values > 4) > 0.12 * joined
    assert 0.1 < found.one_weak_value() < 0.15


def test_a_value_is_kept_for_some_time_and_then_replaced_for_good():
    dice, made = Dice(1), iter(range(1000))
    chain = Chain(dice, lambda _since: (Fact("page", str(next(made))),), 100)
    seen = [chain.at(moment).facts[0].value for moment in range(0, 4000, 10)]
    assert seen == sorted(seen, key=int)
    assert 10 < len(set(seen)) < 80
    assert [chain.at(moment).facts[0].value for moment in range(0, 4000, 10)] == seen
    careful = Chain(dice, lambda _since: (Fact("page", str(next(made))),), 0)
    assert careful.at(5) != careful.at(5)


def test_the_facts_of_a_draft_give_the_clues_that_are_written():
    """What joins two drafts joins their reports."""
    stock, people = Stock(Dice(2)), {}
    for reports in (2, 5, 9):
        for draft in Labels(stock, people).drafts(0, reports):
            writer = Writer(stock, people, draft)
            writer.write("R-1")
            given = {(clue.kind, clue.value) for clue in writer.clues if not clue.common}
            assert given == set().union(*(fact.evidence() for fact in draft.facts))


def test_a_sender_that_only_repeats_what_stays_apart_comes_to_an_end():
    fact = Fact("line", "203.0.113.9")
    known = _Known(keys={("event", "e")}, apart=fact.evidence())
    made = Labels(Stock(Dice(2)), {})._joined(
        known, lambda: Draft(0, 1, 1, "peers", "en", facts=[fact])
    )
    assert made.facts == []


def test_only_addresses_and_hosts_kept_for_documentation():
    for report in world():
        for person in report.body.get("persons", ()):
            for seen in person.get("ips", ()):
                address = ip_address(seen["value"])
                assert any(address in network for network in DOCUMENTATION)
            assert all(
                mail == "n/a" or mail.lower().endswith(".test") for mail in person.get("emails", ())
            )
        assert all(urlsplit(url).hostname.endswith(".test") for url in report.body.get("urls", ()))


@pytest.mark.parametrize(
    ("trap", "kind"),
    [("recycled_phone", "phone"), ("registered_again", "account"), ("reassigned_prefix", "line")],
)
def test_what_changes_hands_does_so_months_later(trap, kind):
    holders = defaultdict(list)
    for report in world():
        if trap in report.traps and "family" not in report.traps:
            for key in keys(report):
                holders[key].append(report)
    changed = [
        reports
        for key, reports in holders.items()
        if key[0] == kind and len({report.label for report in reports}) > 1
    ]
    assert len(changed) > 10
    assert all(
        max(r.at for r in reports) - min(r.at for r in reports) >= 150 * 86_400
        for reports in changed
    )


def test_nothing_of_the_code_that_is_judged_is_loaded():
    code = (
        "import sys, benchmarks.second_world.world;"
        "print([m for m in sys.modules if m.startswith('fanal.crosscheck')])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)
    assert done.stdout.strip() == "[]"


def clue(value="a", *, kind="account", manner="", written="a", service="", common=False):
    return Clue(kind, value, manner, written, service, common)


def test_bonds_are_named_by_the_easiest_evidence():
    assert bond_of(clue(service="Ronron"), clue(service="ronron.test")) == "platform_names"
    assert bond_of(clue(manner="typo text"), clue()) == "handle_typo"
    assert bond_of(clue(kind="phone", manner="text"), clue(kind="phone")) == "phone_in_text"
    mail, phone = clue("m", kind="email"), clue("p", kind="phone", manner="text")
    assert bonds_of([(phone, mail), (phone, mail)]) == ["first", "email"]
    assert bonds_of([(mail,)]) == ["single"]
    assert bonds_of([(mail,), (phone,), (phone, mail), (clue("x"),)]) == [
        "first",
        "bridge",
        "email",
        "nothing",
    ]
    assert len(shared_values([clue("pastille:a")], [clue("pastille:a"), phone])) == 1
    named = [clue("pastille:a"), clue("a", kind="nickname")]
    assert list(shared_values(named, named)) == [("account", "pastille:a")]
    assert list(shared_values(named, [clue("ronron:a"), named[1]])) == [("nickname", "a")]
    common = clue("f", kind="file", common=True)
    assert bonds_of([(common,), (common,)]) == ["nothing", "nothing"]
