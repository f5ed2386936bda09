"""Reference data: law, taxonomies and labels (texts), each dated and sourced, and their strict reader."""

from fanal.reference.catalogue import (
    Catalogue,
    explain_refusal,
    label,
    load,
    read_catalogue,
    render,
)
from fanal.reference.reader import ReferenceRefused, read_entries, read_labels
from fanal.reference.records import (
    Asking,
    Body,
    Clock,
    EmergencyNumber,
    Entry,
    Instrument,
    MeasureClock,
    MeasureRule,
    Offence,
    ProtectedName,
    Qualification,
    Retention,
    Routing,
    SearchService,
)

__all__ = [
    "Asking",
    "Body",
    "Catalogue",
    "Clock",
    "EmergencyNumber",
    "Entry",
    "Instrument",
    "MeasureClock",
    "MeasureRule",
    "Offence",
    "ProtectedName",
    "Qualification",
    "ReferenceRefused",
    "Retention",
    "Routing",
    "SearchService",
    "explain_refusal",
    "label",
    "load",
    "read_catalogue",
    "read_entries",
    "read_labels",
    "render",
]
