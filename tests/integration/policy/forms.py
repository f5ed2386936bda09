"""Filled-in forms, by the name of their route: what a person sends who does the act, and what it writes.

**A route that takes a POST needs one line here**; `scenes` makes what must stand before the act.
"""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from uuid import uuid4

import msgspec

from fanal.accounts.domain.duty import DutyKind, NewDuty
from fanal.accounts.operations.duty import add_duty
from fanal.accounts.operations.partners import add_partner
from fanal.crosscheck.dossiers.queries import members_of
from fanal.db import sql
from fanal.deconfliction.queries import get_counterpart, list_counterparts
from fanal.intake.domain.number import desk_number
from fanal.kernel.actors import Role
from fanal.kernel.calendar import paris_day
from fanal.orient.models import Case
from tests.integration.policy import (
    appeal,
    assigning,
    blocking,
    dereferencing,
    holding,
    learning,
    mirror,
    person,
    scenes,
)
from tests.integration.policy.scenes import REASON, Posted, Scene

Prepare = Callable[[Scene], Posted]


NOBODY = hashlib.sha256(b"[]").hexdigest()
"""What the page of an instruction showed whose names no key bears."""


@dataclass(frozen=True, kw_only=True)
class Act:
    """One form: what is sent, and the tables in which the act is seen.

    `each`: what stands before it is made for each walker. `silent`: the act leaves no entry in the ledger.
    `in_form`: the desk of the cell stands in the form, not in the address. `own`: everybody who is signed in
    does it to their own account.
    """

    prepare: Prepare
    writes: frozenset[str]
    each: bool = False
    silent: bool = False
    in_form: bool = False
    own: bool = False


def _act(
    writes: str,
    sent: Mapping[str, object] | Prepare | None = None,
    *,
    silent: bool = False,
    in_form: bool = False,
    own: bool = False,
    **also: object,
) -> Act:
    """Return an act that sends `sent` (or what a scene makes of it) and `also`."""

    def prepare(scene: Scene) -> Posted:
        posted = sent(scene) if callable(sent) else Posted(form=sent or {})
        more = {name: v(scene) if callable(v) else v for name, v in also.items()}
        return Posted(form={**posted.form, **more}, address=posted.address)

    return Act(
        prepare=prepare,
        writes=frozenset(writes.split()),
        each=sent in scenes.OWN | assigning.OWN | person.OWN if callable(sent) else False,
        silent=silent,
        in_form=in_form,
        own=own,
    )


_DUTY = {
    "kind": "WEEKLY", "name": "Telephone", "address": "phone@duty.test", "weekdays": "5", "rank": "1",
    "from": "2026-01-01", "until": "", "starts": "22:00", "ends": "06:00", "zone": "Europe/Paris",
}  # fmt: skip


def _line(scene: Scene) -> Posted:
    """Have a line in the roster of the cell's desk."""
    line = NewDuty(
        kind=DutyKind.WEEKLY, rank=1, person_id=None, name="Telephone", address="phone@duty.test",
        zone="Europe/Paris", weekdays=frozenset({5}), first_day=date(2026, 1, 1), last_day=None,
        starts=time(22), ends=time(6),
    )  # fmt: skip
    desk = 2 if scene.cell.startswith("other") else 1
    line_id = add_duty(actor=scenes.SYSTEM, desk_id=desk, line=line, now=datetime.now(UTC))
    return Posted(form={"line": str(line_id)})


def _annotation(scene: Scene) -> Posted:
    """Have an annotation of the statistics."""
    annotation_id = uuid4()
    sql.run(
        "INSERT INTO statistics_annotation VALUES (%s, 'NOTE', current_date, current_date, 'A storm', %s, now())",
        [annotation_id, scene.world.users[Role.SUPERVISOR].person_id],
    )
    return Posted(form={"annotation": str(annotation_id)})


def _new_code(_scene: Scene) -> Posted:
    """Name a desk that no other form has named."""
    code = uuid4().hex[:12].upper()
    return Posted(form={"code": code, "name": f"Antenne {code}"})


def _two_waiting(scene: Scene) -> Posted:
    """Have a report of each desk back in the queue: the act itself chooses one of the walker's desk."""
    for cell in ("own", "other_desk"):
        scenes.waiting(replace(scene, cell=cell))
    return Posted()


