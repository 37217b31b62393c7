"""What the shared recording rules make of known series, by the real promtool and worked out by hand."""

import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from tests.assets.ruletest import group_order, placed
from tests.assets.shipped import ALERTS
from tests.tools import require_tool
from wamon.core.figures import wilson_lower_bound

RECORDING: Final = ALERTS / "recording.rules.yml"
# More than an hour after the series begin.
LOOK: Final = "65m"
NUMBER: Final = 'phone_number_id="1",waba_id="9"'
SECOND: Final = 'phone_number_id="2",waba_id="9"'


def complaints(folder: Path, series: Mapping[str, str], expected: Mapping[str, float | None], at: str = LOOK) -> str:
    """What promtool says against these values of expressions at that time; None stands for no series.

    Values are compared to within a billionth, which promtool itself would do exactly.
    """
    looks: list[dict[str, Any]] = []
    for expr, value in expected.items():
        if value is None:
            looks.append({"expr": expr, "eval_time": at, "exp_samples": []})
        else:
            near = f"count(abs({expr} - {value!r}) < 1e-9)"
            looks.append({"expr": near, "eval_time": at, "exp_samples": [{"labels": "{}", "value": 1}]})
    content = {
        "rule_files": [str(RECORDING)],
        "evaluation_interval": "1m",
        "group_eval_order": group_order([RECORDING]),
        "tests": [
            {
                "interval": "1m",
                "input_series": [{"series": placed(key), "values": values} for key, values in series.items()],
                "promql_expr_test": looks,
            }
        ],
    }
    script = folder / "recording.test.yml"
    script.write_text(yaml.safe_dump(content), encoding="utf-8")
    ran = subprocess.run(
        [require_tool("promtool"), "test", "rules", str(script)], capture_output=True, text=True, timeout=120
    )
    return "" if ran.returncode == 0 else ran.stdout + ran.stderr


@pytest.mark.parametrize("window", ["1h", "24h"])
def test_ratios_of_an_account_are_of_all_its_messages(tmp_path: Path, window: str) -> None:
    other = {"1h": "24h", "24h": "1h"}[window]
    series = {
        f'whatsapp_messages_attempted{{{NUMBER},window="{window}"}}': "60x70",
        f'whatsapp_messages_attempted{{{SECOND},window="{window}"}}': "20x70",
        f'whatsapp_messages_failed{{{NUMBER},window="{window}"}}': "6x70",
        f'whatsapp_messages_failed{{{SECOND},window="{window}"}}': "14x70",
        f'whatsapp_messages_bounced{{{NUMBER},window="{window}"}}': "4x70",
        f'whatsapp_messages_bounced{{{SECOND},window="{window}"}}': "0x70",
        f'whatsapp_messages_attempted{{{NUMBER},window="{other}"}}': "0x70",
        f'whatsapp_messages_failed{{{NUMBER},window="{other}"}}': "7x70",
        f'whatsapp_messages_bounced{{{NUMBER},window="{other}"}}': "7x70",
    }

    found = complaints(
        tmp_path,
        series,
        {
            f"waba:whatsapp_message_failures:ratio{window}": 20 / 80,
            f"waba:whatsapp_message_bounces:ratio{window}": 4 / 80,
            f"waba:whatsapp_message_failures:ratio{other}": None,
            f"waba:whatsapp_message_bounces:ratio{other}": None,
        },
    )

    assert found == ""


@pytest.mark.parametrize(("hits", "total"), [(0, 1000), (7, 100), (40, 200), (100, 100), (999, 12345)])
def test_bounds_are_those_that_wamon_judges_by(tmp_path: Path, hits: int, total: int) -> None:
    bound = wilson_lower_bound(hits, total)
    series = {
        f'whatsapp_messages_attempted{{{NUMBER},window="1h"}}': f"{total}x70",
        f'whatsapp_messages_failed{{{NUMBER},window="1h"}}': f"{hits}x70",
        f'whatsapp_messages_bounced{{{NUMBER},window="1h"}}': "0x70",
        f'whatsapp_messages_attempted{{{SECOND},window="1h"}}': f"{total}x70",
        f'whatsapp_messages_failed{{{SECOND},window="1h"}}': f"{hits}x70",
        f'whatsapp_messages_bounced{{{SECOND},window="1h"}}': f"{hits}x70",
        f'whatsapp_messages_sent{{{NUMBER},age="15m_1h"}}': f"{total}x70",
        f'whatsapp_messages_open{{{NUMBER},age="15m_1h"}}': f"{hits}x70",
        f'whatsapp_messages_open{{{NUMBER},age="1h_24h"}}': "9x70",
    }

    found = complaints(
        tmp_path,
        series,
        {
            'phone_number:whatsapp_message_faults:lower_bound1h{phone_number_id="1"}': bound,
            'phone_number:whatsapp_message_faults:lower_bound1h{phone_number_id="2"}': 0.0,
            'phone_number:whatsapp_message_bounces:lower_bound1h{phone_number_id="2"}': bound,
            "phone_number:whatsapp_messages_open:lower_bound": bound,
        },
    )

    assert found == ""


