"""NCMEC's words for what happened and where, in the one shape's kinds and channels."""

from collections.abc import Mapping, Sequence
from typing import Final

from fanal.formats.report.records import Channel, ReportKind

# The eight incident types; the last four have no kind of their own and stay in extra and hints.
KINDS: Final[Mapping[str, ReportKind]] = {
    "Child Pornography (possession, manufacture, and distribution)": ReportKind.ABUSE_MATERIAL,
    "Child Sex Trafficking": ReportKind.TRAFFICKING,
    "Child Sex Tourism": ReportKind.SEX_TOURISM,
    "Online Enticement of Children for Sexual Acts": ReportKind.GROOMING,
    "Child Sexual Molestation": ReportKind.OTHER,
    "Misleading Domain Name": ReportKind.OTHER,
    "Misleading Words or Digital Images on the Internet": ReportKind.OTHER,
    "Unsolicited Obscene Material Sent to a Child": ReportKind.OTHER,
}

CHANNELS: Final[Mapping[str, Channel]] = {
    "webPageIncident": Channel.WEB,
    "webpageIncident": Channel.WEB,
    "emailIncident": Channel.EMAIL,
    "newsgroupIncident": Channel.OTHER,
    "chatImIncident": Channel.MESSAGING,
    "onlineGamingIncident": Channel.GAME,
    "cellPhoneIncident": Channel.PHONE,
    "nonInternetIncident": Channel.OTHER,
    "peer2peerIncident": Channel.P2P,
}


# Words of incident types as other programs and years wrote them; the first found counts.
_WORDS: Final = (
    ("pornography", ReportKind.ABUSE_MATERIAL),
    ("trafficking", ReportKind.TRAFFICKING),
    ("tourism", ReportKind.SEX_TOURISM),
    ("enticement", ReportKind.GROOMING),
)


def kind_of_words(text: str) -> ReportKind:
    """Return the kind that a free wording of an incident type means, OTHER if none is known."""
    exact = KINDS.get(text.strip())
    if exact is not None:
        return exact
    lowered = text.lower()
    return next((kind for word, kind in _WORDS if word in lowered), ReportKind.OTHER)


def refined_kind(kind: ReportKind, *, annotations: Sequence[str]) -> ReportKind:
    """Return the kind of an enticement report, told apart by what the sender annotated."""
    if kind is ReportKind.GROOMING:
        if "sextortion" in annotations:
            return ReportKind.SEXTORTION
        if "csamSolicitation" in annotations:
            return ReportKind.SOLICITATION
    return kind
