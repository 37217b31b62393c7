"""docs/doctor.md explains every check there is, under the title that the doctor prints."""

import re
from pathlib import Path

from wamon.doctor import CHECKS, EXAMINATIONS
from wamon.doctor.machine import GUARDED
from wamon.doctor.webhooks import CERTIFICATE, REFUSAL

GUIDE = (Path(__file__).parents[2] / "docs" / "doctor.md").read_text(encoding="utf-8")


def test_every_check_is_explained_and_none_that_is_not_there() -> None:
    explained = set(re.findall(r"^\| ([A-Z][^|]+?) \|", GUIDE, flags=re.MULTILINE))
    titles = {*(check.title for check in CHECKS), *(each.title for each in EXAMINATIONS), GUARDED, CERTIFICATE, REFUSAL}

    assert titles <= explained
    assert explained - titles == {
        *("Word", "Check", "Key"),
        "Meta answers the token, account, app and api_version probe",
    }


def test_every_check_of_a_rule_names_its_alert() -> None:
    assert [check.title for check in CHECKS if f"| {check.title} | `{check.rule}` |" not in GUIDE] == []
