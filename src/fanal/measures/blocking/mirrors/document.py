"""Document of the blocking of a mirror (LCEN article 6-4): content, letter in both languages, JSON. Pure."""

from collections.abc import Callable
from datetime import date
from uuid import UUID

import msgspec
from msgspec import Struct

from fanal.casework.domain.letters import LetterText
from fanal.kernel.calendar import read_day
from fanal.kernel.texts import stripped
from fanal.measures.blocking.names import HostName
from fanal.measures.domain.letters import Issuer, defang, law_en, law_fr

SCHEMA = "fanal/mirror/1"
Words = Callable[[str, dict[str, str], str], str]
"""Renders a part of the letter from code, parameters and language (label kind `mirror_letter`)."""
_FIRST = date(2000, 1, 1)
_PARTS = ("HEAD", "BASIS", "NAME", "DECISION", "REASONS", "ASKED", "DURATION", "CONTACT")


class CourtDecision(Struct, frozen=True, kw_only=True):
    """The decision of a judicial court against a service, in force until the end of a day.

    `court` and `number` are those of the decision, `service` is the host name of the service that it
    condemns. `ruled_on` is its day, `enforceable_on` the first and `ends_on` the last day on which it is
    enforceable and its measures are in force (ISO 8601).
    """

    court: str = ""
    number: str = ""
    service: str = ""
    ruled_on: str = ""
    enforceable_on: str = ""
    ends_on: str = ""

    @property
    def days(self) -> tuple[date, date, date] | None:
        """The day of the decision, the first and the last on which it is enforceable; None if one is no day.

        None too if they are not in this order, or before 2000.
        """
        ruled, first, last = map(read_day, (self.ruled_on, self.enforceable_on, self.ends_on))
        if ruled is None or first is None or last is None:
            return None
        if not _FIRST <= ruled <= first <= last:
            return None
        return ruled, first, last


class Mirror(Struct, frozen=True, kw_only=True):
    """The content of the blocking of a mirror: the host name, the court's decision, the resemblance.

    `act_id` and `revision` identify its document. `host` is the name to block. `basis` is the article that
    provides the measure, `basis_entry` the id of the applied version of it. `reasons` says in what the mirror
    takes over the condemned service, in whole or in substance.
    """

    act_id: UUID
    revision: int
    host: HostName
    decision: CourtDecision
    basis: str
    basis_entry: str
    reasons: str = ""


class MirrorDocument(Struct, frozen=True, kw_only=True):
    """The document of the blocking of a mirror as approved: its content, the issuing authority, the letter.

    `schema` names the format and its version.
    """

    schema: str
    mirror: Mirror
    issuer: Issuer
    text: LetterText


def write_mirror(mirror: Mirror, *, issuer: Issuer, words: Words) -> bytes:
    """Serialise the document of the blocking of a mirror, its letter in both languages (canonical JSON).

    `issuer` is the authority that signs the letter; `words` are the labels and templates of its text.
    """
    texts = (_letter(mirror, issuer, words, lang) for lang in ("fr", "en"))
    document = MirrorDocument(schema=SCHEMA, mirror=mirror, issuer=issuer, text=LetterText(*texts))
    return msgspec.json.encode(document, order="deterministic")


def read_mirror(content: bytes) -> MirrorDocument:
    """Decode the document of the blocking of a mirror (JSON), as `write_mirror` serialised it.

    Raises:
        msgspec.DecodeError: not the bytes of a mirror (the subclass `ValidationError` for other JSON).
    """
    return msgspec.json.decode(content, type=MirrorDocument)


def lacks_of(content: bytes) -> str:
    """Return the code of what is missing in the document of a mirror (its bytes), "" if it is complete.

    Codes: NO_DECISION, WRONG_DAYS, NO_REASONS (label kind `mirror_refusal`).
    """
    mirror = read_mirror(content).mirror
    decision = mirror.decision
    if not all(map(stripped, (decision.court, decision.number, decision.service))):
        return "NO_DECISION"
    if decision.days is None:
        return "WRONG_DAYS"
    return "" if stripped(mirror.reasons) else "NO_REASONS"


def _letter(mirror: Mirror, issuer: Issuer, words: Words, lang: str) -> str:
    english, decision = lang == "en", mirror.decision
    law = law_en if english else law_fr
    parameters = {
        "issuer": issuer.name_en if english else issuer.name_fr,
        "contact": issuer.contact,
        "number": str(mirror.act_id),
        "revision": str(mirror.revision),
        "name": defang(mirror.host),
        "basis": law(mirror.basis),
        "court": decision.court or "…",
        "case": decision.number or "…",
        "service": defang(decision.service) or "…",
        "ruled": _day(decision.ruled_on),
        "first": _day(decision.enforceable_on),
        "ends": _day(decision.ends_on),
        "reasons": mirror.reasons or "…",
    }
    return "\n\n".join(words(part, parameters, lang) for part in _PARTS)


def _day(text: str) -> str:
    day = read_day(text)
    return day.strftime("%d/%m/%Y") if day else "…"
