"""Logins have one form."""

from hypothesis import given, strategies as st

from fanal.accounts.domain.records import canonical_login, is_login, login_from_name


def test_spellings_of_a_login_are_one() -> None:
    assert {
        canonical_login(s) for s in ("ana", "ANA", " Ana ", "ＡＮＡ", "aɴa".replace("ɴ", "N"))
    } == {"ana"}


@given(st.text(max_size=50))
def test_the_form_is_stable(text: str) -> None:
    once = canonical_login(text)
    assert canonical_login(once) == once


@given(st.text(max_size=200))
def test_logins_of_partners_are_plain(name: str) -> None:
    login = login_from_name(name)
    assert login
    assert login == canonical_login(login)
    assert all(c.isascii() and (c.isalnum() or c == "-") for c in login)


def test_no_account_has_a_login_like_those_of_erased_accounts() -> None:
    assert is_login("erasmus-1")
    for login in ("erased-1", "ERASED-jean", "[erased-1]", "ｅrased-1"):
        assert not is_login(login)


def test_a_login_consists_of_letters_and_digits_in_its_normal_form_too() -> None:
    for login in ("élise", "Анна", "lee١", "a" * 150):
        assert is_login(login)
    for login in ("½", "x²", "Ⅳ", "ﷺ", "ana b", "", "a" * 151, "ﬃ" * 60):
        assert not is_login(login)
