"""A reporter's identity opens by a named act alone: motive, journal, notice, another person's eye."""

import dataclasses
import json
from collections.abc import Callable
from email import message_from_bytes
from pathlib import Path
from uuid import UUID, uuid4

import msgspec
import pytest
from django.db import connection
from django.test import Client

from fanal.accounts.domain.policy import Refused
from fanal.accounts.operations.desks import ensure_desk
from fanal.cli.failures import CommandRefused
from fanal.cli.report import show
from fanal.connectors import mail
from fanal.harmonise.openings import list_openings
from fanal.harmonise.operations.identity import IdentityUnknown, open_identity
from fanal.intake.domain.records import Arrival, Format, Submission
from fanal.intake.operations.receive import receive_reports
from fanal.kernel.actors import Role
from fanal.kernel.refusal import Refusal
from fanal.worker.sends import tell_opening
from tests.integration.accounts.people import SYSTEM, habilitate, make_user
from tests.integration.desk.story import WORKER, Desk, add_reports, run_stages
from tests.refusals import CHECK, NO_RIGHT, database_refuses

pytestmark = pytest.mark.django_db
SignIn = Callable[[str], Client]
NAME = "Camille Sealed-Name"
MOTIVE = "Written request of the prosecutor of Paris, file 26/118: hear the witness."


@pytest.fixture
def named(desk: Desk) -> UUID:
    """A report of the public form whose author left a name."""
    body = msgspec.json.encode({"kind": "GROOMING", "description": "Somebody writes to my child."})
    submission = Submission(
        arrival=Arrival.FORM,
        format=Format.FORM,
        body=body,
        canonical=body,
        desk_id=1,
        identity=msgspec.json.encode(
            {"name": NAME, "email": "camille@mail.example", "is_child": True}
        ),
    )
    (answer,) = receive_reports(actor=WORKER, submissions=[submission], now=desk.now)
    run_stages(desk.now)
    assert answer.report_id is not None
    return answer.report_id


