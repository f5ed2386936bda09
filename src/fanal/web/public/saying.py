"""A sentence of the report form, worded for each kind of person who may fill it in."""

from dataclasses import dataclass

from django.utils.functional import Promise

from fanal.web.public.steps import Voice

Text = str | Promise


@dataclass(frozen=True, slots=True, kw_only=True)
class Saying:
    """A sentence of the report form, worded for each kind of person who may fill it in (`Voice`).

    `usual` is the wording for all others; `child`, `parent` and `professional` are None if it is used for
    them too.
    """

    usual: Text
    child: Text | None = None
    parent: Text | None = None
    professional: Text | None = None

    def to(self, voice: Voice) -> Text:
        """Return the wording for a person: `voice` says who fills in the form."""
        own = {
            Voice.CHILD: self.child,
            Voice.PARENT: self.parent,
            Voice.PROFESSIONAL: self.professional,
        }.get(voice)
        return self.usual if own is None else own
