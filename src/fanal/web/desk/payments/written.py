"""Instants and keys of transfers as people read them, in both languages. Pure but for words."""

from datetime import datetime

from django.utils.translation import gettext as _

from fanal import reference
from fanal.analyse.domain.payments import Paid
from fanal.kernel.calendar import PARIS

_FORMATS = {"fr": "%d/%m/%Y %H:%M", "en": "%Y-%m-%d %H:%M"}
_DAYS = {"fr": "%d/%m/%Y", "en": "%Y-%m-%d"}


def instant(at: datetime, lang: str) -> str:
    """Return an instant in Europe/Paris, to the minute."""
    return at.astimezone(PARIS).strftime(_FORMATS[lang])


def when(paid: Paid, lang: str) -> str:
    """Return when a transfer was made: to the minute, a day where the source knows no hour, or a dash."""
    if paid.at is None:
        return "–"
    return paid.at.astimezone(PARIS).strftime((_FORMATS if paid.exact else _DAYS)[lang])


def compared_by(key: str, lang: str) -> str:
    """Return what a payer is compared by: the kind of selector and its value, or a mere name."""
    kind, _sep, value = key.partition("|")
    if kind == "NAME":
        return _("name at one operator")
    return f"{reference.label('selector_kind', kind, lang)} {value}"
