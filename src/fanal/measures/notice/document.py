"""Document of a notice (DSA, article 16(2)): its content, the letter in French and English, JSON."""

from collections.abc import Callable
from uuid import UUID

import msgspec
from msgspec import Struct

from fanal.casework.domain.letters import LetterText, Mail
from fanal.casework.domain.records import Addressee
from fanal.kernel.texts import stripped
from fanal.kernel.typed import is_mail_address
from fanal.measures.domain.letters import Issuer, defang, law_en, law_fr

SCHEMA = "fanal/notice/1"
Words = Callable[[str, dict[str, str], str], str]
"""Renders a part of the letter from code, parameters and language (label kind `notice_letter`)."""
_PARTS = ("HEAD", "BASIS", "REASONS", "PLACES", "EXPECTED", "GOOD_FAITH")


class Notice(Struct, frozen=True, kw_only=True):
    """The content of a notice to a provider about illegal content (DSA, article 16).

    `number` is the id of the act; `targets` are exact addresses on `host`. `offence` is the code of the
    article violated, `offence_entry` the id of its applied version, `reasons` the officer's text. `addressee`
    is the provider. `flagger` names the decision that made its sender a trusted flagger (DSA art. 22); empty
    without such status.
    """

    number: UUID
    host: str
    targets: tuple[str, ...]
    offence: str
    offence_entry: str
    addressee: Addressee = Addressee()
    reasons: str = ""
    flagger: str = ""


class NoticeDocument(Struct, frozen=True, kw_only=True):
    """The document of a notice as approved and sent: its content, the issuing authority, the letter.

    `schema` names the format and its version.
    """

    schema: str
    notice: Notice
    issuer: Issuer
    text: LetterText


def write_notice(notice: Notice, *, issuer: Issuer, words: Words) -> bytes:
    """Serialise the document of a notice, with its letter in both languages (canonical JSON).

    `issuer` is the authority that signs the letter; `words` are the labels and templates of its text.
    """
    text = LetterText(*(_letter(notice, issuer, words, lang) for lang in ("fr", "en")))
    document = NoticeDocument(schema=SCHEMA, notice=notice, issuer=issuer, text=text)
    return msgspec.json.encode(document, order="deterministic")


def read_notice(content: bytes) -> NoticeDocument:
    """Decode the document of a notice (JSON), as `write_notice` serialised it.

    Raises:
        msgspec.DecodeError: not the bytes of a notice (the subclass `ValidationError` for other JSON).
    """
    return msgspec.json.decode(content, type=NoticeDocument)


def mail_of(content: bytes) -> Mail:
    """Return the e-mail that sends a notice, from its document (JSON bytes).

    Its recipient is "" if the contact point is a web form or missing.
    """
    said = read_notice(content)
    contact = said.notice.addressee.contact
    return Mail(
        sender=said.issuer.contact,
        recipient=contact if is_mail_address(contact) else "",
        subject=f"Notification DSA 16 / Notice {said.notice.number}",
        text=said.text,
        attachment="notice.json",
    )


def lacks_of(content: bytes) -> str:
    """Return the code of what is missing in the document of a notice (its bytes), "" if it is complete.

    Codes: NO_ADDRESSEE, NO_REASONS (label kind `notice_refusal`).
    """
    notice = read_notice(content).notice
    if not notice.addressee.complete:
        return "NO_ADDRESSEE"
    return "" if stripped(notice.reasons) else "NO_REASONS"


def _letter(notice: Notice, issuer: Issuer, words: Words, lang: str) -> str:
    english = lang == "en"
    parameters = {
        "issuer": issuer.name_en if english else issuer.name_fr,
        "contact": issuer.contact,
        "number": str(notice.number),
        "name": notice.addressee.name or "…",
        "point": notice.addressee.contact or "…",
        "law": law_en(notice.offence) if english else law_fr(notice.offence),
        "reasons": notice.reasons or "…",
        "addresses": "\n".join(f"  {n}. {defang(one)}" for n, one in enumerate(notice.targets, 1)),
        "flagger": notice.flagger,
    }
    parts = list(_PARTS)
    if notice.flagger:
        parts.insert(2, "TRUSTED")
    return "\n\n".join(words(part, parameters, lang) for part in parts)
