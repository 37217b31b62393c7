"""What the alerts on messages and webhooks must do."""

from tests.assets.ruletest import Case, Kind

CASES: tuple[Case, ...] = ()
WITHOUT: dict[tuple[str, Kind], str] = {}
