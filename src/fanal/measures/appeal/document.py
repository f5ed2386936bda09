"""Record of an appeal: who contests which measure before which court, in French and English. Pure."""

from collections.abc import Callable, Mapping
from uuid import UUID

import msgspec
from msgspec import Struct

from fanal.casework.domain.letters import LetterText
from fanal.measures.appeal.kind import Filer
from fanal.measures.domain.letters import Issuer

SCHEMA = "fanal/appeal/1"
Words = Callable[[str, Mapping[str, str | int], str], str]
"""Renders a part of the record from code, parameters and language (label kind `appeal_record`)."""
_PARTS = ("HEAD", "MEASURE", "FILER", "COURT", "CLAIMS", "TERMS")


class Appeal(Struct, frozen=True, kw_only=True):
    """The content of the record of an appeal.

    `act_id` and `revision` identify its document. `contested_id` is the contested measure, `contested_kind`
    its kind of act, `contested_number` the desk's number of it. `filer` is who files, `filer_name` the name
    as in the application. `court` and `case_number` are those of the application, `claims` its claims and
    grounds in short. `known_at` (ISO 8601, "" if unknown) is when the filer received the measure or learned
    of it: the time to file runs from then.
    """

    act_id: UUID
    revision: int
    contested_id: UUID
    contested_kind: str
    contested_number: str
    filer: Filer
    filer_name: str
    court: str
    case_number: str
    known_at: str
    claims: str


class AppealDocument(Struct, frozen=True, kw_only=True):
    """The document of an appeal: its content, the authority that registered it, its text.

    `schema` names the format and its version.
    """

    schema: str
    appeal: Appeal
    issuer: Issuer
    text: LetterText


def write_appeal(
    appeal: Appeal,
    *,
    issuer: Issuer,
    words: Words,
    label: Callable[[str, str, str], str],
    known: Callable[[str], str],
) -> bytes:
    """Serialise the record of an appeal, with its text in both languages (canonical JSON).

    `issuer` is the authority that registers it. `words` renders the parts of the text, `label` a code of a
    label kind in a language, `known` the instant `known_at` in a language.
    """

    def text(lang: str) -> str:
        parameters = {
            "issuer": issuer.name_en if lang == "en" else issuer.name_fr,
            "number": str(appeal.act_id),
            "kind": label("act_document", appeal.contested_kind, lang),
            "measure": appeal.contested_number,
            "measure_id": str(appeal.contested_id),
            "filer": label("appeal_filer", appeal.filer, lang),
            "name": appeal.filer_name or "…",
            "court": appeal.court or "…",
            "case": appeal.case_number or "…",
            "claims": appeal.claims or "…",
            "known": known(lang) or "…",
        }
        return "\n\n".join(words(part, parameters, lang) for part in _PARTS)

    document = AppealDocument(
        schema=SCHEMA, appeal=appeal, issuer=issuer, text=LetterText(text("fr"), text("en"))
    )
    return msgspec.json.encode(document, order="deterministic")


def read_appeal(content: bytes) -> AppealDocument:
    """Decode the record of an appeal (JSON), as `write_appeal` serialised it.

    Raises:
        msgspec.DecodeError: not the bytes of an appeal (the subclass `ValidationError` for other JSON).
    """
    return msgspec.json.decode(content, type=AppealDocument)
