"""Demo events of priority rule sets in each state: one closed, one in force, one tried, one draft."""

from datetime import datetime, timedelta

from msgspec import structs

from fanal import trials
from fanal.analyse import operations as analyse, queries as analysed
from fanal.analyse.domain.rules import PriorityRules, write_rules
from fanal.demo.world import SYSTEM, DemoEvent, World
from fanal.kernel.calendar import paris_day

_TRIED = 200


def events() -> list[DemoEvent]:
    """Return the events of rule sets, from the installation on."""
    return [
        DemoEvent(before=timedelta(days=400), play=_install),
        DemoEvent(before=timedelta(days=150), play=_change),
        DemoEvent(before=timedelta(days=6), play=_try),
        DemoEvent(before=timedelta(days=1), play=_begin),
    ]


def _install(_world: World, at: datetime) -> None:
    analyse.load_shipped(actor=SYSTEM, now=at)


def _change(world: World, at: datetime) -> None:
    """Draft and try rules with more points for one kind; a second person activates them two days later."""
    name, later = "priority/voyages", at + timedelta(days=2)
    author = world.person("claire", at)
    ruleset_id = analyse.draft_ruleset(
        actor=author, body=_set(name, at, code="KIND_SEX_TOURISM", points=24), now=at
    )
    trials.try_rules(actor=author, ruleset_id=ruleset_id, limit=_TRIED, now=at)
    analyse.activate_ruleset(actor=world.person("helene", later), ruleset_id=ruleset_id, now=later)


def _try(world: World, at: datetime) -> None:
    author = world.person("claire", at)
    body = _set("priority/direct", at, code="KIND_LIVESTREAM", points=40)
    ruleset_id = analyse.draft_ruleset(actor=author, body=body, now=at)
    trials.try_rules(actor=author, ruleset_id=ruleset_id, limit=_TRIED, now=at)


def _begin(world: World, at: datetime) -> None:
    analyse.draft_ruleset(
        actor=world.person("helene", at),
        body=_set("priority/chantage", at, code="KIND_SEXTORTION", points=35),
        now=at,
    )


def _set(version: str, at: datetime, *, code: str, points: float) -> str:
    """Return the TOML text of the rules in force as a new version, with other points for the rule `code`."""
    rules: PriorityRules = analysed.current_rules()
    return write_rules(
        structs.replace(
            rules,
            version=version,
            in_force_from=paris_day(at),
            rule=tuple(
                structs.replace(rule, points=points) if rule.code == code else rule
                for rule in rules.rule
            ),
        )
    )
