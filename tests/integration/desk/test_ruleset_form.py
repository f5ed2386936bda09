"""The form of a draft: bounds, rules left out and brought back, rules of the desk's own."""

from uuid import UUID

import pytest
from django.test import Client
from lxml import html

from fanal.analyse import queries
from fanal.analyse.priority.domain.facts import FACTS
from fanal.analyse.priority.domain.rules import Rule, read_rules
from fanal.analyse.priority.queries import current_rules
from fanal.kernel.actors import system_actor
from fanal.orient import queries as oriented
from fanal.reference.records import Text
from fanal.worker.jobs import carry_on
from tests.integration.desk.ruleset_typed import typed
from tests.integration.desk.story import Desk
from tests.integration.desk.test_rulesets import (
    SignIn,
    by_version,
    drafted,
    states,
)

pytestmark = pytest.mark.django_db
PAGE = "/{}/desk/rules/draft/"
OWN = {
    "fact-new-1": "kind_abuse_material",
    "label_fr-new-1": "Priorité du mois\u00a0:  images",
    "label_en-new-1": "Priority of the month <b>",
    "source-new-1": "Meeting of the desk",
    "points-new-1": "7,5",
}


def sent(body: str) -> dict[str, str]:
    """The form as a browser sends the page that stands there."""
    (form,) = html.fromstring(body).xpath("//main//form[.//*[@id='version']]")
    return {name: value or "" for name, value in form.form_values()}


def rules_of(version: str) -> dict[str, Rule]:
    return {rule.code: rule for rule in read_rules(by_version()[version].body).rule}


def put_in_force(ruleset_id: UUID, author: Client, second: Client) -> None:
    page = f"/fr/desk/rules/{ruleset_id}/"
    author.post(f"{page}dry-run/")
    carry_on(seconds=60)
    second.post(f"{page}activate/")
    assert by_version()[current_rules().version].id == ruleset_id


@pytest.mark.parametrize("lang", ["fr", "en"])
def test_a_form_that_nobody_touched_makes_the_same_rules(
    installed: Desk, sign_in: SignIn, lang: str
) -> None:
    web, current = sign_in("claire"), current_rules()
    form = sent(web.get(PAGE.format(lang)).content.decode())
    assert form["floor_from-SELF_HARM_RISK"] == {"fr": "0,75", "en": "0.75"}[lang]
    assert web.post(PAGE.format(lang), form).status_code == 302
    made = read_rules(by_version()[form["version"]].body)
    assert (made.rule, made.level, made.ceiling) == (current.rule, current.level, current.ceiling)


def test_each_rule_says_what_it_looks_at(installed: Desk, sign_in: SignIn) -> None:
    web = sign_in("claire")
    for lang, words in (
        ("fr", ("déclaré ou lu dans le texte (ans)\u00a0: de 13 à 17", "à partir de 0,35")),
        (
            "en",
            ("stated or read in the text (years): from 13 to 17", "from 0.35", "exactly \u22121"),
        ),
    ):
        for page in (PAGE.format(lang), f"/{lang}/desk/reference/?table=priority"):
            body = web.get(page).content.decode()
            for each in words:
                assert each in body, page


def test_bounds_are_read_in_both_writings_and_shown_beside_those_before(
    installed: Desk, sign_in: SignIn
) -> None:
    web = sign_in("claire")
    ruleset_id = drafted(
        web,
        at_least__SELF_HARM_RISK="0,45",
        floor_from__SELF_HARM_RISK="0.8",
        at_most__VICTIM_MINOR="",
        at_least__VICTIM_UNDER_13="",
        at_least__ADDRESS_TOO_LATE="\u22122,5",
    )
    made = rules_of("priority/essai")
    risk, minor, young, late = (
        made[code]
        for code in ("SELF_HARM_RISK", "VICTIM_MINOR", "VICTIM_UNDER_13", "ADDRESS_TOO_LATE")
    )
    assert (risk.at_least, risk.floor_from, risk.floor) == (0.45, 0.8, 85)
    assert (minor.at_least, minor.at_most, late.at_least) == (13, None, -2.5)
    assert young.at_least == Rule(code="X", fact="x", points=0, source="x", checked_by="x").at_least
    for lang, cells in (
        ("fr", ("0,5|0,45", "0,75|0,8", "17|–", "0|au-dessus de 0", "\u22121|\u22122,5")),
        ("en", ("0.5|0.45", "0.75|0.8", "17|–", "0|above 0", "\u22121|\u22122.5")),
    ):
        page = html.fromstring(web.get(f"/{lang}/desk/rules/{ruleset_id}/").content.decode())
        rows = page.xpath("//section[@aria-labelledby='differs']//tbody/tr")
        assert sorted("|".join(td.text_content() for td in row[2:]) for row in rows) == sorted(
            cells
        )