def _two_set_aside(scene: Scene) -> Posted:
    """Have a report of each desk in quarantine: the act itself takes those of the walker's desk."""
    for cell in ("own", "other_desk"):
        scenes.quarantined(replace(scene, cell=cell))
    return Posted()


def _calm(scene: Scene) -> Posted:
    """Have the report back in the queue, with no child in danger."""
    scenes.waiting(scene)
    Case.objects.filter(report_id=scene.report_id).update(level="NORMAL")
    return Posted()


def _loose(scene: Scene) -> Posted:
    """Have the report in no dossier."""
    sql.run("DELETE FROM crosscheck_membership WHERE report_id = %s", [scene.report_id])
    return Posted()


def _access_opened(_scene: Scene) -> Posted:
    """Have a partner's credential in force."""
    name = f"Partner {uuid4()}"
    issued = add_partner(actor=scenes.SYSTEM, name=name, now=datetime.now(UTC))
    return Posted(form={"login": issued.user})


def _members(scene: Scene) -> str:
    """What the page of the desk's dossier says that it showed: the ids of its reports."""
    dossier_id = scene.world.dossier_ids[scene.cell]
    ids = members_of(actor=scenes.SYSTEM, dossier_id=dossier_id)
    return hashlib.sha256(b"".join(sorted(one.bytes for one in ids))).hexdigest()[:32]


def _limits_shown(scene: Scene) -> str:
    """What the page of the counterpart says that it showed."""
    [found] = [
        one
        for one in list_counterparts(actor=scenes.SYSTEM)
        if one.id == scene.world.counterpart_id
    ]
    return hashlib.sha256(msgspec.json.encode(found.limits)).hexdigest()[:32]


def _key_shown(scene: Scene) -> str:
    """What the page of the counterpart says that its key is."""
    found = get_counterpart(actor=scenes.SYSTEM, counterpart_id=scene.world.counterpart_id)
    assert found is not None
    return found.public_key.hex()


def _selected_id(scene: Scene) -> str:
    return str(scene.report_id)


def _instruction(_scene: Scene) -> Posted:
    today = paris_day(datetime.now(UTC))
    return Posted(
        form={
            "kind": "FEEDBACK",
            "everybody": "yes",
            "grounds": REASON,
            "basis": "BASIS 3",
            "from": today.isoformat(),
            "until": (today + timedelta(days=20)).isoformat(),
        }
    )


_ENTRY = {
    "kind": ["HOST"], "name": "Newcomer", "source": REASON, "source_date": "2026-01-05", "version": "1",
}  # fmt: skip
_WORDS = {"words": REASON}
_VIEW = {"view": "OPEN", "kind": "GROOMING"}
_COUNTERPART = {"name": "West", "our_name": "Desk", "key": "22" * 32, "contact": "Duty"}
_LIMITS = {"kind": ["HANDLE"], "role": ["SUSPECT"], "months": "12"}
_SOURCE = {
    "name": "Hotline Example", "kind": "HASHSHARING", "url": "https://lists.example/hashsharing/",
    "list": "known", "login": "fanal", "secret": "", "every": "60",
}  # fmt: skip
_SUMMARY = {"body": "PROSECUTOR_OF_PARIS", "summary": "Read and compared."}

_DOCUMENT = {"format": "text", "motive": REASON}

