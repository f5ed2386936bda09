"""Neutral synthetic content: sentences, names, hosts, hashes, and reports made from them.

Everything is seeded and independent of the clock.
"""

import hashlib
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from random import Random  # noqa: TID251 - seeded: the same demo every time

import msgspec

Json = dict[str, object]
SEED = 20261124
GAMES = ("Castlequest", "Blockharbor", "Starlane")
SERVICES = ("Chatoria", "Pixelnest", "Galleo", "Voxroom")
TOWNS = (
    ("FR", "Lille", "59000"), ("FR", "Nantes", "44000"), ("FR", "Lyon", "69003"),
    ("FR", "Marseille", "13001"), ("FR", "Toulouse", "31000"), ("FR", "Rennes", "35000"),
    ("BE", "Namur", "5000"), ("CH", "Lausanne", "1003"), ("FR", "Saint-Denis", "97400"),
)  # fmt: skip
WORDS: Mapping[str, Mapping[str, Sequence[str]]] = {
    "GROOMING": {
        "fr": (
            "Un compte que nous ne connaissons pas écrit tous les soirs à mon enfant.",
            "Il demande souvent si les parents sont à la maison, puis il change de sujet.",
            "Le pseudonyme a changé, mais les phrases sont les mêmes que la semaine dernière.",
            "Il propose de continuer sur une autre messagerie et de ne pas en parler.",
            "Ma nièce dit que ce joueur lui offre des objets du jeu depuis dix jours.",
        ),
        "en": (
            "An account we do not know writes to my child every evening.",
            "The same player asked my nephew to move to another service.",
        ),
        "es": ("Una cuenta desconocida escribe a mi hija todas las noches en el juego.",),
        "de": ("Ein unbekanntes Konto schreibt meinem Sohn jeden Abend im Spiel.",),
        "tl": ("May account na hindi namin kilala na sumusulat sa anak ko gabi-gabi.",),
    },
    "ABUSE_MATERIAL": {
        "fr": (
            "J’ai suivi un lien en cherchant autre chose ; la page m’a paru illicite et je l’ai fermée.",
            "L’album est ouvert à tous et change d’adresse chaque semaine.",
            "Le lien circulait dans un groupe de discussion de quartier.",
            "La page a été signalée au service, qui n’a pas répondu depuis trois jours.",
        ),
        "en": ("The album is open to anybody and was shared in a public group.",),
        "es": ("El enlace apareció en un grupo público y no lo abrí otra vez.",),
        "de": ("Der Link stand in einer offenen Gruppe; ich habe die Seite sofort geschlossen.",),
    },
    "SEXTORTION": {
        "fr": (
            "Quelqu’un menace d’envoyer une photo à mes contacts et demande de l’argent.",
            "Il veut 200 euros en cartes cadeaux avant ce soir, sinon il publie.",
            "Le chantage a commencé une heure après la première discussion.",
        ),
        "en": ("Somebody threatens to send a picture to my contacts unless I pay.",),
        "es": ("Alguien me amenaza con enviar una foto a mis contactos si no pago.",),
    },
    "LIVESTREAM": {
        "fr": (
            "Plusieurs virements du même montant partent le soir vers le même bénéficiaire.",
            "Le compte annonce une séance à heure fixe et demande un paiement à l’avance.",
        ),
        "en": ("Several transfers of the same amount go to one beneficiary in the evening.",),
        "tl": ("Ilang beses siyang nagpadala ng pera sa parehong tao tuwing gabi.",),
    },
    "SEX_TOURISM": {
        "fr": (
            "Un voyageur de notre hôtel est revenu trois soirs de suite avec un enfant différent.",
            "Un voisin raconte ses voyages d’une façon qui m’inquiète ; il repart le mois prochain.",
        ),
        "en": ("A guest of our hotel came back three evenings in a row with different children.",),
        "de": ("Ein Gast kam an drei Abenden mit verschiedenen Kindern zurück.",),
    },
    "NONCONSENSUAL_IMAGE": {
        "fr": (
            "Une photo de moi circule dans mon collège sans mon accord.",
            "Une image modifiée avec le visage de ma fille a été envoyée à sa classe.",
        ),
        "en": ("A picture of me is shared at school and I never agreed.",),
    },
    "SOLICITATION": {
        "fr": (
            "Un adulte propose de l’argent à des élèves pour des rencontres.",
            "Une annonce en ligne s’adresse à des mineurs sous un titre banal.",
        ),
        "es": ("Un adulto ofrece dinero a alumnos para encontrarse con ellos.",),
    },
    "TRAFFICKING": {
        "fr": ("Une jeune fille dit qu’elle doit donner tout ce qu’elle gagne à un homme.",),
    },
    "OTHER": {
        "fr": (
            "Je ne sais pas si c’est important, mais cette conversation m’a mis mal à l’aise.",
            "Le site demande l’âge d’une drôle de manière.",
        ),
        "en": ("I am not sure this matters, but the page made me uneasy.",),
    },
}
REASONS = (
    "Les faits sont datés, le pseudonyme et l’adresse sont relevés ; transmission au service compétent.",
    "Le contenu a été qualifié par deux lectures ; les bases proposées conviennent.",
    "Recoupé avec deux signalements antérieurs ; même pseudonyme, même service.",
    "Éléments suffisants pour une transmission ; aucun doute sur l’âge indiqué.",
)
NO_FURTHER = (
    "Contenu licite après lecture ; l’auteur du signalement en est informé.",
    "Rien d’exploitable : ni adresse, ni pseudonyme, ni date. Classé, rouvert si un élément arrive.",
)
CHANNELS = {
    "GROOMING": "GAME", "ABUSE_MATERIAL": "WEB", "SEXTORTION": "SOCIAL", "LIVESTREAM": "MESSAGING",
    "SEX_TOURISM": "TRAVEL", "NONCONSENSUAL_IMAGE": "SOCIAL", "SOLICITATION": "SOCIAL",
    "TRAFFICKING": "OTHER", "OTHER": "WEB",
}  # fmt: skip


