"""The queue of a desk: claims of its cases, its views and pages."""
