"""Record linkage: links between reports that share evidence, dossiers of linked reports, people's judgements.

It is stage 4 of the processing of a report.
"""
