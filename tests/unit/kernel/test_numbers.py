"""Numbers of reports, dossiers and acts, as people type and say them."""

import pytest

from fanal.kernel.numbers import Numbered, TypedNumber, read_number, written_number


@pytest.mark.parametrize(
    ("typed", "kind", "number"),
    [
        ("R-2026-0042", Numbered.REPORT, 42),
        ("R-2026-42", Numbered.REPORT, 42),
        ("r 2026 0042", Numbered.REPORT, 42),
        (" d–2026–143 ", Numbered.DOSSIER, 143),
        ("M2026/7", Numbered.ACT, 7),
        ("R-2026-1234567", Numbered.REPORT, 1234567),
        ("42/2026", None, 42),
        ("R 42/2026", Numbered.REPORT, 42),
        ("Ｒ－２０２６－００４２", Numbered.REPORT, 42),
        ("(R-2026-0042)", Numbered.REPORT, 42),
        ("[ d-2026-143 ],", Numbered.DOSSIER, 143),
        ("R-2026-0042.", Numbered.REPORT, 42),
        ("« 42/2026 ».", None, 42),
    ],
)
def test_a_number_is_read_as_people_type_it(typed: str, kind: Numbered | None, number: int) -> None:
    assert read_number(typed) == TypedNumber(kind=kind, year=2026, number=number)


@pytest.mark.parametrize(
    "typed",
    ["", "R-2026-", "R-2026-0", "0/2026", "2026-11", "X-2026-1", "R-1999-1", "R-٢٠٢٦-٤٢",
     "R-2026-1234567890", "renard_77", "R-2026-42 and more", "\x00", "9" * 300,
     "()", "R-2026-4²", "(R-2026-42) (R-2026-43)"],
)  # fmt: skip
def test_other_texts_are_no_number(typed: str) -> None:
    assert read_number(typed) is None


def test_a_number_is_written_with_four_digits_or_more() -> None:
    assert written_number(Numbered.REPORT, 2026, 42) == "R-2026-0042"
    assert written_number(Numbered.ACT, 2026, 12345) == "M-2026-12345"