def entries(action: str, object_id: UUID) -> int:
    """How many entries of an action name an object."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM ledger_entry e JOIN ledger_object o ON o.entry_id = e.id"
            " WHERE e.action = %s AND o.object_id = %s",
            [action, object_id],
        )
        return int(cursor.fetchone()[0])


def test_the_act_from_motive_to_the_other_persons_eye(
    desk: Desk, named: UUID, sign_in: SignIn
) -> None:
    report, page = f"/en/desk/reports/{named}/", f"/en/desk/reports/{named}/identity/"
    driss = sign_in("driss")
    assert "Open the identity…" in driss.get(report).content.decode()
    assert "Open the identity…" not in sign_in("ana").get(report).content.decode()
    assert NAME not in driss.get(page).content.decode()
    short = driss.post(page, {"motive": "because"})
    assert short.status_code == 422
    assert NAME not in short.content.decode()
    assert entries("identity.open", named) == 0
    opened = driss.post(page, {"motive": MOTIVE})
    body = opened.content.decode()
    assert NAME in body
    assert "camille@mail.example" in body
    assert "no-store" in opened["Cache-Control"]
    assert entries("identity.open", named) == 2  # the act, and the sealed object it opened
    assert NAME not in driss.get(page).content.decode(), "shown once"
    (opening,) = list_openings(actor=desk.actor("claire"))
    assert (opening.motive, opening.seen) == (MOTIVE, ())
    listing = "/en/oversight/openings/"
    for name in ("claire", "gabrielle"):
        told = sign_in(name).get(listing).content.decode()
        assert MOTIVE in told
        assert NAME not in told
    assert entries("identity.oversee", opening.id) >= 2
    assert (
        sign_in("gabrielle")
        .get("/en/oversight/")
        .content.decode()
        .count("1 opening has not yet been seen")
        == 1
    )
    assert sign_in("driss").get(listing).status_code == 403
    assert sign_in("gabrielle").post(f"{listing}{opening.id}/seen/").status_code == 302
    assert entries("identity.seen", opening.id) == 1
    assert "Seen by Gabrielle" in sign_in("claire").get(listing).content.decode()


@pytest.mark.parametrize("name", ["ana", "elise", "gabrielle", "hugo"])
def test_others_open_nothing(desk: Desk, named: UUID, sign_in: SignIn, name: str) -> None:
    page = f"/en/desk/reports/{named}/identity/"
    assert sign_in(name).get(page).status_code == 403
    assert sign_in(name).post(page, {"motive": MOTIVE}).status_code == 403
    with pytest.raises((Refused, IdentityUnknown)):
        open_identity(actor=desk.actor(name), report_id=named, motive=MOTIVE, now=desk.now)
    assert entries("identity.open", named) == 0


def test_the_form_asks_for_the_right_at_the_desk_of_the_report(
    desk: Desk, named: UUID, sign_in: SignIn
) -> None:
    ensure_desk(actor=SYSTEM, desk_id=2, code="WEST", name="West")
    zoe = make_user("zoe", Role.ANALYST)
    habilitate(zoe, Role.JUDICIAL_OFFICER, desk=2, at=desk.now)
    desk.users["zoe"] = zoe
    assert sign_in("zoe").get(f"/en/desk/reports/{named}/").status_code == 200
    page = f"/en/desk/reports/{named}/identity/"
    assert sign_in("zoe").get(page).status_code == 404
    assert sign_in("zoe").post(page, {"motive": MOTIVE}).status_code == 404


def test_nobody_is_the_other_person_of_their_own_act(
    desk: Desk, named: UUID, sign_in: SignIn
) -> None:
    claire = sign_in("claire")
    claire.post(f"/en/desk/reports/{named}/identity/", {"motive": MOTIVE})
    (opening,) = list_openings(actor=desk.actor("claire"))
    assert "another person must confirm" in claire.get("/en/oversight/openings/").content.decode()
    assert claire.post(f"/en/oversight/openings/{opening.id}/seen/").status_code == 403
    with database_refuses(CHECK), connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO harmonise_opening_seen VALUES (%s, %s, now())",
            [opening.id, opening.person_id],
        )
    for attack in ("DELETE FROM harmonise_opening", "UPDATE harmonise_opening SET desk_id = 2"):
        with database_refuses(NO_RIGHT), connection.cursor() as cursor:
            cursor.execute(attack)


def test_a_providers_reporter_comes_out_of_the_document(desk: Desk) -> None:
    person = {"role": "REPORTER", "name": NAME, "emails": ["desk@provider.example"]}
    add_reports(desk, [("told", 5, {"kind": "OTHER", "description": "seen", "persons": [person]})])
    opened = open_identity(
        actor=desk.actor("claire"), report_id=desk.reports["told"], motive=MOTIVE, now=desk.now
    )
    assert opened.facts == (("NAME", NAME), ("EMAIL", "desk@provider.example"))
    silent = open_identity(
        actor=desk.actor("claire"), report_id=desk.reports["empty"], motive=MOTIVE, now=desk.now
    )
    assert silent.facts == ()


def test_the_notice_is_queued_with_the_act_and_names_nobody(
    desk: Desk, named: UUID, tmp_path: Path
) -> None:
    opened = open_identity(actor=desk.actor("claire"), report_id=named, motive=MOTIVE, now=desk.now)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT args ->> 'opening_id' FROM procrastinate_jobs WHERE task_name = 'tell_opening'"
        )
        assert cursor.fetchall() == [(str(opened.opening_id),)]
    desk.users["gabrielle"].email = "overseer@desk.test"
    desk.users["gabrielle"].save(update_fields=["email"])
    before = mail.current()
    mail.install(dataclasses.replace(before, url="", folder=tmp_path))
    try:
        tell_opening(opening_id=str(opened.opening_id))
        tell_opening(opening_id=str(uuid4()))
    finally:
        mail.install(before)
    (letter,) = tmp_path.glob("*.eml")
    message = message_from_bytes(letter.read_bytes())
    text = message.get_payload(decode=True).decode()
    assert message["To"] == "overseer@desk.test"
    assert str(named) in text
    assert NAME not in text
    assert "prosecutor" not in text


def shown(capsys: pytest.CaptureFixture[str], reference: UUID | str, **options: object) -> str:
    given = {
        "as_json": True, "lang": "en", "reveal_reporter": False, "motive": "", "as_user": None, "code": None,
    }  # fmt: skip
    show.callback.__wrapped__((str(reference),), **given | options)  # type: ignore[union-attr]
    return capsys.readouterr().out


def test_the_command_reveals_by_the_same_act_and_never_without(
    desk: Desk, named: UUID, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "fanal.accounts.queries.people.has_demo_mark", lambda: True
    )  # no one-time code
    driss, ana = desk.users["driss"].username, desk.users["ana"].username
    assert NAME not in shown(capsys, named, as_user=driss)
    reveal = {"reveal_reporter": True, "motive": MOTIVE}
    for code, options in (
        ("REVEALER_NEEDED", reveal),
        ("REVEAL_REFUSED", reveal | {"as_user": ana}),
        ("SHORT", reveal | {"as_user": driss, "motive": "because"}),
    ):
        with pytest.raises((CommandRefused, Refusal)) as refused:
            shown(capsys, named, **options)
        assert refused.value.code == code
        assert NAME not in capsys.readouterr().out
    assert entries("identity.open", named) == 0
    told = json.loads(shown(capsys, named, as_user=driss, **reveal))
    assert {"fact": "NAME", "value": NAME} in told["reporter"]
    assert NAME in shown(capsys, named, as_user=driss, as_json=False, **reveal)
    assert entries("identity.open", named) == 4  # two acts, and what each opened
    assert {o.motive for o in list_openings(actor=desk.actor("claire"))} == {MOTIVE}
