"""Ages as people write them in French or English: "douze", "12 ans et demi". Pure."""

import re

from fanal.kernel.typed import whole_number
from fanal.web.public.written_times import NUMBERS, WORD, numbered, plain_words

_OF_AGE = numbered(
    "j ai en il elle a c est je mon ma fils fille enfant ans an age de d",
    "i m am he she s is it my son daughter child years year old yrs yo aged age of",
).keys()
_ABOUT_AGE = numbered("environ vers about around").keys()
_HALF_A_YEAR = re.compile(r"\b(?:et demie?|and a half)\b")
_SIGN = re.compile(r"[^\w\s.,!-]|(?<!\w)-")
"""A sign that says more of an age than a number does: `17+`, `<13`, `12?`."""
_OLDEST = 120


def read_age(text: str) -> int | None:
    """Return the single age in a text such as `12`, `about 12`, `douze ans` or `12 ans et demi`, or None.

    Between 0 and 120 years. A text that says anything else (`18 mois`, `en 6e`, `moins de 15 ans`) names
    none.
    """
    words = WORD.findall(_HALF_A_YEAR.sub("", plain_words(text)))
    found = [word for word in words if word[0].isdecimal() or word in NUMBERS]
    others = set(words) - set(found) - _OF_AGE - _ABOUT_AGE
    if len(found) != 1 or others or _SIGN.search(plain_words(text)):
        return None
    age = NUMBERS.get(found[0], whole_number(found[0], digits=3))
    return age if age is not None and age <= _OLDEST else None


def is_age_alone(text: str) -> bool:
    """Return whether a text names an age and nothing more, not even `about` or `et demi`."""
    plain = plain_words(text)
    more = _HALF_A_YEAR.search(plain) or _ABOUT_AGE & set(WORD.findall(plain))
    return read_age(text) is not None and not more
