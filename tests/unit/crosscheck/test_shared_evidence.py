"""Two dossiers that only uncertain links connect are joined by what these links give together."""

from collections.abc import Sequence

import pytest

from fanal.crosscheck.domain.cards import Card
from fanal.crosscheck.domain.records import LinkReason
from fanal.crosscheck.domain.weights import Family, load_weights
from fanal.crosscheck.links.domain.document_frequency import weighed_anew
from fanal.crosscheck.links.domain.linking import points_of
from fanal.crosscheck.links.domain.reasons import because_of
from fanal.crosscheck.links.domain.shared_evidence import (
    Evidence,
    Uncertain,
    certain_together,
    suspects_of,
)

WEIGHTS = load_weights()
DEVICE, LANDLINE = (Family.HOME, "device", 0.65), (Family.HOME, "landline", 0.55)
PAGE, FILE = (Family.PAGE, "page", 0.56), (Family.FILE, "file", 0.3)
MAILBOX, WALLET = (Family.EMAIL, "mailbox", 1.04), (Family.ACCOUNT, "wallet", 0.7)
DUPONT, DUPONT_J, HADDAD = (
    Card(values=(), name=1, words=(1, 2)),
    Card(values=(), name=2, words=(1, 3)),
    Card(values=(), name=3, words=(4, 5)),
)
BORN, BORN_LATER = Card(values=(), birth=1), Card(values=(), birth=2)


def joined(
    *links: Sequence[Evidence], one: Sequence[Card] = (), two: Sequence[Card] = ()
) -> list[tuple[int, int]]:
    """The links that become certain between dossier 0 (reports 0, 2, …) and dossier 1 (1, 3, …).

    `links` are the values that each link shares, `one` and `two` further cards of the two dossiers.
    """
    uncertain = [
        Uncertain(2 * n, 2 * n + 1, max(points for _, _, points in values), values)
        for n, values in enumerate(links)
    ]
    dossier = {report: report % 2 for report in range(2 * len(links))}
    suspects = {0: suspects_of(one), 1: suspects_of(two)}
    return [
        (link.one, link.two) for link, _ in certain_together(uncertain, dossier, suspects, WEIGHTS)
    ]


@pytest.mark.parametrize(
    "links", [([DEVICE], [PAGE]), ([MAILBOX], [DEVICE]), ([WALLET], [LANDLINE])]
)
def test_two_kinds_of_value_from_two_links_are_certain(links: Sequence[Sequence[Evidence]]) -> None:
    (found,) = joined(*links)
    strongest = max(range(2), key=lambda n: links[n][0][2])
    assert found == (2 * strongest, 2 * strongest + 1)


@pytest.mark.parametrize(
    "links",
    [
        ([DEVICE], [LANDLINE]),
        ([DEVICE], [DEVICE], [DEVICE]),
        ([MAILBOX], [(Family.EMAIL, "other", 1.04)]),
        ([FILE], [PAGE]),
    ],
)
def test_one_kind_or_too_little_is_not(links: Sequence[Sequence[Evidence]]) -> None:
    assert joined(*links) == []


def test_an_equal_name_or_date_of_birth_of_other_reports_is_a_kind() -> None:
    assert joined([PAGE], [FILE], one=[DUPONT], two=[DUPONT])
    assert joined([WALLET], one=[DUPONT], two=[DUPONT, HADDAD])
    assert joined([DEVICE], one=[BORN], two=[BORN])
    assert not joined([WALLET], one=[DUPONT], two=[DUPONT_J])
    assert not joined([FILE], one=[BORN], two=[BORN])


def test_a_home_and_a_name_may_be_a_father_and_his_son() -> None:
    home = [DEVICE], [MAILBOX]
    assert not joined([MAILBOX], one=[DUPONT], two=[DUPONT])
    assert not joined([DEVICE], [LANDLINE], one=[DUPONT], two=[DUPONT])
    assert joined(*home, one=[DUPONT], two=[DUPONT])
    assert joined([DEVICE], one=[DUPONT, BORN], two=[DUPONT, BORN])
    assert not joined([DEVICE], one=[DUPONT, BORN], two=[HADDAD, BORN])


def test_names_and_dates_of_birth_that_differ_separate() -> None:
    assert joined([DEVICE], [PAGE], one=[DUPONT], two=[DUPONT_J])
    assert not joined([DEVICE], [PAGE], one=[DUPONT], two=[HADDAD])
    assert not joined([DEVICE], [PAGE], one=[BORN], two=[BORN_LATER])


def test_a_link_of_one_dossier_changes_nothing() -> None:
    link = Uncertain(0, 2, 0.65, [DEVICE, PAGE])
    none = suspects_of(())
    assert certain_together([link], {0: 0, 2: 0}, {0: none}, WEIGHTS) == []


def test_the_reason_counts_until_a_value_changes_its_weight() -> None:
    roles = ("SUSPECT", "SUSPECT")
    device = LinkReason(kind="DEVICE", value="8f2c1a77", weight=0.65, roles=roles)
    together = LinkReason(kind="TOGETHER", value="", weight=0.56, roles=roles)
    assert because_of(together) == "TOGETHER"
    assert points_of((device, together), WEIGHTS) == 1.21
    assert weighed_anew((device, together), {}, WEIGHTS) == (1.21, (device, together))
    points, left = weighed_anew((device, together), {("DEVICE", "8f2c1a77"): 0.35}, WEIGHTS)
    assert points == 0.2275
    assert [reason.kind for reason in left] == ["DEVICE"]
