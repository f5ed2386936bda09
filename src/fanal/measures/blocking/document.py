"""Document of a blocking order (LCEN article 6-1): content, letter in French and English, JSON. Pure."""

from collections.abc import Callable
from enum import StrEnum
from uuid import UUID

import msgspec
from msgspec import Struct

from fanal.casework.domain.letters import LetterText
from fanal.kernel.texts import stripped
from fanal.measures.blocking.names import HostName
from fanal.measures.domain.letters import Issuer, defang, law_en, law_fr

SCHEMA = "fanal/blocking/1"
Words = Callable[[str, dict[str, str], str], str]
"""Renders a part of the letter from code, parameters and language (label kind `blocking_letter`)."""
_PARTS = ("HEAD", "BASIS", "NAME", "GROUND", "REASONS", "ASKED", "DURATION", "REDRESS", "CONTROL")


class Ground(StrEnum):
    """The legal grounds of a blocking.

    UNEXECUTED: the host did not execute the removal request in time. NO_MENTIONS: nobody could be asked,
    since the publisher gives none of the legal mentions of who it is (LCEN article 1er-1).
    """

    UNEXECUTED = "UNEXECUTED"
    NO_MENTIONS = "NO_MENTIONS"


class Mentions(Struct, frozen=True, kw_only=True):
    """A checklist of the particulars that a site must publish (legal mentions, LCEN article 1er-1).

    Each field holds the reference of the capture that proves the absence of one: the publisher's name
    (`identity`), seat or address, telephone number, director of publication, host. Empty: its absence is not
    proved. A private person may give no more than the host; `host` is then not absent.
    """

    identity: str = ""
    seat: str = ""
    phone: str = ""
    director: str = ""
    host: str = ""

    @property
    def complete(self) -> bool:
        """Whether the absence of every particular is proved."""
        return all(stripped(getattr(self, name)) for name in self.__struct_fields__)


class Blocking(Struct, frozen=True, kw_only=True):
    """The content of a blocking order: host name, removal request on which it rests, ground and reasons.

    `act_id` and `revision` identify its document. `host` is the name to block; `requested` is the host of the
    removal request `removal_id`: the same name, or one below it. `received` is the receipt of that request
    (ISO 8601), empty without one. `mentions` is the checklist of the ground NO_MENTIONS. `basis` is the
    article that provides the measure, `offence` the article violated; `basis_entry` and `offence_entry` are
    the ids of the applied versions of the law.
    """

    act_id: UUID
    revision: int
    host: HostName
    removal_id: UUID
    requested: str
    ground: Ground
    basis: str
    basis_entry: str
    offence: str
    offence_entry: str
    received: str = ""
    mentions: Mentions = Mentions()
    reasons: str = ""


class BlockingDocument(Struct, frozen=True, kw_only=True):
    """The document of a blocking as approved: its content, the issuing authority, the letter.

    `schema` names the format and its version.
    """

    schema: str
    blocking: Blocking
    issuer: Issuer
    text: LetterText


def write_blocking(
    blocking: Blocking, *, issuer: Issuer, words: Words, received: Callable[[str], str]
) -> bytes:
    """Serialise the document of a blocking, with its letter in both languages (canonical JSON).

    `issuer` is the authority that signs the letter; `words` are the labels and templates of its text;
    `received` formats the instant of the receipt in a language.
    """
    texts = (_letter(blocking, issuer, words, received(lang), lang) for lang in ("fr", "en"))
    document = BlockingDocument(
        schema=SCHEMA, blocking=blocking, issuer=issuer, text=LetterText(*texts)
    )
    return msgspec.json.encode(document, order="deterministic")


def read_blocking(content: bytes) -> BlockingDocument:
    """Decode the document of a blocking (JSON), as `write_blocking` serialised it.

    Raises:
        msgspec.DecodeError: not the bytes of a blocking (the subclass `ValidationError` for other JSON).
    """
    return msgspec.json.decode(content, type=BlockingDocument)


def lacks_of(content: bytes) -> str:
    """Return the code of what is missing in the document of a blocking (its bytes), "" if it is complete.

    Codes: NO_MENTIONS, NO_REASONS (label kind `blocking_refusal`).
    """
    blocking = read_blocking(content).blocking
    if blocking.ground is Ground.NO_MENTIONS and not blocking.mentions.complete:
        return "NO_MENTIONS"
    return "" if stripped(blocking.reasons) else "NO_REASONS"


def _letter(blocking: Blocking, issuer: Issuer, words: Words, received: str, lang: str) -> str:
    english = lang == "en"
    law = law_en if english else law_fr
    parameters = {
        "issuer": issuer.name_en if english else issuer.name_fr,
        "contact": issuer.contact,
        "number": str(blocking.act_id),
        "revision": str(blocking.revision),
        "name": defang(blocking.host),
        "requested": defang(blocking.requested),
        "removal": str(blocking.removal_id),
        "received": received,
        "basis": law(blocking.basis.removesuffix(" FAI")),
        "law": law(blocking.offence),
        "reasons": blocking.reasons or "…",
    }
    parts = [f"GROUND_{blocking.ground}" if part == "GROUND" else part for part in _PARTS]
    return "\n\n".join(words(part, parameters, lang) for part in parts)
