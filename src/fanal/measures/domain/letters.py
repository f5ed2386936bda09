"""The removal request: its text in French and English, and its machine-readable part. Pure.

Its content follows article 9(2) of Regulation (EU) 2022/2065: legal basis; reasons by reference to the
provision; issuing authority; exact addresses; redress for provider and recipient; authority to inform of the
effect; territorial scope; language and electronic contact point. In the text the addresses are defanged, so
that no reader opens one by mistake; the machine-readable part, on which the provider acts, has them exact.
"""

import re
from uuid import UUID

import msgspec
from msgspec import Struct

from fanal.casework.domain.records import Addressee
from fanal.measures.domain.records import MeasureKind, Request
from fanal.reference.words import french as typeset

SCHEMA = "fanal/removal-request/1"
_SCHEME = re.compile(r"^([a-z][a-z0-9+.\-]*):", re.IGNORECASE)


class Issuer(Struct, frozen=True, kw_only=True):
    """The issuing authority that signs: its name in French and English, its contact.

    It is set when the process starts (`config/wiring.py`), never from a web page.
    """

    name_fr: str = "Office anti-cybercriminalité (OFAC)"
    name_en: str = "Anti-cybercrime office (OFAC), France"
    contact: str = "retrait@desk.example"


class Letter(Struct, frozen=True, kw_only=True):
    """A removal request for display: its texts in French and English, and the machine-readable part (JSON).

    That part has the exact addresses, the texts have them defanged.
    """

    fr: str
    en: str
    machine: bytes


def canonical_bytes(request: Request, *, issuer: Issuer) -> bytes:
    """Serialise a removal request as the exact bytes that a second person approves and that are sent.

    JSON in UTF-8 with sorted keys: the values of the request, the issuer and both texts.
    """
    document = {
        "schema": SCHEMA,
        "request": msgspec.to_builtins(request),
        "issuer": msgspec.to_builtins(issuer),
        "text": {"fr": french(request, issuer), "en": english(request, issuer)},
    }
    return msgspec.json.encode(document, order="deterministic")


def read_letter(content: bytes) -> Letter:
    """Return both texts and the machine-readable part of a removal request's bytes (`canonical_bytes`).

    Raises:
        msgspec.DecodeError: `content` is not such bytes (the subclass `ValidationError` for other JSON).
    """
    document = msgspec.json.decode(content, type=_Document)
    machine = msgspec.json.encode(
        {"schema": document.schema, "request": document.request, "issuer": document.issuer},
        order="deterministic",
    )
    return Letter(fr=document.text.fr, en=document.text.en, machine=machine)


def read_request(content: bytes) -> Request:
    """Return the values of a removal request from its exact bytes (`canonical_bytes`).

    Raises:
        msgspec.DecodeError: `content` is not such bytes (the subclass `ValidationError` for other JSON).
    """
    return msgspec.json.decode(msgspec.json.decode(content, type=_Document).request, type=Request)


def erased_request(*, measure_id: UUID, revision: int, kind: MeasureKind) -> Request:
    """Return a removal request whose document has expired: id, revision and kind, all else empty."""
    return Request(
        measure_id=measure_id,
        revision=revision,
        kind=kind,
        addressee=Addressee(),
        host="",
        targets=(),
        basis="",
        basis_entry="",
        offence="",
        offence_entry="",
    )


def defang(address: str) -> str:
    """Defang scheme and host of an address, so that no reader opens it: `hxxps[:]//host[.]example/path`."""
    text = _SCHEME.sub(lambda m: f"{_defanged_scheme(m[1])}[:]", address, count=1)
    head, separator, rest = text.partition("//")
    if not separator:
        return text.replace(".", "[.]")
    host, slash, path = rest.partition("/")
    path = path.replace("://", "[:]//")
    return f"{head}//{host.replace('.', '[.]')}{slash}{path}"


def french(request: Request, issuer: Issuer) -> str:
    """Return the text of a removal request in French, signed by `issuer`, with its no-break spaces."""
    return typeset("\n\n".join(_french_parts(request, issuer)))


