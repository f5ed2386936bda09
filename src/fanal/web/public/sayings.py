"""Sentences of the report form, worded for a child, a parent, a witness or a professional.

A child is addressed in the familiar form in French, and in words about “you” instead of “a child”.
"""

from collections.abc import Mapping

from django.utils.translation import gettext_lazy as _, pgettext_lazy

from fanal.web.public.saying import Saying, Text
from fanal.web.public.sayings_after_sending import FOLLOWED, SENT
from fanal.web.public.steps import Voice


def said_to(voice: Voice) -> dict[str, Text]:
    """Return the sentences of the form's templates by name, worded for the person of `voice`."""
    return {name: saying.to(voice) for name, saying in _SAYINGS.items()}


_ALL_PAGES: Mapping[str, Saying] = {
    "lost": Saying(
        usual=_(
            "This form was open for too long, and for your safety we do not store its answers. What you typed"
            " on the last page was kept. Please go through the questions again."
        ),
        child=pgettext_lazy(
            "to a child",
            "This form was open for too long. To protect you, we store no answers. What you typed on the last"
            " page was kept. Please answer the questions again.",
        ),
    ),
    "cut": Saying(
        usual=_(
            "Only the beginning of your text could be read; it is below. Shorten it, then continue; the full"
            " text is still where you copied it from."
        ),
        child=pgettext_lazy(
            "to a child",
            "Your text is too long: only its beginning is below. Make it shorter, then go on.",
        ),
    ),
    "cut_kept": Saying(
        usual=_("Your answers on the other pages are kept."),
        child=pgettext_lazy("to a child", "Your answers on the other pages are kept."),
    ),
    "offline": Saying(
        usual=_(
            "No connection right now: nothing was sent, and everything is still here. Press again in a"
            " moment."
        ),
        child=pgettext_lazy(
            "to a child",
            "No connection right now. Nothing was sent, and everything is still here. Press again in a"
            " moment.",
        ),
    ),
    "too_long": Saying(
        usual=_("This is too long and was not sent. Shorten it first: nothing is lost."),
        child=pgettext_lazy(
            "to a child", "This is too long and was not sent. Make it shorter: nothing is lost."
        ),
    ),
    "your_code": Saying(
        usual=_("Your code"),
        child=pgettext_lazy("to a child", "Your code"),
    ),
}

_DANGER_AND_KIND: Mapping[str, Saying] = {
    "call_first": Saying(
        usual=_("If it is happening now, call first"),
        child=pgettext_lazy("to a child", "If it is happening now, call first"),
    ),
    "no_voice": Saying(
        usual=_(
            "These calls are free. You cannot talk on the phone? 114 answers by text message, app and"
            " internet, day and night."
        ),
        child=pgettext_lazy(
            "to a child",
            "Calling is free. You cannot talk? Send a text message to 114, day and night.",
        ),
    ),
    "calls_free": Saying(
        usual=_("These calls are free."), child=pgettext_lazy("to a child", "Calling is free.")
    ),
    "no_emergency_line": Saying(
        usual=_("This form is not an emergency line: it cannot send anybody to you at once."),
        child=pgettext_lazy(
            "to a child", "This form cannot send somebody to you at once. A call can."
        ),
    ),
    "danger_first": Saying(
        usual=_("A child in danger right now: call 17 or 112 first."),
        child=pgettext_lazy("to a child", "You are in danger now: call 17 or 112 first."),
        parent=_("Your child is in danger right now: call 17 or 112 first."),
    ),
    "go_on_afterwards": Saying(
        usual=_("Your answers stay here; go on afterwards."),
        child=pgettext_lazy("to a child", "Your answers stay here. Go on afterwards."),
    ),
    "choose": Saying(
        usual=_("Choose what fits best. You do not have to be sure."),
        child=pgettext_lazy("to a child", "Choose what fits best. You do not have to be sure."),
    ),
}

