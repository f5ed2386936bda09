"""Names of organisations that may be spellings of one."""

import pytest

from fanal.deconfliction.domain.names import resembles


@pytest.mark.parametrize(
    "other",
    [
        "South desk", "SOUTH  DESK", "South-desk", "Southdesk", "south_desk", "South desk.", "Desk South",
        "Söuth desk", "Sоuth desk", "5outh desk", "South desks", "Ｓouth desk", "South\u200bdesk",
    ],
)  # fmt: skip
def test_spellings_of_one_name(other: str) -> None:
    assert resembles("South desk", other)
    assert resembles(other, "South desk")


@pytest.mark.parametrize(
    "other", ["North desk", "South", "West desk", "Desk 2", "Office of the South", "", "…", "東京"]
)
def test_names_apart(other: str) -> None:
    assert not resembles("South desk", other)


def test_names_without_a_letter() -> None:
    assert resembles("★", "★")
    assert not resembles("★", "☆")
