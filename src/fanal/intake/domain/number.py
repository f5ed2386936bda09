"""Earlier desk number of a report: nine characters derived from its id, to be read out on the telephone.

People see the number that PostgreSQL gave (`kernel.numbers`, ADR 0080). The earlier number is shown only to
readers who may not see that one; letters and exports of earlier versions contain it, and searches find it.

Eight characters encode the id's second and ten of its random bits; the ninth is a check character that
detects any single wrong character and any swap of two neighbours. The alphabet excludes 0, 1, I, L and O.
Two reports received in the same second share a number with a probability of 1 in 1 024: a search then finds
both.
"""

from typing import Final
from uuid import UUID

ALPHABET: Final = "23456789ABCDEFGHJKMNPQRSTUVWXYZ"
"""31 characters: a prime, so that the weighted checksum detects every single error and every swap."""
_BASE: Final = len(ALPHABET)
_DIGITS: Final = 8
_CHANCE: Final = 1 << 10
_EPOCH: Final = 1_577_836_800  # 2020-01-01; the digits last until 2046
_SECOND: Final = 1000


def desk_number(report_id: UUID) -> str:
    """Return the desk number of a report, a short name derived from its id, such as `7KM-3QP-9XD`."""
    second = (report_id.int >> 80) // _SECOND - _EPOCH
    value = (second * _CHANCE + report_id.int % _CHANCE) % _BASE**_DIGITS
    digits = []
    for _ in range(_DIGITS):
        value, digit = divmod(value, _BASE)
        digits.append(digit)
    digits.reverse()
    plain = "".join(ALPHABET[digit] for digit in (*digits, _check(digits)))
    return "-".join(plain[start : start + 3] for start in (0, 3, 6))


def ids_of_number(text: str) -> tuple[UUID, UUID] | None:
    """Return the range of report ids of the second that a desk number encodes: (first, end), end excluded.

    Other reports of that second are in it too (`is_number_of` distinguishes them). Case, hyphens and spaces
    are ignored. Return None if the text is no number or its check character is wrong.
    """
    plain = _plain(text)
    if len(plain) != _DIGITS + 1 or not set(plain) <= set(ALPHABET):
        return None
    *digits, check = (ALPHABET.index(character) for character in plain)
    if check != _check(digits):
        return None
    value = 0
    for digit in digits:
        value = value * _BASE + digit
    first = (value // _CHANCE + _EPOCH) * _SECOND
    return UUID(int=first << 80), UUID(int=(first + _SECOND) << 80)


def is_number_of(text: str, report_id: UUID) -> bool:
    """Return whether `text` is this report's desk number, in any case, with or without hyphens and spaces."""
    return _plain(text) == _plain(desk_number(report_id))


def spoken(number: str, reference: str, report_id: UUID) -> str:
    """Return a report's number for display, followed by the sender's reference: `R-2026-0042 · HL-1`.

    The reference is left out if it is empty or only repeats the report's id.
    """
    return number if reference in {"", str(report_id)} else f"{number} · {reference}"


def _plain(text: str) -> str:
    return text.upper().replace("-", "").replace(" ", "")


def _check(digits: list[int]) -> int:
    return sum(place * digit for place, digit in enumerate(digits, start=1)) % _BASE