_FACTS: Mapping[str, Saying] = {
    "fill_in": Saying(
        usual=_("Fill in what you know and leave the rest empty."),
        child=pgettext_lazy("to a child", "Write what you know. Leave the rest empty."),
    ),
    "apps": Saying(
        usual=_("On which apps or games?"),
        child=pgettext_lazy("to a child", "On which apps or games?"),
    ),
    "apps_hint": Saying(
        usual=_("Tick all that apply."),
        child=pgettext_lazy("to a child", "You can tick several."),
    ),
    "service": Saying(
        usual=_("Another one, or a site: its name"),
        child=pgettext_lazy("to a child", "Another one? Write its name"),
    ),
    "date_hint": Saying(
        usual=_("As you would say it: Saturday, 24 November, 24/11/2026."),
        child=pgettext_lazy("to a child", "As you would say it: Saturday, or 24 November."),
    ),
    "time_hint": Saying(
        usual=_("As you would say it: 9 in the evening, 21:14."),
        child=pgettext_lazy("to a child", "As you would say it: 9 pm, or in the evening."),
    ),
    "understood": Saying(
        usual=_("We understood:"),
        child=pgettext_lazy("to a child", "We understood:"),
    ),
    "not_so": Saying(
        usual=_("If that is wrong, write it in another way."),
        child=pgettext_lazy("to a child", "If it is wrong, write it in another way."),
    ),
    "room_hint": Saying(
        usual=_(
            "For instance the name of a game server, a chat group, a world, a hotel or a city."
        ),
        child=pgettext_lazy("to a child", "For instance the name of a game server or of a group."),
    ),
    "address_hint": Saying(
        usual=_(
            "Copy it from the address bar. One address a line. Never open a page again only to copy it."
        ),
        child=pgettext_lazy(
            "to a child", "If you can copy it. Do not open a page again only for that."
        ),
    ),
    "no_pictures_title": Saying(
        usual=_("Do not send pictures or videos"),
        child=pgettext_lazy("to a child", "Send no picture and no video"),
    ),
    "no_pictures": Saying(
        usual=_(
            "Keeping or sending sexual pictures of a child is forbidden, even to help. And we do not need"
            " them: the address, the nickname and your words are enough. Do not look at them again."
        ),
        child=pgettext_lazy(
            "to a child",
            "We do not need them: your words are enough. If you can, do not delete your messages: they help"
            " to find this person.",
        ),
    ),
    "description": Saying(
        usual=_("In your own words"),
        child=pgettext_lazy("to a child", "In your own words"),
        professional=_("The facts, as you were told or saw them"),
    ),
    "description_hint": Saying(
        usual=_(
            "What happened, in which order. Short is fine. If you don’t know what to say, go on."
        ),
        child=pgettext_lazy(
            "to a child",
            "Tell it as it comes. Short is fine. You don’t know what to say? Go on.",
        ),
        professional=_("The child’s own words as they were said, who heard them, and when."),
    ),
    "conversation": Saying(
        usual=_("The conversation, if you can copy its text"),
        child=pgettext_lazy("to a child", "The messages, if you can copy them"),
    ),
    "conversation_hint": Saying(
        usual=_("Paste it as it is, one message a line, with the name first. Text only."),
        child=pgettext_lazy(
            "to a child",
            "Paste them as they are, with the names.",
        ),
    ),
    "shots": Saying(
        usual=_("I only have screenshots"),
        child=pgettext_lazy("to a child", "I only have screenshots"),
    ),
    "shots_what": Saying(
        usual=_(
            "Keep them where they are, and send them to nobody, not even to us: the police may ask for them"
            " later. Copy the most important messages here by hand. A sexual picture of a child: do not look"
            " at it again."
        ),
        child=pgettext_lazy(
            "to a child",
            "Keep them, and send them to nobody. The police may ask you for them later. Copy here what counts"
            " most: a threat, an order, a meeting.",
        ),
    ),
    "copied": Saying(
        usual=_("An important message"),
        child=pgettext_lazy("to a child", "An important message"),
    ),
    "copied_hint": Saying(
        usual=_("The name first, such as: pixel_fox: see you on Saturday."),
        child=pgettext_lazy(
            "to a child", "The name first, such as: pixel_fox: see you on Saturday."
        ),
    ),
    "copied_more": Saying(
        usual=_("Another message"), child=pgettext_lazy("to a child", "Another message")
    ),
    "copied_last": Saying(
        usual=_("One more message"), child=pgettext_lazy("to a child", "One more message")
    ),
}

_PEOPLE: Mapping[str, Saying] = {
    "empty_is_fine": Saying(
        usual=_("You may leave everything empty. Do not go looking for more: that is our work."),
        child=pgettext_lazy(
            "to a child", "You may leave everything empty. Do not look for more: that is our job."
        ),
    ),
    "suspect_name": Saying(
        usual=_("Name, if you know it"),
        child=pgettext_lazy("to a child", "Name, if you know it"),
    ),
    "suspect_contact_hint": Saying(
        usual=_("Other nicknames, e-mail address, phone number. One a line."),
        child=pgettext_lazy(
            "to a child", "Another nickname, an e-mail address, a number. One a line."
        ),
    ),
    "suspect_where": Saying(
        usual=_("Where is this person, as far as you know?"),
        child=pgettext_lazy("to a child", "Do you know where this person is?"),
    ),
    "child_lead": Saying(
        usual=_("You may leave everything empty."),
        child=pgettext_lazy("to a child", "You may leave everything empty."),
        parent=_("What you write helps us to protect your child. You may leave everything empty."),
    ),
    "child_name": Saying(
        usual=_("First name or nickname"),
        child=pgettext_lazy("to a child", "Your first name or nickname"),
    ),
    "child_name_hint": Saying(
        usual=_("Leave it empty if it is you."),
        child=pgettext_lazy("to a child", "Only if you want to."),
        parent=_("You may leave it empty."),
        professional=_("You may leave it empty."),
    ),
    "child_age": Saying(
        usual=_("Age, even roughly"),
        child=pgettext_lazy("to a child", "Your age"),
    ),
    "child_age_hint": Saying(
        usual=_("Such as 12, or about twelve."),
        child=pgettext_lazy("to a child", "Such as 12, or twelve."),
    ),
    "child_where": Saying(
        usual=_("Where is the child?"),
        child=pgettext_lazy("to a child", "Where do you live?"),
        parent=_("Where is your child?"),
    ),
    "meeting_lead": Saying(
        usual=_(
            "A meeting of the child and this person, for instance at a station or at somebody’s home."
        ),
        child=pgettext_lazy("to a child", "For instance at a station, or at somebody’s home."),
        parent=_(
            "A meeting of your child and this person, for instance at a station or at somebody’s home."
        ),
    ),
    "meeting_soon": Saying(
        usual=_("A meeting within a few hours? Call 17 now, without waiting for us."),
        child=pgettext_lazy(
            "to a child",
            "Do not go there. Talk to an adult whom you trust. It is soon? Call 17 now.",
        ),
    ),
}