def chance(name: str) -> Random:
    """Return a random generator seeded by `name`: each demo event has its own, independent of the others."""
    return Random(f"{SEED}/{name}")  # noqa: S311 - no secret


def sentences(kind: str, language: str, luck: Random, *, count: int = 2) -> str:
    """Return up to `count` neutral sentences for a demo report of `kind`, in `language`, else in French.

    `luck` chooses them.
    """
    by_language = WORDS[kind]
    pool = by_language.get(language, by_language["fr"])
    return " ".join(luck.sample(list(pool), min(count, len(pool))))


def hashes(name: str) -> dict[str, str]:
    """Return the hashes of a fictitious file called `name`, by kind (`sha256`, `sha1`, `md5`)."""
    data = f"{SEED}/{name}".encode()
    return {
        "sha256": hashlib.sha256(data).hexdigest(),
        "sha1": hashlib.sha1(data, usedforsecurity=False).hexdigest(),
        "md5": hashlib.md5(data, usedforsecurity=False).hexdigest(),
    }


def pdq(name: str, *, turned: int = 0, luck: Random | None = None) -> str:
    """Return a pseudo-random PDQ hash (64 hexadecimal digits), always the same for `name`.

    `turned` is the number of its bits that `luck` flips, to give the hash of a similar picture.
    """
    value = int(hashlib.sha256(f"{SEED}/pdq/{name}".encode()).hexdigest(), 16)
    for bit in (luck or chance(name)).sample(range(256), turned):
        value ^= 1 << bit
    return f"{value:064x}"


def stamp(instant: datetime, *, minutes: float = 0) -> str:
    """Return an instant, moved back by `minutes`, as text (RFC 3339, without fractions of a second)."""
    return (instant - timedelta(minutes=minutes)).replace(microsecond=0).isoformat()


def suspect(value: str, platform: str, **more: object) -> Json:
    """Return a suspect of a report, as JSON, known by the user name `value` on the service `platform`.

    `more` are further fields of a person in the report format.
    """
    return {"role": "SUSPECT", "handles": [{"platform": platform, "value": value}], **more}


def victim(age: int, country: str = "FR") -> Json:
    """Return a victim of a report, as JSON, `age` years old, in `country` (ISO 3166-1 alpha-2)."""
    return {"role": "VICTIM", "age": age, "country": country}


def talk(instant: datetime, *lines: tuple[str, str]) -> list[Json]:
    """Return a conversation, as JSON, of (speaker, text) lines, a minute apart, that ends at `instant`."""
    count = len(lines)
    return [
        {"speaker": who, "at": stamp(instant, minutes=count - place), "text": text}
        for place, (who, text) in enumerate(lines)
    ]


def material(host: str, instant: datetime, name: str, *, addresses: int = 2) -> Json:
    """Return a report, as JSON, of an album on `host` with classified files and their hashes.

    `instant` is its receipt, `addresses` the number of pages, each with a file; `name` seeds the random
    values.
    """
    luck = chance(name)
    numbers = [luck.randrange(100, 999) for _ in range(addresses)]
    return {
        "kind": "ABUSE_MATERIAL",
        "channel": "WEB",
        "language": "fr",
        "occurred_at": stamp(instant, minutes=luck.randrange(30, 900)),
        "urls": [f"https://{host}/album/{number}" for number in numbers],
        "description": sentences("ABUSE_MATERIAL", "fr", luck),
        "files": [
            {
                "name": f"{name}-{number}",
                **hashes(f"{name}/{number}"),
                "pdq": pdq(f"{name}/{number}"),
                "classification": {"scheme": "NCMEC", "code": luck.choice(("A1", "A2", "B1"))},
                "seen_by_provider": True,
                "publicly_available": True,
            }
            for number in numbers
        ],
    }


def contact(host: str, instant: datetime, name: str) -> Json:
    """Return a report, as JSON, of an account on `host` that approaches children, without known material.

    `instant` is that of receipt; `name` seeds the random values.
    """
    luck = chance(name)
    return {
        "kind": "GROOMING",
        "channel": "MESSAGING",
        "language": "fr",
        "occurred_at": stamp(instant, minutes=luck.randrange(30, 900)),
        "urls": [f"https://{host}/compte/{luck.randrange(100, 999)}"],
        "description": sentences("GROOMING", "fr", luck),
    }


def encoded(body: Json) -> bytes:
    """Return a report as the bytes of its JSON text."""
    return msgspec.json.encode(body)
