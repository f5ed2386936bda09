"""Single sign-on is set up over https, or with a provider on this machine."""

import ast
from pathlib import Path

import pytest

import fanal.config.sign_in
from fanal.config.environment import SettingRefused, read_environment
from fanal.config.sign_in import sign_in_settings

KNOWN = {"FANAL_OIDC_CLIENT_ID": "fanal"}


@pytest.mark.parametrize(
    "url", ["http://id.example.org/", "id.example.org", "https://", "http://["]
)
def test_an_address_that_others_read_is_refused(url: str) -> None:
    with pytest.raises(SettingRefused, match="https"):
        read_environment(KNOWN | {"FANAL_OIDC_URL": url})


def test_tokens_name_whom_they_are_for() -> None:
    with pytest.raises(SettingRefused, match="FANAL_OIDC_CLIENT_ID"):
        read_environment({"FANAL_OIDC_URL": "https://id.example.org"})


@pytest.mark.parametrize("url", ["", "https://id.example.org", "http://127.0.0.1:9000/realm"])
def test_others_are_taken(url: str) -> None:
    assert read_environment(KNOWN | {"FANAL_OIDC_URL": url}).oidc_url == url


def test_nothing_of_sign_in_is_set_a_second_time() -> None:
    """What stands below it in the settings would win, unseen: so the content policy once did."""
    source = Path(fanal.config.sign_in.__file__).with_name("settings.py").read_text()
    targets = [
        target
        for node in ast.parse(source).body
        if isinstance(node, ast.Assign | ast.AnnAssign)
        for target in (node.targets if isinstance(node, ast.Assign) else [node.target])
    ]
    named = {target.id for target in targets if isinstance(target, ast.Name)}
    assert "MIDDLEWARE" in named
    assert named.isdisjoint(sign_in_settings(read_environment({})))
