"""The queue of a desk: claims of its reports, its views and pages."""