def _french_parts(request: Request, issuer: Issuer) -> tuple[str, ...]:
    return (
        f"{issuer.name_fr}\nDemande de retrait n° {request.measure_id}, révision {request.revision}",
        f"À l’attention de : {request.addressee.name} ({request.addressee.contact})",
        (
            "1. Fondement légal\n"
            f"La présente demande est faite en application de {law_fr(request.basis)}, pour des "
            f"contenus relevant de {law_fr(request.offence)}. Elle vaut injonction d’agir au sens de "
            "l’article 9 du règlement (UE) 2022/2065."
        ),
        (
            "2. Motifs\n"
            "Les contenus accessibles aux adresses ci-dessous présentent l’image ou la représentation "
            "d’un mineur à caractère pornographique. Leur mise à disposition est interdite par "
            f"{law_fr(request.offence)}."
        ),
        "3. Contenus visés\n"
        + _addresses(request)
        + "\nCes adresses sont neutralisées pour la lecture ; la partie lisible par machine, jointe, "
        "donne les adresses exactes. Ne les ouvrez que si l’exécution de la demande l’exige.",
        (
            "4. Ce qui est demandé\n"
            "Retirer ces contenus dans un délai de vingt-quatre heures à compter de la réception de la "
            "présente demande. Le non-retrait dans ce délai est puni d’un an d’emprisonnement et de "
            "250 000 euros d’amende (article 6-2-1 de la loi n° 2004-575 du 21 juin 2004). En cas de force "
            "majeure, d’erreur manifeste ou d’information insuffisante, informez-nous sans retard : le "
            "délai court alors de la fin de l’empêchement ou de la réception de nos précisions "
            "(article 6-2). Conservez les contenus retirés dans les conditions prévues par la loi pour "
            "les besoins de la justice."
        ),
        (
            "5. Portée territoriale\n"
            "La demande vise le retrait du contenu à la source, là où il est hébergé ; aucune mesure plus "
            "large n’est demandée."
        ),
        (
            "6. Suites et autorité à informer\n"
            f"Informez l’autorité émettrice ({issuer.contact}) sans retard injustifié de la suite donnée, en "
            "précisant si et quand la demande a été exécutée. La demande est transmise à la personnalité "
            "qualifiée désignée au sein de l’ARCOM et au coordinateur pour les services numériques."
        ),
        "7. Information du fournisseur du contenu\n" + _disclosure_fr(request),
        (
            "8. Voies de recours\n"
            "L’hébergeur et le fournisseur du contenu peuvent demander l’annulation de la demande au "
            "président du tribunal administratif dans un délai de quarante-huit heures à compter de sa "
            "réception ou, pour le fournisseur du contenu, à compter de l’information du retrait. Il est "
            "statué dans un délai de soixante-douze heures. Le jugement est susceptible d’appel dans un "
            "délai de dix jours."
        ),
        (
            "9. Langue et point de contact\n"
            f"Demande adressée au point de contact électronique {request.addressee.contact}, en français "
            "et en anglais."
        ),
    )


def english(request: Request, issuer: Issuer) -> str:
    """Return the text of a removal request in English, signed by `issuer`."""
    return "\n\n".join(_english_parts(request, issuer))


