"""User names of services that no list names: the sentence marks the service by a capital and the words around it."""

import time

import pytest

from fanal.harmonise.domain.values.texts import find_selectors

SENTENCES = """\
Son pseudo sur {service} : {name}
Sur {service}, il s'appelle {name} et écrit à ma fille.
Il se fait appeler {name} sur {service}.
Le compte {service} {name} a écrit à ma fille.
C'est {name} ({service}).
{name}, sur {service}, demande des réponses.
Le profil {name} chez {service}
pseudo: {name} appli: {service}
son nom c'est {name} sur l'appli {service}
il m'a ajouté sur {service}, son identifiant est {name}
Nom d'utilisateur : {name}, plateforme : {service}
un certain « {name} » sur {service}
On {service} he calls himself {name}.
The {service} user {name} keeps writing.
The account {name} at {service} sent it.
{name} on the app {service}
His {service} name is {name}
{service} username {name}
{service} account: {name}
add me on {service}: {name}
he goes by {name} over on {service}
contact via {service} ({name})
Auf {service} heißt er {name}.
{name} bei {service}
En {service} se llama {name}.
la cuenta {name} en {service}
l'utente {name} su {service}
a conta {name} no {service}
gebruiker {name} op {service}
Na {service} nazywa się {name}
пользователь {name} в {service}
المستخدم {name} على {service}
användaren {name} på {service}
utilizatorul {name} pe {service}"""


def names(text: str, platform: str | None = None) -> set[str]:
    """The user names of a text in a report about `platform`."""
    found = find_selectors(text, platform=platform)
    return {hit.value for hit in found if hit.kind.value == "HANDLE"}


@pytest.mark.parametrize("sentence", SENTENCES.splitlines())
@pytest.mark.parametrize(
    ("service", "key"), [("Nightbird", "nightbird"), ("Blue Lamp", "bluelamp")]
)
def test_a_sentence_marks_the_service_of_a_user_name(sentence: str, service: str, key: str) -> None:
    assert names(sentence.format(service=service, name="red_kite")) == {f"red_kite@{key}"}


def test_the_service_of_the_sentence_comes_before_the_platform_of_the_report() -> None:
    assert names("Auf Nightbird heißt er red_kite", "Blue Lamp") == {"red_kite@nightbird"}


@pytest.mark.parametrize(
    "text",
    [
        "On Tuesday kite4421 wrote to him",
        "Contact : red_kite",
        "Blue Lamp : red_kite",
        "elle habite Lyon, red_kite lui écrit",
        "Marie connaît red_kite depuis un an",
        "Elle est sur Nightbird. Ailleurs il y a red_kite qui écrit.",
        "Sur Nightbird elle a reçu hier soir encore une autre fois plan_2.pdf",
    ],
)
def test_a_capital_alone_names_no_service(text: str) -> None:
    assert names(text) == set()


def test_a_listed_service_with_an_ending_stays_the_listed_one() -> None:
    assert names("dodaj mnie na Instagramie: red_kite") == {"red_kite@instagram"}


@pytest.mark.parametrize(
    "piece", ["Blue Lamp ", "on Blue ", "a_1 on App ", "On B a_1 (", "L'appli "]
)
def test_reading_time_stays_linear(piece: str) -> None:
    text = (piece * 200_000)[:200_000]
    start = time.process_time()
    find_selectors(text)
    assert time.process_time() - start < 2
