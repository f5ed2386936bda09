"""Differences between a decision and the proposal of the legal rules, for the page of a removal measure."""

from collections.abc import Sequence

from fanal.orient.domain.records import Basis, Decision, Proposal


def differences(proposal: Proposal | None, decision: Decision | None) -> list[dict[str, object]]:
    """Return actions (tracks), legal bases and authority of a decision, each with the proposed value.

    `proposal` is that of the legal rules. Keys: `name`, `kind` (the group of the values' labels), `proposed`,
    `decided`, `same`. Empty without a proposal or a decision.
    """
    if proposal is None or decision is None:
        return []
    parts = (
        ("WAY", "track", _sorted(proposal.tracks), _sorted(decision.tracks)),
        ("BASES", "", _codes(proposal.bases), _codes(decision.bases)),
        ("BODY", "body", _one(proposal.competent), _one(decision.body)),
    )
    return [
        {"name": name, "kind": kind, "proposed": first, "decided": then, "same": first == then}
        for name, kind, first, then in parts
    ]


def _sorted(values: Sequence[str]) -> list[str]:
    return sorted(str(value) for value in values)


def _codes(bases: Sequence[Basis]) -> list[str]:
    return sorted({basis.code for basis in bases})


def _one(value: str | None) -> list[str]:
    return [value] if value else []
