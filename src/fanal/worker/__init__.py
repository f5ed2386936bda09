"""The worker: processing stages of reports, scheduled jobs, and e-mail notices."""