@pytest.mark.parametrize(
    ("field", "value", "fr", "en"),
    [
        ("at_least-SELF_HARM_RISK", "souvent", "Ce n’est pas un nombre.", "This is not a number."),
        ("at_least-SELF_HARM_RISK", "NaN", "Ce n’est pas un nombre.", "This is not a number."),
        ("at_most-FRESH_ADDRESS", "1e309", "Ce n’est pas un nombre.", "This is not a number."),
        ("at_most-FRESH_ADDRESS", "1_0", "Ce n’est pas un nombre.", "This is not a number."),
        ("at_most-FRESH_ADDRESS", "٣", "Ce n’est pas un nombre.", "This is not a number."),
        ("cap-FILE_COUNT", "-3", "ne peut pas être inférieur à 0", "cannot be below 0"),
        ("floor-SELF_HARM_RISK", "84,5", "pas un nombre entier", "not a whole number"),
        ("floor_from-SELF_HARM_RISK", "0,2", "entre les bornes", "the bounds of the rule"),
        ("at_most-VICTIM_MINOR", "12", "sous la borne basse", "below the lower one"),
        ("off-CHILD_IN_DANGER", "on", "ne descend jamais sous 95", "never falls below 95"),
        ("points-new-1", "-101", "Les points vont de", "Points go from"),
        ("points-new-1", "", "Ce n’est pas un nombre.", "This is not a number."),
        ("at_least-new-1", "inf", "Ce n’est pas un nombre.", "This is not a number."),
        ("at_most-new-1", "-1", "sous la borne basse", "below the lower one"),
        ("floor-new-1", "95", "va de 1 à 94", "goes from 1 to 94"),
        ("floor-new-1", "0", "va de 1 à 94", "goes from 1 to 94"),
        ("floor-new-1", "8,5", "pas un nombre entier", "not a whole number"),
        ("floor_from-new-1", "1", "va avec un plancher", "goes with a floor"),
        ("floor-ADDRESS_CLOSING", "60", "Une règle non vérifiée", "An unchecked rule"),
        ("fact-new-1", "", "Choisissez le fait", "Choose the fact"),
        ("fact-new-1", "shoe_size", "Choisissez le fait", "Choose the fact"),
        ("label_fr-new-1", "", "Le nom en français", "The name in French"),
        ("label_fr-new-1", "é" * 81, "Le nom en français", "The name in French"),
        ("label_fr-new-1", "a\u202eb", "Le nom en français", "The name in French"),
        ("label_en-new-1", " \u00a0", "Le nom en anglais", "The name in English"),
        ("source-new-1", " ", "indique sa source", "states its source"),
    ],
)
def test_a_fault_stands_beside_its_field_and_what_was_typed_is_kept(
    installed: Desk, sign_in: SignIn, field: str, value: str, fr: str, en: str
) -> None:
    web = sign_in("claire")
    before = states()
    for lang, words in (("fr", fr), ("en", en)):
        form = typed(current_rules()) | OWN | {field: value}
        answer = web.post(PAGE.format(lang), form)
        assert answer.status_code == 422
        body = answer.content.decode()
        page = html.fromstring(body)
        (node,) = page.xpath(f"//*[@id='{field}'][@aria-invalid='true']")
        (wrong,) = page.xpath(f"//*[@id='{node.get('aria-describedby')}']")
        assert words in wrong.text_content()
        (link,) = page.xpath(f"//*[@role='alert']//a[@href='#{field}']")
        assert link.text_content().strip()
        kept = sent(body)
        assert kept["points-SPAM"] == "-15"
        if field != "fact-new-1":
            assert kept[field] == value.strip()
    assert states() == before


def test_a_threshold_without_its_floor_is_a_fault_of_the_threshold(
    installed: Desk, sign_in: SignIn
) -> None:
    form = typed(current_rules()) | {"floor-SELF_HARM_RISK": ""}
    answer = sign_in("claire").post(PAGE.format("fr"), form)
    page = html.fromstring(answer.content.decode())
    assert page.xpath("//*[@aria-invalid='true']/@id") == ["floor_from-SELF_HARM_RISK"]
    (link,) = page.xpath("//*[@role='alert']//a")
    assert link.text_content() == "Plancher à partir de, Risque suicidaire ou d’automutilation"