@pytest.mark.parametrize(
    ("total", "has_faults", "has_bounces"),
    [(49, False, False), (50, True, False), (99, True, False), (100, True, True)],
)
def test_bounds_exist_from_enough_messages_on(tmp_path: Path, total: int, has_faults: bool, has_bounces: bool) -> None:
    bound = wilson_lower_bound(20, total)
    series = {
        f'whatsapp_messages_attempted{{{NUMBER},window="1h"}}': f"{total}x70",
        f'whatsapp_messages_failed{{{NUMBER},window="1h"}}': "40x70",
        f'whatsapp_messages_bounced{{{NUMBER},window="1h"}}': "20x70",
        f'whatsapp_messages_sent{{{NUMBER},age="15m_1h"}}': f"{total}x70",
        f'whatsapp_messages_open{{{NUMBER},age="15m_1h"}}': "20x70",
    }

    found = complaints(
        tmp_path,
        series,
        {
            "phone_number:whatsapp_message_faults:lower_bound1h": bound if has_faults else None,
            "phone_number:whatsapp_messages_open:lower_bound": bound if has_faults else None,
            "phone_number:whatsapp_message_bounces:lower_bound1h": bound if has_bounces else None,
        },
    )

    assert found == ""


def test_rates_by_class_and_error_budget_are_of_messages_sent_and_failed(tmp_path: Path) -> None:
    series = {
        f'whatsapp_message_statuses_total{{{NUMBER},status="sent"}}': "0+90x4400",
        f'whatsapp_message_statuses_total{{{NUMBER},status="failed"}}': "0+30x4400",
        f'whatsapp_message_statuses_total{{{NUMBER},status="delivered"}}': "0+60x4400",
        f'whatsapp_message_failures_total{{{NUMBER},error_class="template"}}': "0+12x4400",
        f'whatsapp_message_failures_total{{{NUMBER},error_class="recipient"}}': "0+18x4400",
        f'whatsapp_message_bounces_total{{{NUMBER},kind="hard"}}': "0+12x4400",
        f'whatsapp_message_bounces_total{{{NUMBER},kind="soft"}}': "0+6x4400",
    }
    windows = {f"waba:whatsapp_message_errors:ratio_rate{each}": 12 / 120 for each in ("5m", "30m", "1h", "6h", "3d")}

    found = complaints(
        tmp_path,
        series,
        {
            'waba_class:whatsapp_message_failures:rate1h{error_class="template"}': 12 / 60,
            'waba_class:whatsapp_message_failures:rate1h{error_class="recipient"}': 18 / 60,
            'waba_class:whatsapp_message_failures:ratio_rate1h{error_class="template"}': 12 / 120,
            **windows,
        },
        at="4380m",
    )

    assert found == ""


def test_where_nobody_ever_bounced_all_failures_are_faults(tmp_path: Path) -> None:
    bound = wilson_lower_bound(20, 100)
    series = {
        f'whatsapp_messages_attempted{{{NUMBER},window="1h"}}': "100x70",
        f'whatsapp_messages_attempted{{{NUMBER},window="24h"}}': "900x70",
        f'whatsapp_messages_failed{{{NUMBER},window="1h"}}': "20x70",
        f'whatsapp_messages_failed{{{NUMBER},window="24h"}}': "90x70",
        f'whatsapp_message_statuses_total{{{NUMBER},status="sent"}}': "0+60x70",
        f'whatsapp_message_failures_total{{{NUMBER},error_class="template"}}': "0+6x70",
    }
    windows = {f"waba:whatsapp_message_errors:ratio_rate{each}": 0.1 for each in ("5m", "30m", "1h", "6h", "3d")}

    found = complaints(
        tmp_path,
        series,
        {
            'phone_number:whatsapp_message_faults:count1h{window="1h"}': 20.0,
            "phone_number:whatsapp_message_faults:lower_bound1h": bound,
            **windows,
        },
    )

    assert found == ""


