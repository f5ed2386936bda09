"""Write operations on alarms (raise, acknowledge, escalate) and on their calls (e-mails: claim, record)."""