def _english_parts(request: Request, issuer: Issuer) -> tuple[str, ...]:
    return (
        f"{issuer.name_en}\nRemoval request no. {request.measure_id}, revision {request.revision}",
        f"To: {request.addressee.name} ({request.addressee.contact})",
        (
            "1. Legal basis\n"
            f"This request is made under {law_en(request.basis)}, for content falling under "
            f"{law_en(request.offence)}. It is an order to act within the meaning of Article 9 of "
            "Regulation (EU) 2022/2065."
        ),
        (
            "2. Reasons\n"
            "The content available at the addresses below is a pornographic image or representation of "
            f"a minor. Making it available is prohibited by {law_en(request.offence)}."
        ),
        "3. Content concerned\n"
        + _addresses(request)
        + "\nThese addresses are made inactive for reading; the machine-readable part, attached, gives "
        "the exact addresses. Open them only where carrying out the request requires it.",
        (
            "4. What is asked\n"
            "Remove this content within twenty-four hours of receipt of this request. Failure to remove it "
            "within that time is punishable by one year’s imprisonment and a fine of EUR 250,000 "
            "(Article 6-2-1 of Law no. 2004-575 of 21 June 2004). In the event of force majeure, manifest "
            "error or insufficient information, tell us without delay: the time then runs from the end of "
            "the impediment, or from receipt of our clarification (Article 6-2). Keep the removed content "
            "as the law provides, for the needs of the courts."
        ),
        (
            "5. Territorial scope\n"
            "The request concerns removal of the content at its source, where it is hosted; no wider "
            "measure is asked."
        ),
        (
            "6. Follow-up and authority to inform\n"
            f"Inform the issuing authority ({issuer.contact}) without undue delay of the effect given, "
            "stating whether and when the request was carried out. The request is transmitted to the "
            "qualified person designated within ARCOM and to the Digital Services Coordinator."
        ),
        "7. Informing the content provider\n" + _disclosure_en(request),
        (
            "8. Redress\n"
            "The host and the content provider may ask the president of the administrative court to annul "
            "the request within forty-eight hours of its receipt or, for the content provider, of being "
            "informed of the removal. The court rules within seventy-two hours. The ruling may be appealed "
            "within ten days."
        ),
        (
            "9. Language and contact point\n"
            f"Request addressed to the electronic contact point {request.addressee.contact}, in French "
            "and in English."
        ),
    )


class _Texts(Struct, frozen=True):
    fr: str
    en: str


class _Document(Struct, frozen=True):
    schema: str
    request: msgspec.Raw
    issuer: msgspec.Raw
    text: _Texts


def _defanged_scheme(scheme: str) -> str:
    return re.sub("^htt", "hxx", scheme, flags=re.IGNORECASE)


def _addresses(request: Request) -> str:
    return "\n".join(f"  {n}. {defang(target)}" for n, target in enumerate(request.targets, 1))


def law_fr(code: str) -> str:
    """Return an article of law in French: `CP 227-23` becomes “l’article 227-23 du code pénal”.

    A code of another book than CP and LCEN is returned as it is.
    """
    name, _, article = code.partition(" ")
    books = {
        "CP": "du code pénal",
        "LCEN": "de la loi n° 2004-575 du 21 juin 2004 pour la confiance dans l’économie numérique",
    }
    return f"l’article {article} {books[name]}" if name in books else code


def law_en(code: str) -> str:
    """Return an article of law in English: `CP 227-23` is “Article 227-23 of the French Criminal Code”.

    A code of another book than CP and LCEN is returned as it is.
    """
    name, _, article = code.partition(" ")
    books = {
        "CP": "of the French Criminal Code",
        "LCEN": "of French Law no. 2004-575 of 21 June 2004 on confidence in the digital economy",
    }
    return f"Article {article} {books[name]}" if name in books else code


def _disclosure_fr(request: Request) -> str:
    if request.non_disclosure:
        return (
            "N’informez pas le fournisseur du contenu : la non-divulgation est décidée pour les besoins "
            "de l’enquête, pour une durée de six semaines au plus, qui peut être prolongée (article 6-2)."
        )
    return (
        "Informez le fournisseur du contenu, au plus tard au moment du retrait, de celui-ci, de ses "
        "motifs, de la possibilité de recevoir copie de la demande et de ses voies de recours "
        "(article 6-2)."
    )


def _disclosure_en(request: Request) -> str:
    if request.non_disclosure:
        return (
            "Do not inform the content provider: non-disclosure is decided for the needs of the "
            "investigation, for six weeks at most, which may be extended (Article 6-2)."
        )
    return (
        "Inform the content provider, at the time of removal at the latest, of the removal, its reasons, "
        "the possibility of receiving a copy of the request, and the means of redress (Article 6-2)."
    )
