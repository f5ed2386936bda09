"""A number that people say: every single error and every swap of neighbours is noticed."""

from datetime import UTC, datetime
from uuid import UUID

import pytest
from hypothesis import given, strategies as st

from fanal.intake.domain.number import ALPHABET, desk_number, ids_of_number, spoken
from fanal.kernel.ids import new_id

NOW = datetime(2026, 11, 24, 20, 14, tzinfo=UTC)
instants = st.datetimes(
    min_value=datetime(2020, 1, 2), max_value=datetime(2045, 12, 31), timezones=st.just(UTC)
)


@given(instants)
def test_a_number_leads_back_to_its_report(instant: datetime) -> None:
    report_id = new_id(instant)
    number = desk_number(report_id)
    for said in (number, number.lower().replace("-", " "), number.replace("-", "")):
        bounds = ids_of_number(said)
        assert bounds is not None
        assert bounds[0] <= report_id < bounds[1]


def test_one_wrong_character_or_a_swap_is_no_number() -> None:
    number = desk_number(UUID("019ab2b0-1234-7abc-8def-0000000000a1")).replace("-", "")
    for place, right in enumerate(number):
        for other in set(ALPHABET) - {right}:
            assert ids_of_number(number[:place] + other + number[place + 1 :]) is None
    for place in range(8):
        swapped = number[:place] + number[place + 1] + number[place] + number[place + 2 :]
        assert swapped == number or ids_of_number(swapped) is None


@pytest.mark.parametrize(
    "said", ["", "ABC", "0OI-L1U-ABC", "ÀBC-DEF-GHJ", "A" * 500, "١٢٣-٤٥٦-٧٨٩"]
)
def test_other_words_are_no_number(said: str) -> None:
    assert ids_of_number(said) is None


def test_reports_of_one_second_rarely_share_one() -> None:
    assert len({desk_number(new_id(NOW)) for _ in range(20)}) > 15


def test_a_senders_reference_follows_the_number() -> None:
    report_id = new_id(NOW)
    assert spoken("R-2026-0042", "HL-1", report_id) == "R-2026-0042 · HL-1"
    assert spoken("R-2026-0042", str(report_id), report_id) == "R-2026-0042"
