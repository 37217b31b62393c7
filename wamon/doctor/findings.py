"""What a check finds, and how bad that is."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from wamon.core.alerting import Severity
from wamon.core.health import Subject

SKIPPED: Final = "SKIPPED"


class Status(IntEnum):
    """The exit codes of Nagios plugins."""

    OK = 0
    WARNING = 1
    CRITICAL = 2
    UNKNOWN = 3

    def __str__(self) -> str:
        return self.name


# The worst of all checks is the command's answer; a warning that is known beats a question that was not answered.
ORDER = (Status.OK, Status.UNKNOWN, Status.WARNING, Status.CRITICAL)
BY_SEVERITY = {Severity.INFO: Status.OK, Severity.WARNING: Status.WARNING, Severity.CRITICAL: Status.CRITICAL}


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """The outcome of one check about one thing. `cause` and `fix` are empty when it is well.

    `skipped` says why nothing was checked; such a finding is OK, since it is no fault.
    """

    check: str
    about: str
    status: Status
    evidence: tuple[tuple[str, str], ...] = ()
    cause: str = ""
    fix: tuple[str, ...] = ()
    subject: Subject | None = None
    skipped: str = ""

    @property
    def word(self) -> str:
        """The status as it is printed."""
        return SKIPPED if self.skipped else str(self.status)


def skip(check: str, about: str, reason: str) -> Finding:
    """Nothing was checked, and why."""
    return Finding(check=check, about=about, status=Status.OK, skipped=reason)


def worst(findings: Sequence[Finding]) -> Status:
    return max((finding.status for finding in findings), key=ORDER.index, default=Status.UNKNOWN)
