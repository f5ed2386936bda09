"""Pages for the public: report form, follow-up of a report, published figures, information."""