FORMS: dict[str, Act] = {
    # The queue and its reports.
    "desk:alarm": _act("orient_alarm"),
    "desk:alarms-mute": _act(
        "ledger_entry", why=REASON, known=lambda s: "-".join(i.hex[-8:] for i in s.world.alarm_ids.values())
    ),
    "desk:claim": _act("orient_case", scenes.waiting),
    "desk:renew": _act("orient_case", scenes.taken, silent=True),
    "desk:release": _act("orient_case", scenes.taken),
    "desk:next": _act("orient_case", _two_waiting),
    "desk:selection": _act("ledger_entry", report=_selected_id, silent=True, in_form=True),
    "desk:selection-claim": _act("orient_case", scenes.waiting, report=_selected_id, in_form=True),
    "desk:selection-release": _act("orient_case", scenes.taken, report=_selected_id, in_form=True),
    "desk:selection-close": _act(
        "orient_decision orient_case", _calm, report=_selected_id, reason=REASON, in_form=True
    ),
    "desk:selection-attach": _act(
        "crosscheck_judgement", _loose, report=_selected_id, anchor=lambda s: desk_number(s.other_id), reason=REASON,
        in_form=True,
    ),
    "desk:selection-feedback": _act(
        "orient_feedback", report=_selected_id, verdict="USEFUL", in_form=True
    ),
    "desk:assign": _act("orient_assignment", assigning.in_charge),
    "desk:give-back": _act("orient_assignment", assigning.given),
    "desk:take-back": _act("orient_assignment", assigning.handed),
    "desk:assignments-undo": _act("orient_assignment", assigning.handed_somewhere),
    "desk:selection-assign": _act(
        "orient_assignment", assigning.in_charge, report=_selected_id, shown=assigning.shown_in_bulk, in_form=True
    ),
    "desk:selection-take-back": _act(
        "orient_assignment", assigning.handed, report=_selected_id, shown=assigning.shown_in_bulk, in_form=True
    ),
    "desk:notifications-seen": _act("orient_notification", assigning.notified, silent=True),
    "desk:notifications-mail": _act("orient_mail_choice", choice="DAILY", silent=True),
    "desk:decide": _act("orient_decision orient_case", scenes.to_decide),
    "desk:undo": _act("orient_case", scenes.just_decided),
    "desk:reopen": _act("orient_case"),
    "desk:close": _act("orient_case", scenes.decided),
    "desk:unfold": _act("orient_case orient_unfolding", scenes.folded),
    "desk:question": _act("intake_message", scenes.reachable),
    "desk:answers-read": _act("orient_answer", scenes.answered),
    "desk:report-document": _act("ledger_entry", _DOCUMENT),
    "desk:replay": _act("intake_work", scenes.quarantined),
    "desk:replay-code": _act("procrastinate_jobs", _two_set_aside, error="WORKER_DIED", silent=True),
    "desk:example-judge": _act("analyse_judgement", learning.passage),
    "desk:example-rewrite": _act("analyse_example", learning.example, words="A neutral sentence."),
    "desk:example-check": _act("analyse_example", learning.example_rewritten),
    "desk:example-withdraw": _act("analyse_example", learning.example_checked),
    "desk:note": _act("orient_note", _WORDS),
    "desk:report-hold": _act(
        "intake_hold", motive=REASON, review_on=lambda _s: holding.day(6), seen=holding.placed
    ),
    "desk:hold-keep": _act("intake_hold", holding.held, review_on=lambda _s: holding.day(6)),
    "desk:hold-lift": _act("intake_hold", holding.held),
    "desk:review": _act("intake_review", verdict="keep", motive=REASON),
    "desk:review-second": _act("intake_review_second", scenes.end_proposed),
    "desk:identity": _act("harmonise_opening", motive=REASON),
    "desk:feedback": _act("orient_feedback", verdict="USEFUL"),
    "desk:entry": _act(
        "intake_report", whom="PARENT", way="PHONE", danger="NO", kind="OTHER", contact="ANONYMOUS", once="0" * 32,
        desk=lambda s: str(s.desk_id), in_form=True,
    ),
    "desk:density": _act("accounts_user", dense="1", silent=True),
    "home:tour-seen": _act("accounts_user", silent=True),
    "desk:views": _act("orient_view", _VIEW, name="mine", silent=True),
    "desk:view": _act("orient_view", act="rename", name="again", silent=True),
    "desk:views-shared": _act(
        "orient_view", _VIEW, name="ours", desk=lambda s: str(s.desk_id), silent=True, in_form=True
    ),
    "desk:view-shared": _act("orient_view", act="rename", name="again", silent=True),
    # Dossiers and what others hold.
    "desk:dossier-document": _act("ledger_entry", _DOCUMENT),
    "desk:dossier-note": _act("orient_note", _WORDS),
    "desk:dossier-name": _act("crosscheck_name", name="A name"),
    "desk:judge": _act("crosscheck_judgement", act="REJECT", reason=REASON, members=_members),
    "desk:suggestion": _act(
        "crosscheck_judgement", answer="REJECT", other=lambda s: s.other_id, motive=REASON
    ),
    "desk:dossier-withhold": _act(
        "deconfliction_withholding", _WORDS, act="WITHHOLD",
        counterpart=lambda s: s.world.counterpart_id,
    ),
    "desk:hit-move": _act("deconfliction_step", _WORDS, move="close"),
    "desk:counterpart-add": _act("deconfliction_counterpart", _COUNTERPART, known="NO"),
    "desk:counterpart-key": _act(
        "deconfliction_counterpart deconfliction_former_key", _COUNTERPART, before=_key_shown
    ),
    "desk:counterpart-limits": _act("deconfliction_limit", _LIMITS, limits=_limits_shown),
    "desk:counterpart-close": _act("deconfliction_counterpart"),
    # Measures, referrals and sheets.
    "desk:measure-amend": _act("casework_act casework_document", scenes.addressed),
    "desk:measure-submit": _act("casework_act casework_step", scenes.complete),
    "desk:measure-withdraw": _act("casework_act casework_step", cause=REASON),
    "desk:measure-approve": _act("casework_act casework_approval", scenes.submitted),
    "desk:measure-refuse": _act("casework_act casework_approval", scenes.submitted),
    "desk:measure-contact": _act("measures_contact", proof="letter"),
    "desk:measure-step": _act("casework_act casework_step", scenes.approved),
    "desk:measure-block": _act("casework_act casework_document", blocking.to_block),
    "desk:blocking-amend": _act("casework_document casework_step", reasons=REASON),
    "desk:blocking-propose": _act("casework_step", move="withdraw"),
    "desk:blocking-approve": _act("casework_step casework_approval", blocking.blocking_submitted),
    "desk:blocking-refuse": _act("casework_step casework_approval", blocking.blocking_submitted),
    "desk:blocking-vouch": _act("casework_step", blocking.blocking_approved),
    "desk:blocking-move": _act("casework_step", blocking.blocking_vouched),
    "desk:blocking-free": _act("casework_step", blocking.blocking_listed),
    "desk:mirror-draft": _act("casework_act casework_document", mirror.to_draft),
    "desk:mirror-amend": _act("casework_document casework_step", mirror.amended),
    "desk:mirror-propose": _act("casework_step", move="withdraw"),
    "desk:mirror-approve": _act("casework_step casework_approval", mirror.submitted),
    "desk:mirror-refuse": _act("casework_step casework_approval", mirror.submitted),
    "desk:mirror-vouch": _act("casework_step", mirror.approved),
    "desk:mirror-move": _act("casework_step", mirror.vouched),
    "desk:mirror-free": _act("casework_step", mirror.listed),
    "desk:measure-dereference": _act("casework_act casework_document", dereferencing.to_dereference),
    "desk:blocking-dereference": _act("casework_act casework_document", dereferencing.to_dereference),
    "desk:dereferencing-amend": _act("casework_document casework_step", dereferencing.amended),
    "desk:dereferencing-propose": _act("casework_step", move="withdraw"),
    "desk:dereferencing-approve": _act("casework_step casework_approval", dereferencing.submitted),
    "desk:dereferencing-refuse": _act("casework_step casework_approval", dereferencing.submitted),
    "desk:dereferencing-move": _act("casework_step", dereferencing.approved),
    "desk:dereferencing-free": _act("casework_step", dereferencing.notified),
    "desk:measure-appeal": _act("casework_act casework_step", appeal.against_measure),
    "desk:blocking-appeal": _act("casework_act casework_step", appeal.against_blocking),
    "desk:dereferencing-appeal": _act("casework_act casework_step", appeal.against_dereferencing),
    "desk:appeal-move": _act("casework_step", move="hear"),
    "desk:notice-amend": _act("casework_act casework_document", scenes.notice_told),
    "desk:notice-propose": _act("casework_act casework_step", move="withdraw"),
    "desk:notice-move": _act("casework_act casework_step", scenes.notice_approved),
    "desk:notice-approve": _act("casework_act casework_approval", scenes.notice_submitted),
    "desk:notice-refuse": _act("casework_act casework_approval", scenes.notice_submitted),
    "desk:emergency_call-move": _act("casework_act casework_step", move="decline", proof="letter"),
    "desk:call": _act("casework_act casework_document", scenes.called),
    "desk:referral-amend": _act("casework_act casework_document", _SUMMARY),
    "desk:referral-move": _act("casework_act casework_step", move="withdraw"),
    "desk:sheet-draft": _act("casework_act", body="OFMIN"),
    "desk:sheet-amend": _act("casework_act", _SUMMARY),
    "desk:sheet-move": _act("casework_act", move="withdraw"),
    "desk:addressee-add": _act("measures_addressee", _ENTRY),
    "desk:addressee-change": _act("measures_addressee", _ENTRY),
    "desk:addressee-confirm": _act("measures_addressee_second", version="1"),
    # Rules, lists, sources and standing instructions.
    "desk:reader-propose": _act("analyse_reader"),
    "desk:reader-withdraw": _act("analyse_reader", learning.reader_proposed),
    "desk:reader-activate": _act("analyse_reader", learning.reader_proposed),
    "desk:ruleset-draft": _act("analyse_ruleset", scenes.rules_typed),
    "desk:ruleset-dry-run": _act("analyse_trial", scenes.drafted),
    "desk:ruleset-activate": _act("analyse_ruleset", scenes.run_dry),
    "desk:list-vote": _act("analyse_vote", vote="UP.CONFIRMED"),
    "desk:list-release": _act("analyse_aside", scenes.set_aside),
    "desk:source-add": _act("exchange_source", _SOURCE),
    "desk:annotation-write": _act(
        "statistics_annotation", kind="NOTE", first="2026-01-05", last="", words="A storm"
    ),
    "desk:annotation-end": _act("statistics_annotation_end", _annotation),
    "desk:source-test": _act("ledger_entry"),
    "desk:source-fetch": _act("procrastinate_jobs"),
    "desk:source-switch": _act("exchange_source", enabled="no"),
    "desk:instruction-propose": _act("accounts_instruction", _instruction),
    "desk:instruction-second": _act("accounts_instruction_second", bearers=NOBODY),
    "desk:instruction-revoke": _act("accounts_instruction_end", reason=REASON),
    # Accounts and habilitations.
    "account_add": _act("accounts_user", login="newcomer", name="New Comer", email=""),
    "account_edit": _act(
        "accounts_person", person.seen, name="New Name", email="new@desk.test"
    ),
    "account_unlock": _act("ledger_object"),
    "account_sessions": _act("accounts_user"),
    "account_close": _act("accounts_user"),
    "account_reopen": _act("accounts_user", person.closed),
    "account_reset_propose": _act("accounts_reset", person.no_reset, reason="LOST"),
    "account_reset_confirm": _act("accounts_reset_end"),
    "account_reset_withdraw": _act("accounts_reset_end"),
    "account_reset_refuse": _act("accounts_reset_end", person.of_the_walker, own=True),
    "account_desk_add": _act("accounts_desk", _new_code, name="Antenne", name_en="", contact=""),
    "account_desk_edit": _act("accounts_desk", _new_code, seen=""),
    "account_desk_close": _act("accounts_desk", person.empty_desk),
    "account_desk_reopen": _act("accounts_desk", person.closed_desk),
    "account_public_number": _act("accounts_help_line", number="119", verdict="CHECKED", source="A text"),
    "account_public_hours": _act(
        "accounts_opening", opens0="09:00", closes0="18:00", closed="", shown="1"
    ),
    "account_duty_add": _act("accounts_duty", _DUTY),
    "account_duty_end": _act("accounts_duty_end", _line),
    "account_duty_test": _act("procrastinate_jobs"),
    "account_mail_test": _act("procrastinate_jobs", to="DUTY"),
    "account_access_add": _act("accounts_partnercredential", name="Newcomer", quota=""),
    "account_access_revoke": _act("accounts_partnercredential", _access_opened),
    "account_grant": _act("accounts_habilitation", scenes.habilitation_form, in_form=True),
    "account_approve": _act("accounts_habilitation_approval", scenes.granted),
    "account_review": _act("accounts_review", verdict="KEEP", silent=True),
    "account_revoke": _act("accounts_revocation", reason="MOVED"),
    "account_motive": _act("django_session", motive="Case 12", silent=True, own=True),
    "account_end_sessions": _act("accounts_user", own=True),
    "account_change_password": _act("accounts_user", scenes.new_password, own=True),
    "account_reauthenticate": _act("django_session", scenes.with_password, silent=True, own=True),
    # Oversight.
    "oversight:recommend": _act("measures_recommendation", _WORDS, kind="CORRECT"),
    "oversight:answer": _act("measures_answer", _WORDS, verdict="DECLINED"),
    "oversight:opening-seen": _act("harmonise_opening_seen"),
    "oversight:session-document": _act("ledger_entry", _DOCUMENT),
    "oversight:start": _act("measures_session", scenes.ended),
    "oversight:note": _act("measures_happening", what="PAUSED"),
    "oversight:group": _act("measures_happening", scenes.seen),
}  # fmt: skip
