"""Two dossiers that only uncertain links connect are joined by what these links give together."""

from collections.abc import Collection, Sequence

import pytest

from fanal.crosscheck.domain.cards import NUMBER_OF_MARK, Card, Value
from fanal.crosscheck.domain.records import LinkReason
from fanal.crosscheck.domain.weights import Family, Mark, load_weights
from fanal.crosscheck.links.domain.document_frequency import weighed_anew
from fanal.crosscheck.links.domain.linking import points_of
from fanal.crosscheck.links.domain.reasons import because_of
from fanal.crosscheck.links.domain.shared_evidence import (
    Evidence,
    Similarity,
    Uncertain,
    certain_together,
    equal_names,
    suspects_of,
)

WEIGHTS = load_weights()
DEVICE, LANDLINE = (Family.HOME, "device", 0.65), (Family.HOME, "landline", 0.55)
PAGE, FILE = (Family.PAGE, "page", 0.56), (Family.FILE, "file", 0.3)
ACCOUNT = (Family.HANDLE, "account", 1.09)
MAILBOX, WALLET = (Family.EMAIL, "mailbox", 1.04), (Family.ACCOUNT, "wallet", 0.7)
DUPONT, DUPONT_J, HADDAD = (
    Card(values=(), name=1, words=(1, 2)),
    Card(values=(), name=2, words=(1, 3)),
    Card(values=(), name=3, words=(4, 5)),
)
BORN, BORN_LATER = Card(values=(), birth=1), Card(values=(), birth=2)
LINE, ADDRESS = ("NEAR_LINE", "", 0.5), ("NEAR_ADDRESS", "", 0.6)
NUMBER, NUMBER_DIGIT = ("NEAR_PHONE_MENTION", "a", 0.6), ("NEAR_PHONE", "b", 0.6)
HANDLE, HANDLE_SAID = ("NEAR_HANDLE", "c", 0.6), ("NEAR_HANDLE_MENTION", "d", 0.6)
MAILBOX_ALIKE, SCRIPT = ("NEAR_EMAIL_LETTER", "e", 0.6), ("NEAR_NAME", "", 0.7)
MIRROR, TEXT, PICTURE = (
    ("NEAR_MIRROR", "f", 0.6),
    ("NEAR_TEXT", "", 0.5),
    ("NEAR_PICTURE", "g", 0.8),
)


def card(**identifiers: int) -> Card:
    """A card whose suspect has these identifiers in fields: their keys by weight class."""
    return Card(
        values=tuple(Value(key, NUMBER_OF_MARK[Mark(mark)], 1) for mark, key in identifiers.items())
    )


def joined(
    *links: Sequence[Evidence],
    one: Sequence[Card] = (),
    two: Sequence[Card] = (),
    similar: Sequence[Similarity] = (),
    frequent: Collection[int] = (),
) -> list[tuple[int, int]]:
    """The links that become certain between dossier 0 (reports 0, 2, …) and dossier 1 (1, 3, …).

    `links` are the values that each link shares, `one` and `two` further cards of the two dossiers. `similar`
    are similarities of two more reports, `frequent` the digests of frequent names.
    """
    uncertain = [
        Uncertain(2 * n, 2 * n + 1, max((p for _, _, p in values), default=0.4), values, more)
        for n, (values, more) in enumerate([*((link, ()) for link in links), ([], similar)])
        if values or more
    ]
    dossier = {report: report % 2 for report in range(2 * len(links) + 2)}
    suspects = {0: suspects_of(one), 1: suspects_of(two)}
    found = certain_together(uncertain, dossier, suspects, WEIGHTS, frequent)
    return [(link.one, link.two) for link, _ in found]


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


def test_a_name_that_many_dossiers_give_is_no_evidence() -> None:
    """Of a user name that changed hands, or a wallet of many customers, the next owner may have it too."""
    for value in (ACCOUNT, WALLET):
        assert joined([value], one=[DUPONT], two=[DUPONT], frequent=[2])
        assert not joined([value], one=[DUPONT], two=[DUPONT], frequent=[1])
    others = {"one": [DUPONT, HADDAD], "two": [DUPONT, HADDAD]}
    assert joined([ACCOUNT], **others, frequent=[1])
    assert not joined([ACCOUNT], **others, frequent=[1, 3])
    assert joined([ACCOUNT], one=[DUPONT, BORN], two=[DUPONT, BORN], frequent=[1])
    assert joined([DEVICE], [PAGE], one=[DUPONT], two=[DUPONT], frequent=[1])


def test_names_that_dossiers_to_join_have_in_common() -> None:
    found = [(Uncertain(0, 3, 0.9, [ACCOUNT]), 1.3), (Uncertain(1, 2, 0.9, [ACCOUNT]), 1.3)]
    people = {0: suspects_of([DUPONT, HADDAD]), 2: suspects_of([DUPONT, DUPONT_J])}
    people[1] = suspects_of([BORN])
    assert equal_names(found, {0: 0, 1: 1, 2: 2, 3: 2}, people) == {1}


