"""Words of the entry form, where the public form's own speak to the person who reports."""

from collections.abc import Mapping
from dataclasses import replace

from django.utils.translation import gettext_lazy as _

from fanal.web.public.choices import OFFERED, AnswerChoice
from fanal.web.public.saying import Text

SAID: Mapping[str, Text] = {
    "choose": _("Choose what fits best."),
    "fill_in": _("Leave empty what is not known."),
    "empty_is_fine": _("Leave empty what is not known."),
    "child_lead": _("Leave empty what is not known."),
    "child_name_hint": "",
    "address_hint": _("One address a line."),
    "date_hint": _("As the person says it: Saturday, 24 November, 24/11/2026."),
    "time_hint": _("As the person says it: 9 in the evening, 21:14."),
    "no_pictures": "",
    "description": _("The facts, in the caller's words"),
    "description_hint": _("The child’s own words as they were said, who heard them, and when."),
    "conversation": _("The conversation, if its text is at hand"),
    "shots": _("Messages read from screenshots"),
    "shots_what": _("The person keeps the screenshots. Note the messages that count most."),
    "suspect_name": _("Name, if it is known"),
    "suspect_where": _("Where is this person?"),
    "meeting_soon": _(
        "A meeting within a few hours? Answer “Yes, right now” to the question of danger."
    ),
}
"""Sentences by name, in place of those of the public form (`sayings`); empty: none is shown."""

DANGER = tuple(replace(choice, hint="") for choice in OFFERED["danger"]["danger"])
"""Whether a child is in danger now; the hint of the public form is for who reports."""
_CHILD = {
    "KNOWN": _("A child whom the person knows"),
    "STRANGER": _("A child whom the person does not know"),
    "UNKNOWN": _("Nobody knows"),
}
CHILD = tuple(AnswerChoice(code=code, words=words) for code, words in _CHILD.items())
"""Who the child is; for a child or a parent on the telephone it follows from that."""
