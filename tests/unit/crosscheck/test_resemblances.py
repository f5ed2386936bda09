"""Which pairs of the trained model are suggested."""

import pytest

from fanal.crosscheck.similar.domain.suggestions import is_beyond_rule


@pytest.mark.parametrize(
    ("alike", "suggested"),
    [
        ({"DEVICE_EXACT": 9.0}, False),
        ({"HANDLE_EXACT": 9.0}, False),
        ({"EMAIL_NAME": 9.0}, True),
        ({"DEVICE_EXACT": 9.0, "EMAIL_NAME": 4.0}, True),
        ({"NAME_EXACT": 9.0, "BIRTH_EXACT": 4.0}, True),
    ],
)
def test_one_equal_identifier_is_left_to_the_rule(alike: dict[str, float], suggested: bool) -> None:
    assert is_beyond_rule(alike) is suggested
