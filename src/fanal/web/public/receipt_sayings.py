"""Sentences of the pages after “Send”, by the person who filled in the form."""

from collections.abc import Mapping

from django.utils.translation import gettext_lazy as _, pgettext_lazy

from fanal.web.public.saying import Saying

SENT: Mapping[str, Saying] = {
    "arrived_title": Saying(
        usual=_("Your report has arrived"),
        child=pgettext_lazy("to a child", "Your report has arrived"),
    ),
    "arrived": Saying(
        usual=_("Your report has arrived. Thank you."),
        child=pgettext_lazy("to a child", "We have your report. Thank you."),
    ),
    "thanks": Saying(
        usual=_("You did the right thing. What happened is not your fault."),
        child=pgettext_lazy("to a child", "You did well. What happened is not your fault."),
        parent=_("You did the right thing. Tell your child that it is not their fault."),
        professional=_("You did the right thing."),
    ),
    "said_danger": Saying(
        usual=_("You said that a child is in danger right now."),
        child=pgettext_lazy("to a child", "You said that you are in danger right now."),
        parent=_("You said that your child is in danger right now."),
    ),
    "first_of_all": Saying(
        usual=_(
            "Your report goes before all others. Call 17 or 112 all the same: it is the fastest way."
        ),
        child=pgettext_lazy(
            "to a child",
            "We read your report first. Call 17 or 112 all the same: it is faster.",
        ),
    ),
    "alerted": Saying(
        usual=_("Our team has been alerted. Call 17 or 112 all the same: it is the fastest way."),
        child=pgettext_lazy(
            "to a child", "Our team knows it. Call 17 or 112 all the same: it is faster."
        ),
    ),
    "write_down": Saying(
        usual=_("Write this code down now."),
        child=pgettext_lazy("to a child", "Write this code down now."),
    ),
    "only_way": Saying(
        usual=_(
            "It is the only way to follow your report and to read our questions. We do not keep it: if you"
            " lose it, nobody can find it again. Do not show it to anybody you do not trust."
        ),
        child=pgettext_lazy(
            "to a child",
            "With it you can read our answers. If you lose it, nobody can find it again. Show it only to"
            " somebody you trust.",
        ),
    ),
    "only_you": Saying(
        usual=_("Nobody can change it. Only you have the code."),
        child=pgettext_lazy("to a child", "Nobody can change it. Only you have the code."),
    ),
    "come_back": Saying(
        usual=_("Come back in a few days with your code: we may have a question for you."),
        child=pgettext_lazy(
            "to a child", "Come back in a few days with your code: we may ask you something."
        ),
    ),
    "come_back_tonight": Saying(
        usual=_("Come back tonight with your code: we may have a question for you."),
        child=pgettext_lazy(
            "to a child", "Come back tonight with your code: we may ask you something."
        ),
    ),
    "keep_receipt": Saying(
        usual=_("Download the signed receipt"),
        child=pgettext_lazy("to a child", "Keep a proof"),
    ),
    "talk": Saying(
        usual=_(
            "119 listens to children and to those who worry about one, day and night. 3018 helps with online"
            " violence and blackmail and can have content removed quickly."
        ),
        child=pgettext_lazy(
            "to a child",
            "Call 119: somebody listens to you, day and night. 3018 helps if somebody threatens you or shows"
            " your pictures online.",
        ),
    ),
    "first_version": Saying(
        usual=_(
            "The first version arrived and cannot be changed any more. To add something, open its follow-up"
            " with this code and write to us there."
        ),
        child=pgettext_lazy(
            "to a child",
            "We have the first version, and it cannot be changed. To add something, open “Follow my report”"
            " with this code and write to us there.",
        ),
    ),
    "you_wrote": Saying(
        usual=_("What you wrote this time"),
        child=pgettext_lazy("to a child", "What you wrote this time"),
    ),
    "copy_from_here": Saying(
        usual=_("It was not sent and is stored nowhere: copy from here what you want to add."),
        child=pgettext_lazy("to a child", "It was not sent. Copy from here what you want to add."),
    ),
}
