"""Every check once, in the order an expert would look, with evidence, cause and fix."""

from wamon.doctor.diagnosis import EXAMINATIONS, Diagnosis, Examination, diagnose
from wamon.doctor.findings import BY_SEVERITY, ORDER, SKIPPED, Finding, Status, worst
from wamon.doctor.meta import CHECKS, Check, examine
from wamon.doctor.receivers import RECEIVER_TITLE, examine_receivers
from wamon.doctor.ticket import ticket

__all__ = [
    "BY_SEVERITY",
    "CHECKS",
    "EXAMINATIONS",
    "ORDER",
    "RECEIVER_TITLE",
    "SKIPPED",
    "Check",
    "Diagnosis",
    "Examination",
    "Finding",
    "Status",
    "diagnose",
    "examine",
    "examine_receivers",
    "ticket",
    "worst",
]
