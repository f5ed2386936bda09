"""Provider pages: figures, quality of reports, feedback on a report."""