def test_a_rule_is_left_out_and_brought_back_as_it_was(installed: Desk, sign_in: SignIn) -> None:
    author, second = sign_in("claire"), sign_in("helene")
    was = {rule.code: rule for rule in current_rules().rule}["FRESH_ADDRESS"]
    ruleset_id = drafted(author, off__FRESH_ADDRESS="on")
    assert "FRESH_ADDRESS" not in rules_of("priority/essai")
    body = author.get(f"/fr/desk/rules/{ruleset_id}/").content.decode()
    assert '<td class="fd-number">présente</td><td class="fd-number">absente</td>' in body
    put_in_force(ruleset_id, author, second)

    form = sent(author.get(PAGE.format("fr")).content.decode())
    assert form["off-FRESH_ADDRESS"] == "on"
    form |= {"version": "priority/sans"}
    author.post(PAGE.format("fr"), form)
    assert "FRESH_ADDRESS" not in rules_of("priority/sans"), "left out until somebody unticks it"
    del form["off-FRESH_ADDRESS"]
    author.post(PAGE.format("fr"), form | {"version": "priority/retour"})
    assert rules_of("priority/retour")["FRESH_ADDRESS"] == was


def test_the_page_offers_rules_one_by_one_and_keeps_what_is_typed(
    installed: Desk, sign_in: SignIn
) -> None:
    web = sign_in("claire")
    form = sent(web.get(PAGE.format("fr")).content.decode()) | {"points-SPAM": "beaucoup"}
    assert not any("-new-" in name for name in form)
    for number in range(1, 13):
        answer = web.post(PAGE.format("fr"), form | {"add": "1"})
        assert answer.status_code == 200, "nothing is kept yet, so nothing is wrong yet"
        form = sent(answer.content.decode())
        assert form["points-SPAM"] == "beaucoup"
        assert form[f"fact-new-{number}"] == ""
        form[f"points-new-{number}"] = "1"
    assert 'name="add"' not in web.post(PAGE.format("fr"), form | {"add": "1"}).content.decode()
    facts = html.fromstring(answer.content.decode()).xpath("//*[@id='fact-new-1']/option/@value")
    assert facts == ["", *FACTS]
    assert "fact-new-13" not in form


def test_a_rule_of_the_desk_s_own_ranks_and_is_told_by_its_name(
    installed: Desk, sign_in: SignIn
) -> None:
    author, second = sign_in("claire"), sign_in("helene")
    report_id = installed.reports["material"]
    twin = {name.replace("new-1", "new-2"): value for name, value in OWN.items()}
    blank = {"fact-new-3": "", "points-new-3": ""}
    added = OWN | twin | blank | {"points-new-2": "-2", "fact-new-2": "kind_abuse_material"}
    ruleset_id = drafted(author, **added)
    made = rules_of("priority/essai")
    assert made["DESK_KIND_ABUSE_MATERIAL"] == Rule(
        code="DESK_KIND_ABUSE_MATERIAL",
        fact="kind_abuse_material",
        points=7.5,
        source="Meeting of the desk",
        checked_by="UNCHECKED",
        label=Text(fr="Priorité du mois : images", en="Priority of the month <b>"),
    )
    assert made["DESK_KIND_ABUSE_MATERIAL_2"].points == -2
    assert len(made) == len(current_rules().rule) + 2
    page = html.fromstring(author.get(f"/en/desk/rules/{ruleset_id}/").content.decode())
    told = page.xpath("//section[@aria-labelledby='differs']//tbody/tr")
    assert [[td.text_content() for td in row[1:]] for row in told[:6]] == [
        ["Rule", "absent", "present"],
        ["Name", "–", "Priority of the month <b>"],
        ["Fact", "–", "Kind of report: abuse material (yes or no)"],
        ["Points", "–", "7.5"],
        ["Checked by", "–", "unchecked"],
        ["Source", "–", "Meeting of the desk"],
    ]
    put_in_force(ruleset_id, author, second)
    carry_on(seconds=60)
    (*_, (_, ranked)) = queries.list_priorities(actor=system_actor("test"), report_id=report_id)
    points = {part.code: part.points for part in ranked.parts}
    assert points["DESK_KIND_ABUSE_MATERIAL"] == 7.5
    web = sign_in("ana")
    for lang, words in (
        ("fr", "Priorité du mois\u00a0: images"),
        ("en", "Priority of the month &lt;b&gt;"),
    ):
        for who, page in (
            (web, f"/{lang}/desk/reports/{report_id}/"),
            (author, f"/{lang}/desk/rules/{ruleset_id}/"),
            (author, PAGE.format(lang)),
            (author, f"/{lang}/desk/reference/?table=priority"),
        ):
            assert words in who.get(page).content.decode(), page
    form = sent(author.get(PAGE.format("en")).content.decode())
    lifted = form | {"floor-DESK_KIND_ABUSE_MATERIAL": "80"} | OWN
    refused = author.post(PAGE.format("en"), lifted)
    page = html.fromstring(refused.content.decode())
    assert page.xpath("//*[@aria-invalid='true']/@id") == ["floor-DESK_KIND_ABUSE_MATERIAL"]
    author.post(PAGE.format("en"), form | OWN)
    made = rules_of(form["version"])
    assert made["DESK_KIND_ABUSE_MATERIAL"].floor is None
    assert "DESK_KIND_ABUSE_MATERIAL_3" in made, "no code is borne twice"