def test_names_and_dates_of_birth_that_differ_separate() -> None:
    assert joined([DEVICE], [PAGE], one=[DUPONT], two=[DUPONT_J])
    assert not joined([DEVICE], [PAGE], one=[DUPONT], two=[HADDAD])
    assert not joined([DEVICE], [PAGE], one=[BORN], two=[BORN_LATER])


@pytest.mark.parametrize(
    ("links", "similar"),
    [
        ([DEVICE], [HANDLE]),
        ([PAGE], [MAILBOX_ALIKE]),
        ([MAILBOX], [HANDLE_SAID]),
        ([WALLET], [MIRROR]),
        ([], [HANDLE, MIRROR]),
        ([], [HANDLE_SAID, NUMBER]),
        ([], [HANDLE, LINE]),
        ([DEVICE], [PICTURE]),
    ],
)
def test_a_similarity_is_a_kind(links: Sequence[Evidence], similar: Sequence[Similarity]) -> None:
    differs = {"one": [card(HANDLE=1)], "two": [card(HANDLE=2)]}
    assert joined(*([link] for link in links), similar=similar, **differs)
    assert not joined(*([link] for link in links), **differs)


@pytest.mark.parametrize(
    ("links", "similar"),
    [
        ([DEVICE, LANDLINE], [LINE, ADDRESS, NUMBER]),  # one home
        ([MAILBOX], [LINE]),
        ([(Family.HANDLE, "name", 0.74)], [HANDLE_SAID]),  # the same name in a sentence
        ([(Family.MOBILE, "number", 0.71)], [NUMBER]),
        ([PAGE], [MIRROR]),
        ([FILE], [PICTURE]),
        ([], [HANDLE, MAILBOX_ALIKE]),  # one habit of naming
        ([WALLET], [TEXT]),  # people copy texts
        ([WALLET], [NUMBER_DIGIT]),
    ],
)
def test_a_similarity_that_says_the_same_is_none(
    links: Sequence[Evidence], similar: Sequence[Similarity]
) -> None:
    differs = {"one": [card(HANDLE=1)], "two": [card(HANDLE=2)]}
    assert not joined(*([link] for link in links), similar=similar, **differs)


def test_different_dates_of_birth_leave_no_similarity() -> None:
    similar = [HANDLE, MIRROR, ("NEAR_HANDLE", "h", 0.6)]
    assert joined([DEVICE], similar=similar)
    assert not joined([DEVICE], similar=similar, one=[BORN], two=[BORN_LATER])


def test_a_line_is_enough_where_nothing_differs() -> None:
    assert joined(similar=[LINE])
    assert joined(similar=[LINE], one=[card(HANDLE=1)], two=[card(EMAIL=2), BORN])
    assert joined(similar=[LINE], one=[card(HANDLE=1)], two=[card(HANDLE=1), card(HANDLE=2)])
    assert joined([DEVICE], similar=[LINE], one=[DUPONT], two=[DUPONT_J])
    for mark in ("HANDLE", "EMAIL", "MOBILE", "DEVICE", "IBAN"):
        assert not joined(similar=[LINE], one=[card(**{mark: 1})], two=[card(**{mark: 2})])
    assert not joined(similar=[LINE], one=[BORN], two=[BORN_LATER])
    assert not joined(similar=[LINE], one=[DUPONT], two=[HADDAD])


def test_a_line_of_people_who_differ_joins_none_of_them() -> None:
    account, mailbox, other = (card(HANDLE=1), card(EMAIL=2), card(HANDLE=3))
    links = [Uncertain(one, two, 0.5, (), [LINE]) for one, two in ((0, 1), (1, 2))]
    people = {n: suspects_of([each]) for n, each in enumerate((account, mailbox, other))}
    assert certain_together(links, {0: 0, 1: 1, 2: 2}, people, WEIGHTS) == []
    assert certain_together(links[:1], {0: 0, 1: 1}, people, WEIGHTS) == [(links[0], 1.0)]


def test_a_name_in_another_script_is_an_equal_name() -> None:
    born = {"one": [BORN, DUPONT], "two": [BORN, HADDAD]}
    assert not joined([DEVICE], **born)
    assert joined([DEVICE], similar=[SCRIPT], **born)
    assert not joined(similar=[SCRIPT], one=[BORN], two=[BORN])


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


def test_similarities_in_a_certain_link_count_and_go_with_the_reason() -> None:
    roles = ("SUSPECT", "SUSPECT")
    device = LinkReason(kind="DEVICE", value="8f2c1a77", weight=0.65, roles=roles)
    more = (
        LinkReason(kind="NEAR_HANDLE", value="", weight=0.6),
        LinkReason(kind="TOGETHER", value="", weight=0.1, roles=roles),
    )
    assert points_of((device, *more), WEIGHTS) == 1.35
    points, left = weighed_anew((device, *more), {("DEVICE", "8f2c1a77"): 0.35}, WEIGHTS)
    assert (points, [reason.kind for reason in left]) == (0.2275, ["DEVICE"])
