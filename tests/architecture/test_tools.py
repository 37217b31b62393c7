"""A missing outside tool skips on a laptop and fails in CI."""

from pathlib import Path

import pytest

from tests.tools import REQUIRE_TOOLS, require_tool


def test_tool_on_the_path_is_found(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    promtool = tmp_path / "promtool"
    promtool.touch(mode=0o755)
    monkeypatch.setenv("PATH", str(tmp_path))

    assert require_tool("promtool") == str(promtool)


def test_missing_tool_skips_where_nothing_demands_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv(REQUIRE_TOOLS, raising=False)

    with pytest.raises(pytest.skip.Exception, match="amtool is not installed"):
        require_tool("amtool")


def test_missing_tool_fails_where_tools_are_required(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv(REQUIRE_TOOLS, "1")

    with pytest.raises(pytest.fail.Exception, match="chromium is not installed"):
        require_tool("chromium")
