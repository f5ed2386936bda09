"""The report that a person names in a form by its desk number or by the sender's reference."""

from uuid import UUID

from django.http import HttpRequest
from django.utils.translation import gettext as _

from fanal.intake.queries.envelopes import find_named
from fanal.web.account.actors import actor_of
from fanal.web.reading import journal_search


class Unclear(Exception):
    """Error: a form is incomplete, or names no single report; `words` is the message for the person."""

    def __init__(self, words: str) -> None:
        super().__init__(words)
        self.words = words


def named_report(request: HttpRequest, typed: str) -> UUID:
    """Return the id of the report with this number or reference (`find_named`).

    The search is recorded in the ledger.

    Raises:
        Unclear: nothing typed, or none or several match.
    """
    if not typed:
        raise Unclear(_("Type the number or the reference of the report to attach."))
    actor = actor_of(request)
    found = find_named(actor=actor, text=typed).report_ids
    journal_search(request, kind="REFERENCE", text=typed, reports=found)
    if len(found) != 1:
        raise Unclear(
            _("Several reports bear this reference: use the number of one.")
            if found
            else _("No report of your desk bears this number or reference.")
        )
    return found[0]
