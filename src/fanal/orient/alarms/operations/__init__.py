"""Write operations on alarms (raise, acknowledge, escalate) and on their calls (claim, record)."""
