"""A report leaves by no export when another desk, which has reports in its dossier, shares it with nobody."""

from datetime import timedelta

import pytest

from fanal.accounts import row_scope
from fanal.cli.resolve import to_export
from fanal.crosscheck.dossiers.queries import dossier_of
from fanal.deconfliction.sharing.operations import withhold
from fanal.kernel.refusal import Refusal
from tests.integration.desk.story import Desk, add_reports
from tests.integration.desk.test_erased_first import of_signs

pytestmark = pytest.mark.django_db


def test_the_decision_of_another_desk_counts(desk: Desk) -> None:
    add_reports(desk, [("ours", 95, of_signs("1")), ("free", 94, of_signs("2"))])
    add_reports(desk, [("theirs", 93, of_signs("1"))], desk_id=2)
    claire, yann, ids = desk.actor("claire"), desk.actor("yann"), desk.reports
    for n, withheld in enumerate((True, False)):
        with row_scope.shown_to(yann):
            dossier = dossier_of(actor=yann, report_id=ids["theirs"])
            assert dossier is not None
            withhold(
                actor=yann, dossier_id=dossier, counterpart_id=None, withheld=withheld,
                words="Before an arrest.", now=desk.now + timedelta(seconds=n),
            )  # fmt: skip
        with row_scope.shown_to(claire):
            if withheld:
                with pytest.raises(Refusal, match=r"^KEPT_BACK$"):
                    to_export(claire, [ids["free"], ids["ours"]])
                assert to_export(claire, [ids["free"], ids["theirs"]]) == [ids["free"]]
            else:
                assert to_export(claire, [ids["ours"]]) == [ids["ours"]]
