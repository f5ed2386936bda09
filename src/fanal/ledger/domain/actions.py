"""The actions the ledger knows and the legal verb of each (Loi 78-17, article 101)."""

import tomllib
from collections.abc import Mapping
from enum import StrEnum
from importlib import resources
from types import MappingProxyType


class Verb(StrEnum):
    """What article 101 makes a journal hold: collecte, modification, consultation, communication
    (transferts included, told apart here), interconnexion, effacement.
    """

    COLLECTION = "COLLECTION"
    MODIFICATION = "MODIFICATION"
    CONSULTATION = "CONSULTATION"
    COMMUNICATION = "COMMUNICATION"
    TRANSFER = "TRANSFER"
    INTERCONNECTION = "INTERCONNECTION"
    ERASURE = "ERASURE"


class UnknownVerb(ValueError):
    """The action has no verb in `actions.toml`."""


def parse_actions(text: str) -> dict[str, Verb]:
    """Return the verb of each action listed in a TOML text of `VERB = [actions]`.

    Raises:
        ValueError: a key is no verb, a value no list of codes, or an action stands twice.
    """
    verbs: dict[str, Verb] = {}
    for key, actions in tomllib.loads(text).items():
        verb = Verb(key)
        if not isinstance(actions, list):
            raise TypeError(f"{key} must list actions")
        for action in actions:
            if not isinstance(action, str) or action in verbs:
                raise ValueError(f"action {action!r} is no code or stands twice")
            verbs[action] = verb
    return verbs


VERBS: Mapping[str, Verb] = MappingProxyType(
    parse_actions(resources.files(__package__).joinpath("actions.toml").read_text("utf-8"))
)


def verb_of(action: str) -> Verb:
    """Return the legal verb of an action.

    Raises:
        UnknownAction: the action is not listed.
    """
    try:
        return VERBS[action]
    except KeyError:
        raise UnknownVerb(f"action {action!r} is not in ledger/domain/actions.toml") from None