_CONTACT: Mapping[str, Saying] = {
    "only_if_yes": Saying(
        usual=_("How to contact you, if you said yes"),
        child=pgettext_lazy("to a child", "How to contact you, if you said yes"),
    ),
    "your_name": Saying(
        usual=_("Your name"),
        child=pgettext_lazy("to a child", "Your name"),
        professional=_("Your name, your function and your organisation"),
    ),
    "your_name_hint": Saying(
        usual=_("You may leave it empty."),
        child=pgettext_lazy("to a child", "You may leave it empty."),
    ),
    "your_email": Saying(
        usual=_("Your e-mail address"),
        child=pgettext_lazy("to a child", "Your e-mail address"),
    ),
    "your_phone": Saying(
        usual=_("Your phone number"),
        child=pgettext_lazy("to a child", "Your phone number"),
    ),
    "address_kept": Saying(
        usual=_(
            "The internet address from which you write is kept, locked away, for two years. Only an"
            " investigator with a recorded reason may open it."
        ),
        child=pgettext_lazy(
            "to a child",
            "The internet address of your phone or computer is kept for two years, locked away. Only an"
            " investigator may open it, and has to say why.",
        ),
    ),
    "address_not_kept": Saying(
        usual=_(
            "The internet address from which you write is not kept, and neither is anything about your phone"
            " or computer."
        ),
        child=pgettext_lazy("to a child", "We keep nothing about your phone or computer."),
    ),
}

_CHECK: Mapping[str, Saying] = {
    "read_again": Saying(
        usual=_("Read it once more. You can change everything."),
        child=pgettext_lazy("to a child", "Read it once more. You can change everything."),
    ),
    "thin": Saying(
        usual=_(
            "Your report contains no address, nickname or description. You can send it like this, but a few"
            " words help us a lot."
        ),
        child=pgettext_lazy(
            "to a child", "You can send it like this. A few more words would help us a lot."
        ),
    ),
    "mistaken": Saying(
        usual=_("You are allowed to be mistaken."),
        child=pgettext_lazy("to a child", "You are allowed to be mistaken."),
    ),
    "stay_ten": Saying(
        usual=_(
            "Please stay on this page for ten seconds before you press “Send”: this keeps robots out."
        ),
        child=pgettext_lazy("to a child", "Wait ten seconds on this page, then press “Send”."),
    ),
    "failed": Saying(
        usual=_(
            "Something broke on our side. Everything you wrote is still here: please wait a moment, then"
            " press “Send” again. It will not be counted twice."
        ),
        child=pgettext_lazy(
            "to a child",
            "Something broke on our side. Everything you wrote is still here. Wait a moment, then press"
            " “Send” again.",
        ),
    ),
    "urgent_call": Saying(
        usual=_("If it is urgent, do not wait: call 17 or 112."),
        child=pgettext_lazy("to a child", "You are in danger? Do not wait: call 17 or 112."),
    ),
    "failed_title": Saying(
        usual=_("Your report may not have arrived"),
        child=pgettext_lazy("to a child", "Your report may not have arrived"),
    ),
    "wait": Saying(
        usual=_(
            "To keep robots out, please wait ten seconds, then press “Send” again. Nothing is lost."
        ),
        child=pgettext_lazy(
            "to a child", "Wait ten seconds, then press “Send” again. Nothing is lost."
        ),
    ),
    "underway_title": Saying(
        usual=_("Your report is on its way"),
        child=pgettext_lazy("to a child", "Your report is on its way"),
    ),
    "underway": Saying(
        usual=_(
            "It was sent a moment ago and is still being received. Wait a few seconds, then press “Send”"
            " again to see your code. It will not be counted twice."
        ),
        child=pgettext_lazy(
            "to a child", "Wait a few seconds, then press “Send” again to see your code."
        ),
    ),
    "crowded": Saying(
        usual=_(
            "Please wait one minute on this page, then press “Send” again. Nothing is lost. If it is urgent,"
            " call 17."
        ),
        child=pgettext_lazy(
            "to a child",
            "Wait one minute on this page, then press “Send” again. Nothing is lost. You are in danger? Call"
            " 17.",
        ),
    ),
}

_SAYINGS: Mapping[str, Saying] = {
    **_ALL_PAGES,
    **_DANGER_AND_KIND,
    **_FACTS,
    **_PEOPLE,
    **_CONTACT,
    **_CHECK,
    **SENT,
    **FOLLOWED,
}
