"""Rule sets at the desk: typed in a form, tried on past reports, put in force by another supervisor."""

from collections.abc import Callable
from uuid import UUID

import pytest
from django.db import connection
from django.test import Client

from fanal.analyse.priority.domain.rules import shipped_rules
from fanal.analyse.priority.queries import StoredRuleSet, current_rules, list_rulesets
from fanal.kernel import clock
from fanal.kernel.actors import system_actor
from fanal.kernel.calendar import paris_day
from fanal.orient import queries as oriented
from fanal.worker.jobs import carry_on
from tests.integration.desk.ruleset_typed import typed
from tests.integration.desk.story import Desk

pytestmark = pytest.mark.django_db
NEWEST = shipped_rules()[-1].version
SignIn = Callable[[str], Client]


def drafted(web: Client, **changed: str) -> UUID:
    answer = web.post("/fr/desk/rules/draft/", typed(current_rules(), **changed))
    assert answer.status_code == 302, answer.content.decode()
    return UUID(answer["Location"].rstrip("/").rsplit("/", 1)[-1])


def by_version() -> dict[str, StoredRuleSet]:
    return {stored.version: stored for stored in list_rulesets()}


def states() -> dict[str, str]:
    return {stored.version: stored.state for stored in list_rulesets()}


def test_a_set_is_drafted_tried_and_put_in_force_by_another(
    installed: Desk, sign_in: SignIn
) -> None:
    author, second = sign_in("claire"), sign_in("helene")
    ruleset_id = drafted(author, points__KIND_ABUSE_MATERIAL="40,5")
    page = f"/fr/desk/rules/{ruleset_id}/"
    assert states()["priority/essai"] == "DRAFT"
    body = author.get(page).content.decode()
    assert "40,5" in body
    assert "activate/" not in body
    author.post(f"{page}activate/")
    assert states()["priority/essai"] == "DRAFT"
    author.post(f"{page}dry-run/")
    body = author.get(page).content.decode()
    assert "L’essai à blanc est en cours." in body
    carry_on(seconds=60)
    assert author.get(f"{page}progress/")["HX-Refresh"] == "true"
    stored, shipped = (by_version()[v] for v in ("priority/essai", current_rules().version))
    assert stored.dry_run is not None
    assert stored.dry_run.reports == len(installed.reports)
    assert sum(stored.dry_run.moves.values()) == len(installed.reports)
    change = next(c for c in stored.dry_run.changes if c.report_id == installed.reports["material"])
    assert change.after > change.before
    body = second.get(page).content.decode()
    assert "REF-material" in body
    assert "15 points avant, 40" in body
    assert "activate/" in body
    assert "activate/" not in author.get(page).content.decode()
    refused = author.post(f"{page}activate/", follow=True).content.decode()
    assert "Une personne autre que son auteur" in refused
    second.post(f"{page}activate/")
    assert (states()["priority/essai"], states()[shipped.version]) == ("ACTIVE", "CLOSED")
    assert current_rules().version == "priority/essai"
    body = second.get(page).content.decode()
    assert f"par rapport à <code>{shipped.version}</code>" in body, "what it changed stays readable"
    assert "40,5" in body
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT e.action FROM ledger_entry e JOIN ledger_object o"
            " ON o.entry_id = e.id WHERE o.object_id = %s ORDER BY e.id",
            [ruleset_id],
        )
        told = [action for (action,) in cursor.fetchall()]
    assert told == ["list.change", "list.change", "rule.activate"]


def test_a_bound_of_a_level_moves_reports_the_right_way_and_says_so(
    installed: Desk, sign_in: SignIn
) -> None:
    web = sign_in("claire")
    cases = oriented.get_cases(
        actor=system_actor("test"), report_ids=list(installed.reports.values())
    )
    found = next(case for case in cases.values() if case.level == "NORMAL")
    page = f"/fr/desk/rules/{drafted(web, level__HIGH=str(found.score))}/"
    web.post(f"{page}dry-run/")
    carry_on(seconds=60)
    body = web.get(page).content.decode()
    assert "montent le plus" in body
    assert "descendent le plus" not in body, "at the same score and a higher level nobody falls"
    assert "Seuils des niveaux" in body


@pytest.mark.parametrize(
    ("field", "value", "fr", "en"),
    [
        ("points__KIND_GROOMING", "beaucoup", "Ce n’est pas un nombre.", "This is not a number."),
        ("points__KIND_GROOMING", "101", "Les points vont de", "Points go from"),
        ("floor__CHILD_IN_DANGER", "90", "ne descend jamais sous 95", "never falls below 95"),
        ("ceiling", "99", "Le plafond va de 1 à 94", "The ceiling lies between"),
        ("level__HIGH", "20", "Les niveaux descendent", "Levels go down"),
        ("version", "Été", "Le nom de version", "The version’s name"),
        ("version", NEWEST, "porte déjà ce nom", "is stored already"),
    ],
)
def test_what_is_wrong_is_said_in_both_languages_and_nothing_is_kept(
    installed: Desk, sign_in: SignIn, field: str, value: str, fr: str, en: str
) -> None:
    web = sign_in("claire")
    for lang, words in (("fr", fr), ("en", en)):
        form = typed(current_rules(), **{field: value})
        answer = web.post(f"/{lang}/desk/rules/draft/", form)
        body = answer.content.decode()
        assert answer.status_code == 422
        assert words in body
        assert 'aria-invalid="true"' in body
        assert f'value="{value}"' in body
    assert set(states()) == {rules.version for rules in shipped_rules()}


def test_the_form_offers_a_version_that_is_free(installed: Desk, sign_in: SignIn) -> None:
    web, day = sign_in("claire"), paris_day(clock.now())
    for offered in (f"priority/{day}", f"priority/{day}-2"):
        taken = {stored.version for stored in list_rulesets()}
        body = web.get("/fr/desk/rules/draft/").content.decode()
        if offered not in taken:
            assert f'value="{offered}"' in body
            drafted(web, version=offered)
    assert f"priority/{day}-2" in states()


@pytest.mark.parametrize("name", ["ana", "driss", "elise", "hugo", "gabrielle"])
def test_only_supervisors_make_rules(installed: Desk, sign_in: SignIn, name: str) -> None:
    assert sign_in(name).get("/fr/desk/rules/").status_code == 403
    assert sign_in(name).post("/fr/desk/rules/draft/", {}).status_code == 403


def test_the_list_names_state_author_and_shipped_file(installed: Desk, sign_in: SignIn) -> None:
    drafted(sign_in("claire"))
    body = sign_in("helene").get("/en/desk/rules/").content.decode()
    for words in (
        "priority/essai",
        "Draft",
        "In force",
        f"{NEWEST.partition('/')[2]}.toml",
        "the installation",
    ):
        assert words in body
