"""Every Meta error code we know: what it means, whose it is, how to fix it, and what a Graph call should conclude."""

from wamon.core.error_codes.faults import GraphFaultKind, classify_fault
from wamon.core.error_codes.row import Bounce, ErrorClass, ErrorCode, Owner
from wamon.core.error_codes.table import ALL, SOURCE, lookup

__all__ = [
    "ALL",
    "SOURCE",
    "Bounce",
    "ErrorClass",
    "ErrorCode",
    "GraphFaultKind",
    "Owner",
    "classify_fault",
    "lookup",
]
