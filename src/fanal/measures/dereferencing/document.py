"""Document of a dereferencing (LCEN article 6-1): its content, the letter in French and English. Pure."""

from collections.abc import Callable, Mapping
from uuid import UUID

import msgspec
from msgspec import Struct

from fanal.casework.domain.letters import LetterText, Mail
from fanal.casework.domain.records import Addressee
from fanal.kernel.texts import stripped
from fanal.kernel.typed import is_mail_address
from fanal.measures.domain.letters import Issuer, defang, law_en, law_fr

SCHEMA = "fanal/dereferencing/1"
ENDED = "fanal/dereferencing-end/1"
"""Schema of the message that asks to list the addresses again."""
Words = Callable[[str, Mapping[str, str | int], str], str]
"""Renders a part of a letter from code, parameters and language (label kind `dereferencing_letter`)."""
_PARTS = ("HEAD", "BASIS", "ADDRESSES", "REASONS", "ASKED", "DURATION", "REDRESS", "CONTROL")
_RESTORED = ("END_HEAD", "END_ASKED", "ADDRESSES_AGAIN", "END_PROOF")


class Dereferencing(Struct, frozen=True, kw_only=True):
    """The content of a dereferencing: the search engine or directory, and the addresses not to list any more.

    `act_id` and `revision` identify its document. `removal_id` is the removal request on which it rests,
    `addressee` the recipient, `host` the host name of the addresses `targets`. `basis` is the article that
    provides the measure, `offence` the article violated; `basis_entry` and `offence_entry` are the ids of the
    applied versions of the law. `hours` is the time allowed for removing the results, `again` for listing
    them again after the end. `reasons` is the officer's text.
    """

    act_id: UUID
    revision: int
    removal_id: UUID
    host: str
    addressee: Addressee
    targets: tuple[str, ...]
    basis: str
    basis_entry: str
    offence: str
    offence_entry: str
    hours: int
    again: int
    reasons: str = ""


class DereferencingDocument(Struct, frozen=True, kw_only=True):
    """The document of a dereferencing as approved and sent: its content, the issuing authority, the letter.

    `schema` names the format and its version.
    """

    schema: str
    dereferencing: Dereferencing
    issuer: Issuer
    text: LetterText


class Restoration(Struct, frozen=True, kw_only=True):
    """A request to a search engine or directory to list addresses again, since a dereferencing has ended.

    `act_id` is the act that ended, `ended_at` the instant (ISO 8601), `targets` are the addresses. `schema`
    names the format and its version.
    """

    schema: str
    act_id: UUID
    ended_at: str
    targets: tuple[str, ...]
    issuer: Issuer
    text: LetterText


def write_dereferencing(act: Dereferencing, *, issuer: Issuer, words: Words) -> bytes:
    """Serialise the document of a dereferencing, with its letter in both languages (canonical JSON).

    `issuer` is the authority that signs the letter; `words` are the labels and templates of its text.
    """
    text = LetterText(*(_letter(_PARTS, act, issuer, words, lang) for lang in ("fr", "en")))
    document = DereferencingDocument(schema=SCHEMA, dereferencing=act, issuer=issuer, text=text)
    return msgspec.json.encode(document, order="deterministic")


def read_dereferencing(content: bytes) -> DereferencingDocument:
    """Decode the document of a dereferencing (JSON), as `write_dereferencing` serialised it.

    Raises:
        msgspec.DecodeError: not such bytes (the subclass `ValidationError` for other JSON).
    """
    return msgspec.json.decode(content, type=DereferencingDocument)


def mail_of(content: bytes) -> Mail:
    """Return the e-mail that sends a dereferencing, from its document (JSON bytes).

    Its recipient is "" if the contact point is a web form or missing.
    """
    said = read_dereferencing(content)
    return _mail(said.dereferencing, said.issuer, said.text, "Déréférencement / Dereferencing")


def write_restoration(content: bytes, *, ended_at: str, words: Words) -> tuple[Mail, bytes]:
    """Return the e-mail that asks to list the addresses of a dereferencing again, and its JSON attachment.

    `content` are the exact bytes of the act, `ended_at` the instant of its end (ISO 8601); `words` are the
    labels and templates of the text.
    """
    said = read_dereferencing(content)
    act, issuer = said.dereferencing, said.issuer
    text = LetterText(*(_letter(_RESTORED, act, issuer, words, lang) for lang in ("fr", "en")))
    asked = Restoration(
        schema=ENDED,
        act_id=act.act_id,
        ended_at=ended_at,
        targets=act.targets,
        issuer=issuer,
        text=text,
    )
    mail = _mail(act, issuer, text, "Fin du déréférencement / End of dereferencing")
    return mail, msgspec.json.encode(asked, order="deterministic")


def lacks_of(content: bytes) -> str:
    """Return the code of what the document of a dereferencing (its bytes) lacks, "" if it is complete.

    Codes: NO_ADDRESSEE, NO_REASONS (label kind `dereferencing_refusal`).
    """
    act = read_dereferencing(content).dereferencing
    if not act.addressee.complete:
        return "NO_ADDRESSEE"
    return "" if stripped(act.reasons) else "NO_REASONS"


def _mail(act: Dereferencing, issuer: Issuer, text: LetterText, subject: str) -> Mail:
    contact = act.addressee.contact
    return Mail(
        sender=issuer.contact,
        recipient=contact if is_mail_address(contact) else "",
        subject=f"{subject} {act.act_id}",
        text=text,
        attachment="dereferencing.json",
    )


def _letter(
    parts: tuple[str, ...], act: Dereferencing, issuer: Issuer, words: Words, lang: str
) -> str:
    english = lang == "en"
    law = law_en if english else law_fr
    parameters: dict[str, str | int] = {
        "issuer": issuer.name_en if english else issuer.name_fr,
        "contact": issuer.contact,
        "number": str(act.act_id),
        "revision": str(act.revision),
        "name": act.addressee.name or "…",
        "point": act.addressee.contact or "…",
        "removal": str(act.removal_id),
        "basis": law(act.basis.removesuffix(" moteurs")),
        "law": law(act.offence),
        "reasons": act.reasons or "…",
        "addresses": "\n".join(f"  {n}. {defang(one)}" for n, one in enumerate(act.targets, 1)),
        "hours": act.hours,
        "again": act.again,
    }
    return "\n\n".join(words(part, parameters, lang) for part in parts)