def test_a_rule_of_the_desk_s_own_sets_a_floor_once_it_is_checked_and_is_told_in_words(
    installed: Desk, sign_in: SignIn
) -> None:
    author, second = sign_in("claire"), sign_in("helene")
    report_id = installed.reports["material"]
    lifting = OWN | {"points-new-1": "2,5", "floor-new-1": "88", "floor_from-new-1": "1"}
    for lang, words in (("fr", "indiquez qui l’a vérifiée"), ("en", "state who checked it")):
        answer = author.post(PAGE.format(lang), typed(current_rules()) | lifting)
        page = html.fromstring(answer.content.decode())
        (field,) = page.xpath("//*[@aria-invalid='true']")
        assert (answer.status_code, field.get("id")) == (422, "checked_by-new-1")
        assert words in page.get_element_by_id("checked_by-new-1-wrong").text_content()
        assert sent(answer.content.decode())["floor-new-1"] == "88"
    ruleset_id = drafted(author, **lifting, **{"checked_by-new-1": "Meeting of\u00a0 24 November"})
    made = rules_of("priority/essai")["DESK_KIND_ABUSE_MATERIAL"]
    assert (made.floor, made.floor_from, made.checked_by) == (88, 1, "Meeting of 24 November")
    put_in_force(ruleset_id, author, second)
    carry_on(seconds=60)
    dry = {
        "fr": "Plancher de «\u00a0Priorité du mois\u00a0: images\u00a0»\u00a0: 0 point avant, ",
        "en": "Floor of “Priority of the month &lt;b&gt;”: 0 points before, ",
    }
    why = {
        "fr": ("Priorité du mois\u00a0: images\u00a0: jamais moins de 88", "+2,5"),
        "en": ("Priority of the month &lt;b&gt;: never less than 88", "+2.5"),
    }
    chip = "<strong>{}</strong>"
    name = {"fr": "Priorité du mois\u00a0: images", "en": "Priority of the month &lt;b&gt;"}
    (case,) = oriented.get_cases(actor=system_actor("test"), report_ids=[report_id]).values()
    assert (case.score, case.floor) == (88, "DESK_KIND_ABUSE_MATERIAL")
    analyst = sign_in("ana")
    for lang in ("fr", "en"):
        assert dry[lang] in author.get(f"/{lang}/desk/rules/{ruleset_id}/").content.decode()
        report = analyst.get(f"/{lang}/desk/reports/{report_id}/").content.decode()
        for words in (*why[lang], chip.format(name[lang])):
            assert words in report
        for page in ("", f"preview/{report_id}/"):
            assert chip.format(name[lang]) in analyst.get(f"/{lang}/desk/{page}").content.decode()
    form = sent(author.get(PAGE.format("fr")).content.decode())
    assert form["floor-DESK_KIND_ABUSE_MATERIAL"] == "88"


