"""`fanal mail`: tests the e-mail settings for alarm calls."""

import os
from uuid import uuid4

import click

from fanal.cli.failures import Failed, reason, tell
from fanal.config.environment import read_environment
from fanal.config.mailing import mailer_of
from fanal.connectors.mail import Reached
from fanal.connectors.mail_trial import send_trial
from fanal.kernel import clock


@click.group()
def mail() -> None:
    """Test the e-mail settings of the desk."""


@mail.command("test")
def test() -> None:
    """Send one message, marked as a test, to the duty addresses (FANAL_DUTY). Exit status 1 on failure."""
    mailer = mailer_of(read_environment(os.environ))
    try:
        sent = send_trial(mailer, to=mailer.duty, message_id=f"{uuid4()}.trial", now=clock.now())
    except OSError as failure:
        detail = reason(failure) if failure.errno else failure
        raise Failed("MAIL_NOT_SENT", detail=detail) from None
    if sent.reached is Reached.NOBODY:
        raise Failed("MAIL_LEFT", folder=mailer.folder)
    if sent.reached is Reached.SOME:
        raise Failed("MAIL_REFUSED_SOME")
    tell("MAIL_ACCEPTED", count=len(mailer.duty))
