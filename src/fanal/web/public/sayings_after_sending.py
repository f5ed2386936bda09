"""Sentences of the pages after “Send” (receipt, follow-up), worded for the person who filled in the form."""

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
        usual=_("119 listens to children and to those who worry about one, day and night."),
        child=pgettext_lazy("to a child", "Call 119: somebody listens to you, day and night."),
    ),
    "talk_online": Saying(
        usual=_(
            "3018 helps with online violence and blackmail and can have content removed quickly."
        ),
        child=pgettext_lazy(
            "to a child", "3018 helps if somebody threatens you or shows your pictures online."
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


FOLLOWED: Mapping[str, Saying] = {
    "asked": Saying(
        usual=_("Our team has a question"),
        child=pgettext_lazy("to a child", "Our team has a question for you"),
    ),
    "your_report": Saying(usual=_("Your report"), child=pgettext_lazy("to a child", "Your report")),
    "message_arrived": Saying(
        usual=_("Your message has arrived. Thank you."),
        child=pgettext_lazy("to a child", "We have your message. Thank you."),
    ),
    "message_locked": Saying(
        usual=_("Your message has arrived. It is locked: only our team can read it."),
        child=pgettext_lazy("to a child", "We have your message. Only our team can read it."),
    ),
    "in_progress": Saying(
        usual=_(
            "It has arrived and is being prepared for reading. This takes minutes, rarely hours."
        ),
        child=pgettext_lazy("to a child", "We have it. Our team can read it in a few minutes."),
    ),
    "with_team": Saying(
        usual=_(
            "Our team has it. A person reads it, the most urgent reports first. We cannot say here what is"
            " done with it, so as not to warn the person concerned."
        ),
        child=pgettext_lazy(
            "to a child",
            "Our team has it. A person reads it, the most urgent reports first. We cannot tell you here what"
            " we do. The person who did this must not know it.",
        ),
    ),
    "no_question": Saying(
        usual=_("No question for you so far."),
        child=pgettext_lazy("to a child", "No question for you so far."),
    ),
    "your_answer": Saying(usual=_("Your answer"), child=pgettext_lazy("to a child", "Your answer")),
    "answer_or_add": Saying(
        usual=_("Answer, or add something"),
        child=pgettext_lazy("to a child", "Answer, or add something"),
    ),
    "you": Saying(usual=_("You"), child=pgettext_lazy("to a child", "You")),
    "danger_now": Saying(
        usual=_("A child is in danger now: alert our team at once"),
        child=pgettext_lazy("to a child", "I am in danger now: tell the team at once"),
    ),
    "message_failed_title": Saying(
        usual=_("Your message may not have arrived"),
        child=pgettext_lazy("to a child", "Your message may not have arrived"),
    ),
    "message_failed": Saying(
        usual=_(
            "Something broke on our side. What you wrote is still here: please wait a moment, then send it"
            " again."
        ),
        child=pgettext_lazy(
            "to a child",
            "Something broke on our side. What you wrote is still here. Wait a moment, then send it again.",
        ),
    ),
    "message_empty": Saying(
        usual=_("Write something before you send."),
        child=pgettext_lazy("to a child", "Write something before you send."),
    ),
    "message_long": Saying(
        usual=_(
            "This is too long: %(long)s characters, of %(most)s at most. Send it in several messages."
        ),
        child=pgettext_lazy(
            "to a child",
            "This is too long: %(long)s characters, of %(most)s at most. Send it in several messages.",
        ),
    ),
    "message_cut": Saying(
        usual=_(
            "This is too long to be read in full: only its beginning is here. Send it in several messages."
        ),
        child=pgettext_lazy(
            "to a child", "This is too long: only its beginning is here. Send several messages."
        ),
    ),
    "erased": Saying(
        usual=_(
            "This report has been erased: we keep none longer than the law allows. To tell us something, make"
            " a new report."
        ),
        child=pgettext_lazy(
            "to a child",
            "We have erased this report: the law says how long we keep it. To tell us something, make a new"
            " report.",
        ),
    ),
    "report_erased": Saying(
        usual=_(
            "Your message was not sent: this report has been erased. Your text is below: copy it into a new"
            " report. In danger, call 17 or 112."
        ),
        child=pgettext_lazy(
            "to a child",
            "Your message was not sent: this report has been erased. Your text is below. Copy it into a new"
            " report. You are in danger? Call 17 or 112.",
        ),
    ),
    "messages_spent": Saying(
        usual=_(
            "Our team has your last messages (%(most)s) and cannot receive more for some hours. Nothing is"
            " lost: your text is below. Send it again later. In danger, call 17 or 112."
        ),
        child=pgettext_lazy(
            "to a child",
            "Our team has your last messages (%(most)s). It can receive more in some hours. Your text is"
            " below: send it later. You are in danger? Call 17 or 112.",
        ),
    ),
}
