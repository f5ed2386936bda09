"""The written reasons of withholdings expire with the dossier's reports, those that end one too."""

from datetime import timedelta

import pytest

from fanal.crosscheck.dossiers.queries import dossier_of
from fanal.db import sql
from fanal.deconfliction.sharing.operations import withhold
from tests.integration.desk.story import Desk, add_reports
from tests.integration.desk.test_erased_first import of_signs
from tests.integration.desk.test_erased_meanwhile import erase
from tests.server import as_worker

pytestmark = pytest.mark.django_db


def said(desk: Desk) -> None:
    """Withhold the dossier of two reports and end it, with a reason each."""
    add_reports(desk, [("a", 95, of_signs("1")), ("b", 94, of_signs("1"))])
    dossier = dossier_of(actor=desk.actor("ana"), report_id=desk.reports["a"])
    assert dossier is not None
    for n, words in enumerate(("Begins.", "Ends.")):
        withhold(
            actor=desk.actor("claire"), dossier_id=dossier, counterpart_id=None, withheld=not n,
            words=words, now=desk.now + timedelta(seconds=n),
        )  # fmt: skip


def reasons() -> list[str]:
    with as_worker():
        found = sql.rows("SELECT words FROM deconfliction_withholding_words ORDER BY words")
    return [words for (words,) in found]


def test_the_reason_of_an_end_is_erased_with_a_report(desk: Desk) -> None:
    said(desk)
    assert reasons() == ["Begins.", "Ends."]
    erase(desk, "b")
    assert reasons() == []


def test_a_report_of_the_withholding_that_left_the_dossier_counts(desk: Desk) -> None:
    from fanal.crosscheck.domain.records import JudgementAct
    from tests.integration.desk.test_erased_first import say

    add_reports(desk, [(n, 95 - k, of_signs("1")) for k, n in enumerate("abc")])
    ids = desk.reports
    dossier = dossier_of(actor=desk.actor("ana"), report_id=ids["a"])
    claire = desk.actor("claire")
    assert dossier is not None
    withhold(
        actor=claire, dossier_id=dossier, counterpart_id=None, withheld=True, words="Begins.",
        now=desk.now,
    )  # fmt: skip
    say(desk, JudgementAct.SPLIT, left=[ids["a"], ids["b"]], right=[ids["c"]])
    withhold(
        actor=claire, dossier_id=dossier, counterpart_id=None, withheld=False, words="Ends.",
        now=desk.now + timedelta(seconds=1),
    )  # fmt: skip
    erase(desk, "c")
    assert reasons() == []