def test_what_a_rule_looks_at_is_changed_by_another_that_starts_from_its_numbers(
    installed: Desk, sign_in: SignIn
) -> None:
    author, second = sign_in("claire"), sign_in("helene")
    form = sent(author.get(PAGE.format("fr")).content.decode()) | {"points-FILE_COUNT": "0,75"}
    answer = author.post(PAGE.format("fr"), form | {"replace": "1", "replaced": "FILE_COUNT"})
    assert answer.status_code == 200
    form = sent(answer.content.decode())
    assert form["off-FILE_COUNT"] == "on"
    started = {name.removesuffix("-new-1"): v for name, v in form.items() if "-new-" in name}
    assert started == {
        "fact": "files", "each": "on", "at_least": "2", "at_most": "", "points": "0,75", "cap": "10",
        "floor": "", "floor_from": "", "label_fr": "", "label_en": "", "source": "", "checked_by": "",
    }  # fmt: skip
    wrong = html.fromstring(author.post(PAGE.format("fr"), form).content.decode())
    assert wrong.xpath("//*[@aria-invalid='true']/@id"), (
        "a name of its own, since it is another rule"
    )
    form |= OWN | {
        "fact-new-1": "shared_files",
        "points-new-1": "0,75",
        "version": "priority/autre",
    }
    assert author.post(PAGE.format("fr"), form).status_code == 302
    made = rules_of("priority/autre")
    assert "FILE_COUNT" not in made
    replaced = made["DESK_SHARED_FILES"]
    assert (replaced.fact, replaced.at_least, replaced.cap) == ("shared_files", 2, 10)
    assert (replaced.points, replaced.each, replaced.unchecked) == (0.75, True, True)

    put_in_force(by_version()["priority/autre"].id, author, second)
    form = sent(author.get(PAGE.format("en")).content.decode())
    form = sent(
        author.post(
            PAGE.format("en"), form | {"replace": "1", "replaced": "DESK_SHARED_FILES"}
        ).content.decode()
    )
    kept = ("fact", "label_fr", "label_en", "source", "points", "checked_by")
    assert [form[f"{name}-new-1"] for name in kept] == [
        "shared_files", "Priorité du mois : images", "Priority of the month <b>",
        "Meeting of the desk", "0.75", "",
    ]  # fmt: skip
    author.post(PAGE.format("en"), form | {"version": "priority/encore", "fact-new-1": "files"})
    assert {"DESK_FILES", "DESK_SHARED_FILES"} & set(rules_of("priority/encore")) == {"DESK_FILES"}


def test_a_child_in_danger_is_replaced_by_nothing_else(installed: Desk, sign_in: SignIn) -> None:
    web = sign_in("claire")
    form = sent(web.get(PAGE.format("en")).content.decode())
    form = sent(
        web.post(
            PAGE.format("en"), form | {"replace": "1", "replaced": "CHILD_IN_DANGER"}
        ).content.decode()
    )
    own = OWN | {"fact-new-1": "emergency", "floor-new-1": "94", "checked_by-new-1": "the desk"}
    answer = web.post(PAGE.format("en"), form | own)
    page = html.fromstring(answer.content.decode())
    assert page.xpath("//*[@aria-invalid='true']/@id") == ["off-CHILD_IN_DANGER"]
    for lang, words in (("fr", "Choisissez la règle"), ("en", "Choose the rule")):
        for code in ("", "NO_SUCH_RULE", "new-1"):
            asked = form | {"replace": "1", "replaced": code}
            answer = web.post(PAGE.format(lang), asked)
            page = html.fromstring(answer.content.decode())
            assert page.xpath("//*[@aria-invalid='true']/@id") == ["replaced"]
            assert words in page.get_element_by_id("replaced-wrong").text_content()
            same = sent(answer.content.decode())
            assert same == form | {"csrfmiddlewaretoken": same["csrfmiddlewaretoken"]}


def test_enter_in_a_field_keeps_the_draft(installed: Desk, sign_in: SignIn) -> None:
    """A browser presses the first button of the form: it must not be one that adds or replaces a rule."""
    page = html.fromstring(sign_in("claire").get(PAGE.format("fr")).content.decode())
    first, *others = page.xpath("//form[.//*[@id='version']]//button")
    assert (first.get("name"), first.get("formaction")) == (None, None)
    assert {"add", "replace"} == {button.get("name") for button in others}
    (form,) = page.xpath("//form[.//*[@id='version']]")
    assert form.get("action") == PAGE.format("fr"), "what is refused is told at the top of the page"


def test_a_text_that_no_rule_set_can_hold_is_a_fault_of_the_whole(
    installed: Desk, sign_in: SignIn
) -> None:
    form = typed(current_rules()) | OWN | {"source-new-1": "the \x7f desk"}
    answer = sign_in("claire").post(PAGE.format("en"), form)
    assert answer.status_code == 422
    assert "The text does not read as a rule set." in answer.content.decode()
    assert "priority/essai" not in states()


def test_the_queue_says_a_rule_of_the_desk_s_own_where_it_is_the_first_reason(
    installed: Desk, sign_in: SignIn
) -> None:
    author, second = sign_in("claire"), sign_in("helene")
    left_out = {f"off-{rule.code}": "on" for rule in current_rules().rule}
    del left_out["off-CHILD_IN_DANGER"]
    form = typed(current_rules()) | left_out | OWN
    author.post(PAGE.format("fr"), form)
    put_in_force(by_version()["priority/essai"].id, author, second)
    carry_on(seconds=60)
    for lang, words in (
        ("fr", "Priorité du mois\u00a0: images"),
        ("en", "Priority of the month &lt;b&gt;"),
    ):
        assert words in sign_in("ana").get(f"/{lang}/desk/").content.decode()
