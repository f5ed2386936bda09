"""Diagnosis of the e-mail settings for alarm calls, for `fanal doctor`, `fanal run` and `fanal mail`."""

import os
from collections.abc import Iterator, Mapping

from fanal.cli.finding import DoctorFinding, fine, problem
from fanal.config.environment import read_environment
from fanal.config.mailing import mailer_of
from fanal.connectors.mail import MailFault

FAULTS: Mapping[MailFault, str] = {
    MailFault.NO_SERVER: "FANAL_SMTP_URL is not set: mail is left in FANAL_HOME/mail, which nobody reads",
    MailFault.SERVER_REFUSED: "FANAL_SMTP_URL is no address of the form smtp[s]://host:port: nothing is sent",
    MailFault.NO_DUTY: "FANAL_DUTY names nobody to call",
    MailFault.DUTY_RESERVED: "FANAL_DUTY names examples only, which reach nobody",
    MailFault.SENDER_RESERVED: "FANAL_MAIL_FROM is an example: servers refuse such a sender",
}


def look_at_channel() -> Iterator[DoctorFinding]:
    """Yield the faults in the mail settings that would keep an alarm call from the people on duty."""
    mailer = mailer_of(read_environment(os.environ))
    faults = mailer.faults()
    for fault in faults:
        yield problem(f"no call for a child in danger reaches anybody: {FAULTS[fault]}")
    if not faults and not mailer.demo:
        yield fine(
            f"calls for a child in danger go to {len(mailer.duty)} addresses; "
            "'fanal mail test' sends one message to them"
        )