@pytest.mark.parametrize(("sent", "share"), [("0x70", None), ("0x5 1x65", 1.0)])
def test_error_budget_is_of_few_messages_and_not_of_none(tmp_path: Path, sent: str, share: float | None) -> None:
    series = {
        f'whatsapp_message_statuses_total{{{NUMBER},status="sent"}}': "0x70",
        f'whatsapp_message_statuses_total{{{NUMBER},status="failed"}}': sent,
        f'whatsapp_message_failures_total{{{NUMBER},error_class="template"}}': sent,
        f'whatsapp_message_bounces_total{{{NUMBER},kind="hard"}}': "0x70",
    }
    windows = {f"waba:whatsapp_message_errors:ratio_rate{each}": share for each in ("5m", "30m", "1h", "6h", "3d")}

    found = complaints(tmp_path, series, windows, at="10m")

    assert found == ""


def test_each_window_of_the_error_budget_sees_its_own_past(tmp_path: Path) -> None:
    """Faults end at a time after which the shorter windows are clean and the longer ones are not."""
    series = {
        f'whatsapp_message_statuses_total{{{NUMBER},status="sent"}}': "0+60x500",
        f'whatsapp_message_failures_total{{{NUMBER},error_class="platform"}}': "0+6x400 2400x100",
        f'whatsapp_message_bounces_total{{{NUMBER},kind="hard"}}': "0x500",
    }

    def clean(minute: int, shorter: str, longer: str) -> str:
        name = "waba:whatsapp_message_errors:ratio_rate"
        expected = {f"{name}{shorter}": 0.0, f"({name}{longer} > bool 0)": 1.0}
        return complaints(tmp_path, series, expected, f"{minute}m")

    assert clean(406, "5m", "30m") == ""
    assert clean(440, "30m", "1h") == ""
    assert clean(470, "1h", "6h") == ""


def test_percentiles_of_ordinary_messages_leave_one_time_codes_out(tmp_path: Path) -> None:
    def histogram(name: str, counts: Mapping[str, int]) -> dict[str, str]:
        return {f'{name}_bucket{{waba_id="9",le="{le}"}}': f"0+{count}x70" for le, count in counts.items()}

    # Each minute 10 ordinary messages between 10 and 30 seconds, and 90 codes below 10.
    series = {
        **histogram("whatsapp_message_delivery_seconds", {"10.0": 90, "30.0": 100, "+Inf": 100}),
        **histogram("whatsapp_authentication_delivery_seconds", {"10.0": 90, "30.0": 90, "+Inf": 90}),
        **histogram("whatsapp_webhook_lag_seconds", {"10.0": 0, "30.0": 40, "+Inf": 40}),
    }

    found = complaints(
        tmp_path,
        series,
        {
            "waba:whatsapp_message_delivery_seconds:p50_10m": 20.0,
            "waba:whatsapp_message_delivery_seconds:p95_10m": 29.0,
            "waba:whatsapp_message_delivery_seconds:p99_10m": 29.8,
            "waba:whatsapp_authentication_delivery_seconds:p95_10m": 9.5,
            "waba:whatsapp_webhook_lag_seconds:p95_10m": 29.0,
        },
    )

    assert found == ""


@pytest.mark.parametrize("waba", ["9", "8"])
def test_percentiles_are_there_where_nobody_ever_sent_a_one_time_code(tmp_path: Path, waba: str) -> None:
    """Be it on one account only."""
    series = {
        **{
            f'whatsapp_message_delivery_seconds_bucket{{waba_id="{each}",le="{le}"}}': f"0+{count}x70"
            for each in ("8", "9")
            for le, count in {"10.0": 0, "30.0": 40, "+Inf": 40}.items()
        },
        **{
            f'whatsapp_authentication_delivery_seconds_bucket{{waba_id="{waba}",le="{le}"}}': "0x70"
            for le in ("10.0", "30.0", "+Inf")
        },
    }

    found = complaints(
        tmp_path,
        series,
        {f'waba:whatsapp_message_delivery_seconds:p95_10m{{waba_id="{each}"}}': 29.0 for each in ("8", "9")},
    )

    assert found == ""
