"""Pages on the queue of reports: views and filters, claims, alarms, quarantine."""
