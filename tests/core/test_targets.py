"""What a probe's target is called among the subjects."""

import pytest

from wamon.core.api_versions import BUNDLED_TABLE
from wamon.core.health import Subject
from wamon.core.targets import AccountTarget, AppTarget, InstanceTarget, Target, TokenTarget


@pytest.mark.parametrize(
    ("target", "subject"),
    [
        (AccountTarget(name="shop", waba_id="100", token="main", version="v25.0"), Subject.waba("100")),
        (TokenTarget(token="main", app_id=None, waba_ids=("100",), required_scopes=()), Subject.token("main")),
        (AppTarget(app_id="7", wanted_fields=("messages",), expected_callback_url=None), Subject.app("7")),
        (InstanceTarget(versions=("v25.0",), table=BUNDLED_TABLE), Subject.instance()),
    ],
    ids=["account", "token", "app", "instance"],
)
def test_target_is_the_subject_of_that_name(target: Target, subject: Subject) -> None:
    assert target.subject == subject
