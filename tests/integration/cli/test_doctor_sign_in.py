"""`fanal doctor` asks the provider of single sign-on what it names, as a sign-in does."""

from collections.abc import Iterator

import pytest

from fanal.cli.doctor_checks import look_at_single_sign_on
from fanal.cli.finding import FindingLevel
from tests.integration.accounts.provider import CLIENT, WELL_KNOWN, Provider


@pytest.fixture
def provider(monkeypatch: pytest.MonkeyPatch) -> Iterator[Provider]:
    """A provider on loopback, and a process that is set up for it."""
    stub = Provider()
    monkeypatch.setenv("FANAL_OIDC_URL", f"{stub.issuer}{WELL_KNOWN}")
    monkeypatch.setenv("FANAL_OIDC_CLIENT_ID", CLIENT)
    yield stub
    stub.stop()


def _said() -> tuple[FindingLevel, str]:
    (finding,) = look_at_single_sign_on()
    return finding.level, finding.text


def test_without_single_sign_on_nothing_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FANAL_OIDC_URL", raising=False)
    assert list(look_at_single_sign_on()) == []


def test_a_sound_provider_is_named(provider: Provider) -> None:
    level, text = _said()
    assert level is FindingLevel.FINE
    assert provider.issuer in text


def test_an_endpoint_that_others_read_is_named(provider: Provider) -> None:
    provider.says = {"token_endpoint": f"{provider.in_clear}/token"}
    level, text = _said()
    assert level is FindingLevel.PROBLEM
    assert "token_endpoint is no https address" in text


def test_a_provider_without_keys_is_said(provider: Provider) -> None:
    provider.keys = [provider.public(provider.key, use="enc")]
    level, text = _said()
    assert level is FindingLevel.PROBLEM
    assert "no key" in text


def test_a_provider_that_is_away_is_said(provider: Provider) -> None:
    provider.raw = {WELL_KNOWN: (500, b"{}")}
    level, text = _said()
    assert level is FindingLevel.PROBLEM
    assert "no answer" in text
