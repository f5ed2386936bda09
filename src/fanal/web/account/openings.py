"""The rights that a person's habilitations grant, in words."""

from django.utils.translation import get_language

from fanal import reference
from fanal.accounts.domain.policy import POLICY, may
from fanal.kernel.actors import Actor

_FOR_ALL = frozenset({"page", "receipt", "figures", "account"})


def opened_to(actor: Actor) -> list[str]:
    """Return the labels of the policy actions that the actor may do, without those open to everybody."""
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
