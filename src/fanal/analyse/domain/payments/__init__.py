"""Payments: published typologies as data, applied to the transfers of each payer. Pure, batch-oriented."""

from fanal.analyse.domain.payments.indicators import (
    PaymentsRefused,
    Typologies,
    load_typologies,
    read_typologies,
)
from fanal.analyse.domain.payments.scoring import (
    PayerScore,
    find_payment_signals,
    score_payers,
    told,
)
from fanal.analyse.domain.payments.transfers import Paid, paid_in

__all__ = [
    "Paid",
    "PayerScore",
    "PaymentsRefused",
    "Typologies",
    "find_payment_signals",
    "load_typologies",
    "paid_in",
    "read_typologies",
    "score_payers",
    "told",
]
