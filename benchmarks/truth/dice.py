"""Seeded random numbers: the same seed gives the same reports on every machine."""

from collections.abc import Sequence
from typing import TypeVar

import numpy as np

T = TypeVar("T")
_LETTERS = "abcdefghijklmnopqrstuvwxyz"


class Dice:
    """Seeded random generator; it draws uniform numbers in blocks, since single draws cost more."""

    def __init__(self, seed: int) -> None:
        self._rng = np.random.default_rng(seed)
        self._block: list[float] = []

    def uniform(self) -> float:
        """Return a number in [0, 1)."""
        if not self._block:
            self._block = self._rng.random(4096).tolist()
        return self._block.pop()

    def happens(self, share: float) -> bool:
        """Return True with probability `share`."""
        return self.uniform() < share

    def below(self, bound: int) -> int:
        """Return a whole number in [0, bound)."""
        return int(self.uniform() * bound)

    def between(self, least: int, most: int) -> int:
        """Return a whole number in [least, most]."""
        return least + self.below(most - least + 1)

    def one(self, items: Sequence[T]) -> T:
        """Return a random item, all equally likely."""
        return items[self.below(len(items))]

    def often_first(self, items: Sequence[T]) -> T:
        """Return a random item, the first ones far more often (density falling as 1/x)."""
        return items[int(len(items) ** self.uniform()) - 1]

    def tail(self, least: int, most: int, *, steepness: float) -> int:
        """Return a whole number from `least` to `most` by a Pareto law: small ones are far more likely.

        `steepness` is the exponent of the law.
        """
        drawn = least * (1 - self.uniform()) ** (-1 / steepness)
        return min(most, int(drawn))

    def digest(self, octets: int) -> str:
        """Return `octets` random bytes as hexadecimal digits."""
        return "".join(f"{self.below(256):02x}" for _ in range(octets))

    def word(self, letters: int) -> str:
        """Return a string of `letters` random letters."""
        return "".join(_LETTERS[self.below(26)] for _ in range(letters))

    def mistyped(self, text: str) -> str:
        """Return `text` with one typing error: two characters swapped, or one lost, doubled or replaced.

        The error may change nothing, as when equal characters are swapped; shorter than three characters,
        `text` is unchanged.
        """
        if len(text) < 3:
            return text
        at, kind = self.between(1, len(text) - 2), self.below(4)
        if kind == 0:
            return text[:at] + text[at + 1] + text[at] + text[at + 2 :]
        if kind == 1:
            return text[:at] + text[at + 1 :]
        if kind == 2:
            return text[:at] + text[at] + text[at:]
        other = str(self.below(10)) if text[at].isdigit() else _LETTERS[self.below(26)]
        return text[:at] + other + text[at + 1 :]
