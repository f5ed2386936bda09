"""A rule set as its form is sent."""

from fanal.analyse.priority.domain.rules import PriorityRules


def typed(rules: PriorityRules, **changed: str) -> dict[str, str]:
    """Return the form as a browser sends it, with some fields changed (`-` written `__`)."""
    form = {"version": "priority/essai", "ceiling": str(rules.ceiling)}
    form |= {f"level-{level.code}": str(level.lowest) for level in rules.level}
    for rule in rules.rule:
        form[f"points-{rule.code}"] = f"{rule.points:g}"
        form[f"cap-{rule.code}"] = "" if rule.cap is None else f"{rule.cap:g}"
        form[f"floor-{rule.code}"] = "" if rule.floor is None else str(rule.floor)
    return form | {name.replace("__", "-"): value for name, value in changed.items()}
