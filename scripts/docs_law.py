"""Reference pages generated from the data: access policy, law with its UNCHECKED marks, priority rules."""

from datetime import date

import msgspec
from docs_tables import cell, code, page, table

from fanal.accounts.domain.policy import POLICY
from fanal.analyse.priority.domain.facts import FACTS
from fanal.analyse.priority.domain.rules import PriorityRules, Rule, shipped_rules
from fanal.kernel import clock
from fanal.kernel.actors import Role
from fanal.kernel.calendar import PARIS
from fanal.reference import label, load
from fanal.reference.catalogue import KINDS
from fanal.reference.records import Clock, Entry

_TITLES = {
    "offence": "Offences",
    "measure": "Measures",
    "measure_clock": "Clocks of measures",
    "clock": "Clocks of the desk",
    "body": "Bodies",
    "emergency_number": "Emergency numbers",
    "routing": "Routing",
    "qualification": "Qualification",
    "retention": "Retention",
    "instrument": "Texts of reports",
    "protected_name": "Protected names",
    "search_service": "Search engines and directories",
}


def policy() -> str:
    """Return the page of the access-control policy, in Markdown."""
    actions = [
        (code(name), text, [code(r) for r in sorted(_roles(name))])
        for name, text in POLICY.actions.items()
    ]
    rules = [
        (
            rule.why,
            [code(r) for r in sorted(rule.roles)],
            [code(a) for a in sorted(rule.actions)],
            code(rule.scope),
            ", ".join(_conditions(rule.sealed, rule.motive, rule.other)),
        )
        for rule in POLICY.rules
    ]
    return page(
        "Policy",
        "`src/fanal/accounts/domain/policy.toml`",
        "What no rule allows is refused. Pages, API, search and exports ask the same rules.",
        "## Actions",
        table(("Action", "Meaning", "Roles that have it somewhere"), actions),
        "## Rules",
        "Scope: `ANY` everywhere; `DESK` at a desk where the role is held; `PARTNER` of the own "
        "organisation; `OWNER` of the person; `NONE` no object.",
        table(("Why", "Roles", "Actions", "Scope", "Conditions"), rules),
    )


def _roles(action: str) -> set[Role]:
    return {role for rule in POLICY.rules if action in rule.actions for role in rule.roles}


def _conditions(sealed: bool, motive: bool, other: bool) -> list[str]:
    said = ((sealed, "reaches what is sealed"), (motive, "motive"), (other, "never one's own act"))
    return [text for holds, text in said if holds]


def law() -> dict[str, str]:
    """Return a page in Markdown for each kind of reference data, by name of the page."""
    today = clock.now().astimezone(PARIS).date()
    return {f"law-{kind.kind}": _kind(kind, today) for kind in KINDS}


def _kind(kind: type[Entry], today: date) -> str:
    entries = load().entries(kind)
    rows = [(code(e.code), e.label.fr, e.label.en, _period(e), _mark(e, today)) for e in entries]
    return page(
        _TITLES.get(kind.kind, kind.kind),
        f"the files of kind `{kind.kind}` in `src/fanal/reference/data`",
        "`UNCHECKED`: nobody has read the official text in force today. Such an entry may suggest; alone "
        "it never opens a measure, bars a case or sets a floor. Periods include their first day and "
        "exclude their last.",
        table(("Code", "Français", "English", "In force", "Read"), rows),
        "## What each entry says",
        *(_entry(entry) for entry in entries),
    )


def _period(entry: Entry) -> str:
    return f"{entry.in_force_from} – {entry.in_force_to or 'open'}"


def _mark(entry: Entry, today: date) -> str:
    return f"**UNCHECKED** ({entry.confidence})" if entry.unchecked(today) else "checked"


def _entry(entry: Entry) -> str:
    value = msgspec.to_builtins(getattr(entry, "value"))  # noqa: B009 - each kind has its own
    said = "; ".join(
        f"{key} {code(_plain(v))}" for key, v in value.items() if v not in (None, [], "")
    )
    sources = "; ".join(f"{s.title}, read {s.retrieved_on}" for s in entry.source)
    return f"* **{cell(entry.entry_id)}**: {said}. *{cell(sources)}*"


def _plain(value: object) -> object:
    if isinstance(value, list):
        return [_plain(v.get("code") if isinstance(v, dict) and "code" in v else v) for v in value]
    return value


def priority() -> str:
    """Return the page of the shipped priority rule sets in Markdown; of the older ones the codes alone."""
    *old, third, second, newest = shipped_rules()
    facts = table(
        ("Fact", "Meaning", "Unit"),
        [
            (code(name), label("priority_fact", name, "en"), label("fact_unit", unit, "en"))
            for name, unit in FACTS.items()
        ],
    )
    return page(
        "Priority rules",
        "`src/fanal/analyse/data/priority/*.toml`",
        *map(_rule_set, (newest, second, third)),
        *map(_old_rule_set, reversed(old)),
        "## Facts",
        facts,
    )


def _old_rule_set(rules: PriorityRules) -> str:
    codes = ", ".join(code(rule.code) for rule in rules.rule)
    return f"## {rules.version}\n\nIn force from {rules.in_force_from}, with the rules {codes}."


def _rule_set(rules: PriorityRules) -> str:
    levels = [
        (
            code(v.code),
            v.lowest,
            *(_delay(f"{stage}_{v.code}") for stage in ("TAKE", "DECIDE", "SECOND")),
        )
        for v in rules.level
    ]
    return "\n\n".join(
        [
            f"## {rules.version}",
            f"In force from {rules.in_force_from}. Points reach {rules.ceiling}; only a floor goes above.",
            table(("Level", "From score", "To take", "To decide", "To approve"), levels),
            table(("Rule", "Fact", "When", "Points", "Floor", "Source"), map(_rule, rules.rule)),
        ]
    )


def _delay(clock: str) -> str:
    """Return the newest length of a desk's deadline as text, such as `4 hours`; `clock` is its code.

    Deadlines are entries of `reference/data/fr/clocks.toml`.
    """
    found = max(
        (c for c in load().entries(Clock) if c.code == clock),
        key=lambda c: c.in_force_from,
    )
    return f"{found.value.length} {found.value.unit.lower().replace('_', ' ')}"


def _rule(rule: Rule) -> tuple[object, ...]:
    upper = "" if rule.at_most is None else f" to {rule.at_most:g}"
    when = "above 0" if rule.at_least < 0.001 and not upper else f"{rule.at_least:g}{upper}"
    points = f"{rule.points:+g}" + (
        f" each, at most {rule.cap:g}" if rule.each and rule.cap else ""
    )
    mark = " **UNCHECKED**" if rule.unchecked else ""
    return code(rule.code), code(rule.fact), when, points, _floor(rule), rule.source + mark


def _floor(rule: Rule) -> str:
    if rule.floor is None:
        return ""
    return f"{rule.floor}" if rule.floor_from is None else f"{rule.floor} from {rule.floor_from:g}"
