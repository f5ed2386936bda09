"""What goes out, one job a message, tried again until it is taken over."""

from uuid import UUID

from procrastinate import RetryStrategy
from procrastinate.contrib.django import app

from fanal import reference
from fanal.connectors import mail
from fanal.kernel import clock
from fanal.kernel.actors import system_actor
from fanal.kernel.failpoints import failpoint
from fanal.ledger import operations as ledger

_LANGUAGES = ("fr", "en")


@app.task(
    queue="alarms", retry=RetryStrategy(max_attempts=30, exponential_wait=2), name="call_duty"
)
def call_duty(alarm_id: str, report_id: str, *, escalated: bool) -> None:
    """Call the duty people: a reference and where to look, nothing of the report itself."""
    now, mailer = clock.now(), mail.current()
    code = "ALARM_ESCALATED" if escalated else "ALARM_RAISED"
    parameters = {"reference": report_id}
    failpoint("send.begin")
    mailer.send(
        to=mailer.duty,
        subject=reference.render(f"{code}_SUBJECT", parameters, _LANGUAGES[0], kind="mail"),
        text="\n\n".join(reference.render(code, parameters, x, kind="mail") for x in _LANGUAGES),
        message_id=f"{alarm_id}.{code.lower()}",
        now=now,
    )
    failpoint("send.sent")
    ledger.record(
        actor=system_actor("alarm"),
        action="alarm.send",
        at=now,
        objects=[ledger.ObjectRef(kind="report", id=UUID(report_id))],
        detail={"escalated": int(escalated)},
    )
