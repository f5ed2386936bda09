"""Each code that a person may read has words in both languages."""

import ast
import re
import sys
import tomllib
from functools import cache

import pytest

from fanal.accounts.domain.policy import POLICY
from fanal.api.ispws.views import urlpatterns
from fanal.cli.failures import LANGUAGES, PREFIX, told
from fanal.formats.ncmec.answers import AnswerCode
from fanal.formats.refusal import DocumentFault
from fanal.kernel.refusal import Refusal
from fanal.lifecycles import LIFECYCLES
from tests.architecture.tree import SOURCE, name

LABELS = sorted((SOURCE / "reference/data/labels").glob("*.toml"))


def walk(value, path=()):
    if isinstance(value, dict):
        if {"fr", "en"} & set(value):
            yield path, value
            return
        for key, inner in value.items():
            yield from walk(inner, (*path, key))


def test_each_label_has_french_and_english():
    assert LABELS
    for file in LABELS:
        content = tomllib.loads(file.read_text())
        for path, words in walk(content):
            where = f"{name(file)} {'.'.join(path)}"
            assert set(words) >= {"fr", "en"}, where
            assert all(words[lang].strip() for lang in ("fr", "en")), where


def test_each_reason_for_quarantine_has_words():
    content = tomllib.loads((SOURCE / "reference/data/labels/intake.toml").read_text())
    assert set(DocumentFault) <= set(content["labels"]["quarantine"])


def test_each_refusal_of_a_providers_programs_has_words():
    content = tomllib.loads((SOURCE / "reference/data/labels/api.toml").read_text())["labels"]
    wire = {str(int(code)) for code in AnswerCode if code != AnswerCode.SUCCESS}
    assert set(content["provider_refusal"]) == wire | set(content["api"])
    steps = {route.callback.__name__ for route in urlpatterns}
    assert set(content["provider_step"]) == steps | {"GET", "POST", "DELETE"}


def test_each_action_of_the_policy_has_words():
    content = tomllib.loads((SOURCE / "reference/data/labels/accounts.toml").read_text())
    assert set(POLICY.actions) == set(content["labels"]["policy_action"])


def test_each_refusal_of_the_kernel_has_words_for_every_kind_of_act():
    labels = {}
    for file in LABELS:
        labels |= tomllib.loads(file.read_text())["labels"]
    for one in LIFECYCLES:
        needs = one.requirements.values()
        codes = {"EVENT_IN_FUTURE", "EVENT_TOO_EARLY", "TEXT_UNREADABLE", "EXPIRED"}
        if any(need.proof for need in needs):
            codes |= {"NO_PROOF", "FILE_EMPTY", "FILE_TOO_LARGE"}
        if any(need.outcomes for need in needs):
            codes |= {"UNKNOWN_OUTCOME"}
        if any(need.lapsed for need in needs):
            codes |= {"GROUND_STANDS", "ALREADY_SENT"}
        if one.approves:
            codes |= {
                "NOT_WAITING", "OWN_BYTES", "GRANTED_BY_PROPOSER", "BYTES_CHANGED", "NO_REASON",
                "NOT_APPROVED", "ALREADY_JUDGED", "GROUND_GONE",
            }  # fmt: skip
        assert codes <= set(labels[f"{one.kind}_refusal"]), one.kind


SAID_BY_THE_CALLER = {"message", "wire"}
"""Kinds whose refusals are answered with a text of the page or a code of the protocol."""


@cache
def _refusals():
    """Return kind, code and place of each refusal that is written out in the code."""
    found = []
    for path in SOURCE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "Refusal":
                said = [value.value for value in node.args if isinstance(value, ast.Constant)]
                if len(said) == 2:
                    found.append((*said, name(path)))
    return found


def test_each_refusal_has_words_on_a_page_or_in_a_command():
    labels = {}
    for file in LABELS:
        labels |= tomllib.loads(file.read_text())["labels"]
    found = _refusals()
    assert len(found) > 200
    for kind, code, where in found:
        command = f"{PREFIX.get(kind, f'{kind.upper()}_')}{code}"
        said = code in labels.get(f"{kind}_refusal", ()) or command in labels["cli"]
        assert said or kind in SAID_BY_THE_CALLER, (where, kind, code)


@pytest.mark.parametrize("lang", LANGUAGES)
def test_a_command_says_each_refusal_in_a_sentence(lang, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["fanal", "--lang", lang])
    raised = {(kind, code) for kind, code, _place in _refusals() if kind not in SAID_BY_THE_CALLER}
    kinds = {kind for kind, _code in raised}
    for file in LABELS:  # codes that are not written out where they are raised
        for group, codes in tomllib.loads(file.read_text())["labels"].items():
            kind = group.removesuffix("_refusal")
            raised |= {(kind, code) for code in codes if kind in kinds and kind != group}
    bare = []
    for kind, code in sorted(raised):
        assert told(Refusal(kind, code)) == 2
        said = capsys.readouterr().err
        bare += re.findall(r"fanal: [A-Z_]+(?: \w+=.*)?\n", said)
    assert bare == []


def _said_by_commands():
    """Yield each code that a command says, where, and the names of its values."""
    for path in SOURCE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if (
                isinstance(node, ast.Call)
                and ast.unparse(node.func) in {"CommandRefused", "Failed", "tell", "words"}
                and node.args
                and isinstance(node.args[0], ast.Constant)
                and path.is_relative_to(SOURCE / "cli")
            ):
                yield node.args[0].value, name(path), {value.arg for value in node.keywords}


def test_each_code_that_a_command_says_has_words_and_their_values():
    labels = tomllib.loads((SOURCE / "reference/data/labels/cli.toml").read_text())["labels"]["cli"]
    found = list(_said_by_commands())
    assert len(found) > 100
    for code, where, values in found:
        asked = {n for lang in ("fr", "en") for n in re.findall(r"{(\w+)", labels[code][lang])}
        assert asked <= values or None in values, (where, code, asked - values)
