"""Pages of the desk, for analysts, officers and supervisors: one folder or module for each subject."""
