"""Weights, damping and links."""

import itertools
from collections.abc import Sequence
from uuid import UUID

import pytest
from hypothesis import given, strategies as st

from fanal.crosscheck.domain.kin import kin_facts
from fanal.crosscheck.domain.linking import Holder, Populations, Shared, combine, link
from fanal.crosscheck.domain.records import Reason
from fanal.crosscheck.domain.weights import WeightsRefused, damping, load_weights, read_weights
from fanal.harmonise.domain.records import SelectorKind as Kind, SelectorRole as Role

WEIGHTS = load_weights()
NOBODY = Populations(recent={}, total={})


def held(
    kind: Kind,
    ids: Sequence[int],
    *,
    roles: Sequence[Role] = (Role.SUSPECT,),
    seen: int | None = None,
    at: Sequence[int] = (),
    value: str = "v",
    weak: bool = False,
) -> Shared:
    holders = tuple(
        Holder(UUID(int=i).bytes, roles[n % len(roles)], weak, at[n] if at else None)
        for n, i in enumerate(ids)
    )
    counts = {role: (seen or len(ids)) / len(set(roles)) for role in roles}
    return Shared(kind=kind, value=value, holders=holders, recent=counts, total=counts)


@given(seen=st.integers(1, 10**6), population=st.integers(0, 10**6), sharpness=st.floats(0.5, 4))
def test_damping_is_a_share_and_never_grows_with_frequency(
    seen: int, population: int, sharpness: float
) -> None:
    one, more = (
        damping(seen=n, population=population, prior=3000, sharpness=sharpness)
        for n in (seen, seen + 1)
    )
    assert 0 <= more <= one <= 1


def test_damping_is_smooth() -> None:
    shares = [damping(seen=n, population=50_000, prior=3000, sharpness=3) for n in range(2, 6000)]
    assert all(a - b < 0.12 for a, b in itertools.pairwise(shares))
    assert shares[0] == 1
    assert shares[-1] < 0.02


def test_a_rare_handle_links_strongly_and_a_resolver_does_not() -> None:
    population = Populations(
        recent={(Kind.IP, Role.SUSPECT): 5000}, total={(Kind.IP, Role.SUSPECT): 5000}
    )
    handle = held(Kind.HANDLE, [1, 2], value="rare@game")
    resolver = held(Kind.IP, list(range(1, 200)), seen=5000, value="192.0.2.53")
    (found,) = link([UUID(int=2)], [handle, resolver], population, WEIGHTS)
    assert (found.report_id, found.other_id) == (UUID(int=2), UUID(int=1))
    assert found.score >= WEIGHTS.strong
    by_kind = {reason.kind: reason for reason in found.reasons}
    assert by_kind["HANDLE"].weight > 0.8
    assert by_kind["HANDLE"].kept == 1
    assert by_kind["IP"].weight < 0.01
    assert by_kind["IP"].seen == 5000
    assert by_kind["IP"].kept < 0.05


@pytest.mark.parametrize("kind", [Kind.EMAIL, Kind.PHONE, Kind.ACCOUNT, Kind.DEVICE])
@pytest.mark.parametrize(("times", "reports"), [(3, 400), (12, 5000), (60, 5000), (300, 100_000)])
def test_a_suspect_reported_often_stays_one_dossier(kind: Kind, times: int, reports: int) -> None:
    population = Populations(
        recent={(kind, Role.SUSPECT): reports}, total={(kind, Role.SUSPECT): reports}
    )
    shared = held(kind, list(range(1, 1 + min(times, 40))), seen=times)
    found = link([UUID(int=40)] if times > 40 else [UUID(int=1)], [shared], population, WEIGHTS)
    assert found
    assert all(one.score >= WEIGHTS.strong for one in found)


@pytest.mark.parametrize("kind", [Kind.HOST, Kind.DOMAIN, Kind.GAME])
def test_a_place_that_a_twentieth_of_all_reports_name_makes_no_link(kind: Kind) -> None:
    population = Populations(recent={(kind, Role.CONTENT): 400}, total={(kind, Role.CONTENT): 400})
    shared = held(kind, list(range(1, 21)), roles=(Role.CONTENT,), seen=20)
    assert link([UUID(int=20)], [shared], population, WEIGHTS) == []


def test_links_go_from_the_later_report_whichever_is_in_the_batch() -> None:
    shared = [held(Kind.EMAIL, [1, 2, 3])]
    for batch in ([1], [2], [3], [1, 2, 3]):
        links = link([UUID(int=i) for i in batch], shared, NOBODY, WEIGHTS)
        assert all(found.report_id > found.other_id for found in links)
        assert len(links) == (2 if len(batch) == 1 else 3)


