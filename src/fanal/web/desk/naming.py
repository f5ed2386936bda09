"""The report that a person names in a form by its desk number or by the sender's reference."""

from uuid import UUID

from django.http import HttpRequest
from django.utils.translation import gettext as _

from fanal.intake.queries.envelopes import find_desk_number, find_references
from fanal.kernel.numbers import read_number
from fanal.web.account.actors import actor_of
from fanal.web.reading import journal_search


class Unclear(Exception):
    """Error: a form is incomplete, or names no single report; `words` is the message for the person."""

    def __init__(self, words: str) -> None:
        super().__init__(words)
        self.words = words


def named_report(request: HttpRequest, typed: str) -> UUID:
    """Return the id of the report with this number or reference. The search is recorded in the ledger.

    A whole number (`R-2026-0042`) names its report even where it is a sender's reference too.

    Raises:
        Unclear: nothing typed, or none or several match.
    """
    if not typed:
        raise Unclear(_("Type the number or the reference of the report to attach."))
    actor = actor_of(request)
    found = find_desk_number(actor=actor, number=typed)
    whole = (number := read_number(typed)) is not None and number.kind is not None
    if not (found and whole):  # a sender's reference may look like a number: `8/2026`
        found = list(dict.fromkeys((*found, *find_references(actor=actor, reference=typed))))
    journal_search(request, kind="REFERENCE", text=typed, reports=found)
    if len(found) != 1:
        raise Unclear(
            _("Several reports bear this reference: use the number of one.")
            if found
            else _("No report of your desk bears this number or reference.")
        )
    return found[0]
