"""What a person's habilitations open, in words: the actions of the policy, by what they are about."""

from django.utils.translation import get_language

from fanal import reference
from fanal.accounts.domain.policy import POLICY, may
from fanal.kernel.actors import Actor

_FOR_ALL = frozenset({"page", "receipt", "figures", "account"})


def opened_to(actor: Actor) -> list[str]:
    """Return the words of each action that the policy opens to the actor, what everybody may do left out."""
    language = get_language() or "fr"
    return [
        reference.label("policy_action", action, language)
        for action in POLICY.actions
        if (
            action.partition(".")[0] not in _FOR_ALL or action in {"account.list", "account.manage"}
        )
        and action != "report.deposit"
        and may(actor, action)
    ]
