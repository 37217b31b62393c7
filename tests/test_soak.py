"""A daemon that runs for long stays as it is; the long version is benchmarks/soak.py itself."""

import pytest

from benchmarks.soak import Look, judge, soak

# So short a run still warms up in its second third.
SHORT_TOLERANCE = 0.15


def looks(rss: list[float], files: list[int]) -> list[Look]:
    return [
        Look(at=str(at), rss_mb=memory, files=handles, database_mb=1.0)
        for at, (memory, handles) in enumerate(zip(rss, files, strict=True))
    ]


@pytest.mark.alone
def test_two_simulated_days_and_twenty_real_seconds_leave_memory_and_open_files_flat() -> None:
    found = soak(days=2, minutes=1 / 3, accounts=2, numbers=5, messages_a_day=2_000, tolerance=SHORT_TOLERANCE)

    assert [verdict.part for verdict in found] == ["live", "simulated"]
    assert [fault for verdict in found for fault in verdict.faults] == []


def test_what_warms_up_and_then_stays_is_flat() -> None:
    flat = looks([50, 80, 90] + [100.0] * 6, [10, 30, 20, 25, 31, 22, 24, 32, 23])

    assert judge("live", flat, tolerance=0.05).faults == ()


def test_memory_that_grows_on_is_a_fault() -> None:
    leaking = looks([100.0 + 2 * at for at in range(9)], [10] * 9)

    assert judge("live", leaking, tolerance=0.05).faults == ("memory grew from 108.0 to 114.0 MB",)


def test_files_that_stay_open_are_a_fault() -> None:
    leaking = looks([100.0] * 9, [10 + 3 * at for at in range(9)])

    assert judge("live", leaking, tolerance=0.05).faults == ("open files grew from 22 to 31",)