def test_frequency_counts_by_role() -> None:
    seen = {Role.SUSPECT: 2.0, Role.CONTENT: 40_000.0}
    value = Shared(
        kind=Kind.HANDLE,
        value="v",
        holders=(
            Holder(UUID(int=1).bytes, Role.SUSPECT),
            Holder(UUID(int=2).bytes, Role.SUSPECT),
            Holder(UUID(int=3).bytes, Role.CONTENT),
        ),
        recent=seen,
        total=seen,
    )
    links = link([UUID(int=2)], [value], NOBODY, WEIGHTS)
    scores = {
        found.other_id.int if found.report_id.int == 2 else found.report_id.int: found.score
        for found in links
    }
    assert scores[1] > 0.8
    assert scores.get(3, 0) < 0.15


def test_a_burst_in_the_last_months_silences_a_value() -> None:
    quiet = held(Kind.IP, [1, 2])
    burst = Shared(
        kind=Kind.IP,
        value="v",
        holders=quiet.holders,
        recent={Role.SUSPECT: 3000.0},
        total=quiet.total,
    )
    assert link([UUID(int=2)], [quiet], NOBODY, WEIGHTS)
    assert not link([UUID(int=2)], [burst], NOBODY, WEIGHTS)


def test_an_address_used_long_apart_weighs_less() -> None:
    now, day = 1_790_000_000_000_000, 86_400_000_000  # microseconds

    def score(days: int) -> float:
        value = held(Kind.IP, [1, 2], at=[now, now - days * day])
        return link([UUID(int=2)], [value], NOBODY, WEIGHTS)[0].score

    assert score(0) > score(30) > score(90) == score(900) > 0


def test_weak_selectors_weigh_less_and_families_overlap() -> None:
    strong, weak = (
        link([UUID(int=2)], [held(Kind.PHONE, [1, 2], weak=w)], NOBODY, WEIGHTS)[0].score
        for w in (False, True)
    )
    assert weak == pytest.approx(strong * WEIGHTS.weak_factor)
    roles = (Role.CONTENT,)
    same_file = [held(k, [1, 2], roles=roles) for k in (Kind.SHA256, Kind.SHA1, Kind.MD5)]
    apart = [held(k, [1, 2], roles=roles) for k in (Kind.SHA256, Kind.EMAIL, Kind.DEVICE)]
    assert (
        link([UUID(int=2)], same_file, NOBODY, WEIGHTS)[0].score
        < link([UUID(int=2)], apart, NOBODY, WEIGHTS)[0].score
    )


@given(st.lists(st.floats(0, 1), max_size=10))
def test_a_score_lies_between_its_best_reason_and_one(weights: list[float]) -> None:
    reasons = [Reason(kind="EMAIL", value=str(n), weight=w) for n, w in enumerate(weights)]
    score = combine(reasons, WEIGHTS)
    assert max([0.0, *weights]) - 1e-4 <= score <= 1


def test_keeps_the_strongest_links_only() -> None:
    ids = list(range(1, 120))
    links = link([UUID(int=500)], [held(Kind.EMAIL, [*ids, 500])], NOBODY, WEIGHTS)
    assert len(links) == WEIGHTS.most_links


def test_kin_counts_earlier_reports_of_the_same_suspect_and_shared_files() -> None:
    shared = [
        held(Kind.HANDLE, [1, 2, 3]),
        held(Kind.SHA1, [1, 2], roles=(Role.CONTENT,), value="a"),
        held(Kind.SHA1, [1, 2], roles=(Role.CONTENT,), value="b"),
        held(Kind.MD5, [1, 2], roles=(Role.CONTENT,), value="c"),
    ]
    links = link([UUID(int=2)], shared, NOBODY, WEIGHTS)
    (facts,) = kin_facts([UUID(int=2)], links, WEIGHTS)
    assert (facts.links, facts.previously_reported_suspect, facts.shared_files) == (1, 1, 2)
    assert facts.strongest > 0.9


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("schema = 1", "schema = 1\nx = 2"),
        ("base = 0.5", "base = 5"),
        ("other = 0.5", ""),
        ("GAME", "GAMES"),
    ],
)
def test_refuses_a_broken_weight_file(old: str, new: str) -> None:
    from importlib import resources

    text = resources.files("fanal.crosscheck").joinpath("data", "weights.toml").read_text("utf-8")
    with pytest.raises(WeightsRefused):
        read_weights(text.replace(old, new, 1))
