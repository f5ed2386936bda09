"""What a sentence says of a suspect whom no field names: how much it is worth."""

import pytest

from fanal.crosscheck.domain.cards import WEAK, card_of
from fanal.crosscheck.domain.weights import load_weights
from fanal.harmonise.domain.records import SelectorRole
from fanal.harmonise.domain.sightings import ROLE_CODES
from tests.unit.crosscheck.test_rule import IBAN, harmonised, score, suspect

WEIGHTS = load_weights()
_SAID = ROLE_CODES[SelectorRole.SUSPECT] | WEAK
_CONTENT = ROLE_CODES[SelectorRole.CONTENT] | WEAK


def roles(body: dict[str, object]) -> list[int]:
    """The roles of the values of a report's card."""
    (report,) = harmonised([body])
    return sorted(value.role for value in card_of(report).values)


def test_a_single_identifier_of_a_sentence_is_the_suspects_where_no_field_names_one() -> None:
    assert roles({"description": "Il écrit de rare@mail.test."}) == [_SAID]
    assert roles({"description": "Son snap : red_kite77, mail rare@mail.test"}) == [_SAID, _SAID]


def test_of_two_identifiers_of_one_kind_either_may_be_the_childs() -> None:
    assert roles({"description": "one@mail.test et two@mail.test"}) == [_CONTENT, _CONTENT]


def test_where_a_field_names_the_suspect_the_text_may_name_anybody() -> None:
    known = suspect(handle="rare_wolf@chatline") | {"description": "Il écrit à rare@mail.test."}
    assert _SAID not in roles(known)


@pytest.mark.parametrize(
    ("told", "text"),
    [
        ({"handle": "red_kite77@snapchat"}, "Son snap : red_kite77"),
        ({"accounts": [{"kind": "IBAN", "value": IBAN}]}, f"Il faut payer sur {IBAN}."),
    ],
)
def test_a_user_name_or_account_of_such_a_sentence_is_certain(
    told: dict[str, object], text: str
) -> None:
    assert score(suspect(**told), {"description": text}) >= WEIGHTS.strong


@pytest.mark.parametrize(
    ("told", "text"),
    [
        ({"email": "rare@mail.test"}, "Il écrit de rare@mail.test."),
        ({"phone": "+33639980001"}, "Son numéro : +33639980001."),
        ({"handle": "red_kite77@snapchat"}, "Son snap : red_kite77. Insta : blue_kite1"),
    ],
)
def test_a_mailbox_a_number_or_one_of_two_names_of_a_sentence_is_a_suggestion(
    told: dict[str, object], text: str
) -> None:
    assert WEIGHTS.doubtful <= score(suspect(**told), {"description": text}) < WEIGHTS.strong


def test_the_user_name_of_two_such_sentences_is_a_suggestion_and_their_mailbox_is_none() -> None:
    one, two = ({"description": f"{word} snap : red_kite77"} for word in ("Son", "Her"))
    assert WEIGHTS.doubtful <= score(one, two) < WEIGHTS.strong
    one, two = ({"description": f"{word} mail : rare@mail.test"} for word in ("Son", "Her"))
    assert score(one, two) < WEIGHTS.doubtful


def test_the_page_of_an_account_names_the_suspect_of_a_report_without_one() -> None:
    page = {"urls": ["https://www.snapchat.com/add/red_kite77"]}
    assert score(suspect(handle="red_kite77@snapchat"), page) >= WEIGHTS.strong
