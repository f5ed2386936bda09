"""Actions that the ledger records, and the legal verb of each (Loi 78-17, article 101)."""

import tomllib
from collections.abc import Mapping
from enum import StrEnum
from importlib import resources
from types import MappingProxyType


class Verb(StrEnum):
    """The operations that article 101 of Loi 78-17 requires a log to record.

    Collecte, modification, consultation, communication, interconnexion, effacement. The article counts
    transfers as communication; here they are a separate verb.
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
    """Parse TOML lines `VERB = [actions]` and return the verb of each action.

    Raises:
        ValueError: a key is not a verb, an action is not a code or occurs twice.
        TypeError: a value is not a list.
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
        UnknownVerb: the action is not listed in `actions.toml`.
    """
    try:
        return VERBS[action]
    except KeyError:
        raise UnknownVerb(f"action {action!r} is not in ledger/domain/actions.toml") from None
