"""The image as the Dockerfile describes it: what it copies exists, it runs without root, its checks are commands."""

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]
STAGES = re.split(r"(?m)^(?=FROM )", re.sub(r"\\\n\s*", " ", (ROOT / "Dockerfile").read_text(encoding="utf-8")))[1:]
RUNTIME = STAGES[-1]


def instructions(stage: str, name: str) -> list[str]:
    return re.findall(rf"(?m)^{name} (.+)$", stage)


def test_every_copied_file_exists_and_reaches_the_build() -> None:
    sent = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    copies = [line for stage in STAGES for line in instructions(stage, "COPY") if not line.startswith("--from=")]
    sources = [source for line in copies for source in line.split()[:-1]]

    assert "*" in sent
    assert [source for source in sources if f"!{source}" not in sent] == []
    assert [source for source in sources if not (ROOT / source).exists()] == []


def test_it_runs_as_a_numeric_user_other_than_root() -> None:
    (user,) = instructions(RUNTIME, "USER")

    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", user)


def test_only_the_volume_is_written_to() -> None:
    environment = " ".join(instructions(RUNTIME, "ENV"))

    assert instructions(RUNTIME, "VOLUME") == ['["/var/lib/wamon"]']
    assert "WAMON_DATABASE=/var/lib/wamon/wamon.db" in environment
    assert "PYTHONDONTWRITEBYTECODE=1" in environment


def test_both_listeners_are_exposed_and_the_private_one_is_reachable() -> None:
    environment = " ".join(instructions(RUNTIME, "ENV"))

    assert instructions(RUNTIME, "EXPOSE") == ["8080 9877"]
    assert "WAMON_PRIVATE_LISTEN=0.0.0.0:9877" in environment


def test_entry_point_and_health_check_are_our_command() -> None:
    scripts = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["scripts"]
    (health_check,) = instructions(RUNTIME, "HEALTHCHECK")

    assert instructions(RUNTIME, "ENTRYPOINT") == ['["wamon"]']
    assert instructions(RUNTIME, "CMD") == ['["run"]']
    assert health_check.endswith('CMD ["wamon", "healthcheck"]')
    assert "wamon" in scripts
