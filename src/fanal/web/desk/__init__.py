"""Pages for analysts, officers and supervisors."""
