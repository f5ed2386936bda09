"""Lists in the formats of others: taken whole or not at all, by scope, addresses in the form that is compared."""

from datetime import UTC, datetime, timedelta

import pytest

from fanal.analyse.material.domain.lists import ListRefused, MatchScope
from fanal.analyse.material.operations.list_imports import LoadedFile, take_items
from fanal.analyse.material.queries.entries import items_of_list
from fanal.analyse.material.queries.lists import find_list, list_lists
from fanal.formats.indicators import CLEAR, Indicator
from fanal.formats.refusal import FormatRefused
from fanal.kernel.actors import system_actor

pytestmark = [pytest.mark.django_db, pytest.mark.role("worker")]
SYSTEM = system_actor("test")
NOW = datetime(2026, 11, 25, tzinfo=UTC)
MD5 = "1" * 32


def take(*found: Indicator, name: str = "alpha", scope: MatchScope | None = None) -> LoadedFile:
    return take_items(actor=SYSTEM, name=name, found=found, now=NOW, scope=scope)


def held(name: str = "alpha") -> list[tuple[dict[str, str], bool]]:
    listed = find_list(name=name)
    assert listed is not None
    found = items_of_list(list_id=listed.id)
    return sorted(((i.values, i.withdrawn) for i in found), key=str)


def test_addresses_are_listed_in_the_form_that_is_compared() -> None:
    take(
        Indicator(values={"URL": "HTTPS://Host.Example.TEST/a#part"}),
        Indicator(values={"DOMAIN": "WWW.example.test."}),
        Indicator(values={"DOMAIN": "example.test"}),
    )
    assert held() == [
        ({"DOMAIN": "example.test"}, False),
        ({"HOST": "www.example.test"}, False),
        ({"URL": "https://host.example.test/a"}, False),
    ]


def test_a_withdrawal_takes_the_item_that_holds_the_value() -> None:
    first = take(Indicator(values={"MD5": MD5, "SHA1": "2" * 40}))
    again = take(Indicator(values={"MD5": MD5, "SHA1": "2" * 40}))
    assert (again.ids, again.withdrawn) == (first.ids, 0)
    gone = take(Indicator(values={"MD5": MD5}, withdrawn=True))
    assert (gone.ids, gone.withdrawn) == ([], 1)
    assert held() == [({"MD5": MD5, "SHA1": "2" * 40}, True)]
    # Back in force, the value is told once, as it now is.
    take(Indicator(values={"MD5": MD5}))
    assert held() == [({"MD5": MD5}, False), ({"SHA1": "2" * 40}, True)]


def test_what_one_indicator_of_a_file_revokes_and_another_states_stays() -> None:
    revised = Indicator(values={"MD5": MD5}, withdrawn=True), Indicator(values={"MD5": MD5})
    for found in (revised, revised[::-1], (*revised, revised[0])):
        assert take(*found).withdrawn == 0
        assert held() == [({"MD5": MD5}, False)]


def test_the_last_load_says_the_end_and_a_file_the_last_of_its_own() -> None:
    def until(*ends: datetime | None) -> tuple[int, datetime | None]:
        take(*(Indicator(values={"MD5": MD5}, until=end) for end in ends))
        [item] = items_of_list(list_id=find_list(name="alpha").id)
        [state] = list_lists()
        return state.version, item.until

    first, second = NOW + timedelta(days=1), NOW + timedelta(days=2)
    versions = [
        version
        for ends, told in [
            ((first,), first),
            ((first,), first),
            ((second,), second),
            ((first, second, first), second),
            ((first,), first),
            ((first, None), None),
            ((None, first), None),
            ((first,), first),
            ((None,), None),
        ]
        for version, end in [until(*ends)]
        if end == told
    ]
    assert versions == versions[:1] * 9, "another end is told to nobody who follows the list"


def test_a_false_alarm_is_never_loaded_as_known_material() -> None:
    both = Indicator(values={"MD5": MD5}), Indicator(values={"MD5": "3" * 32}, scope=CLEAR)
    assert dict(take(*both).left_out) == {"CLEAR": 1}
    assert dict(take(*both, name="cleared", scope=MatchScope.CLEAR).left_out) == {"MATCH": 1}
    assert (held(), held("cleared")) == ([({"MD5": MD5}, False)], [({"MD5": "3" * 32}, False)])


@pytest.mark.parametrize(
    ("found", "refused"),
    [
        ([], ListRefused),
        ([Indicator(values={"MD5": MD5}, scope=CLEAR)], ListRefused),
        ([Indicator(values={"MD5": MD5}), Indicator(values={"URL": "no address"})], FormatRefused),
        ([Indicator(values={"MD5": MD5}), Indicator(values={"DOMAIN": "a b"})], FormatRefused),
    ],
)
def test_nothing_of_it_is_loaded(found: list[Indicator], refused: type[Exception]) -> None:
    with pytest.raises(refused):
        take(*found)
    assert list_lists() == []
