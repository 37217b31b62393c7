"""What no tracked file may hold, and what every lock file must."""

import re
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[2]
LOCKS = ("requirements.lock", "requirements-dev.lock", "requirements-build.lock", "requirements-uv.lock")
PIN = re.compile(r"(?P<name>[a-z0-9-]+)==(?P<version>[^ ;]+)")

# Each in two pieces, so that this file passes its own test.
FORBIDDEN = {
    "a package index host": r"\bpy" r"pi\.[a-z]+|python" r"hosted\.org|npm" r"js\.(?:org|com)|deb\." r"debian\.org",
    "a path of somebody's machine": r"/ro"
    r"ot/|/ho"
    r"me/[a-z]|/Us"
    r"ers/[a-z]|/wo"
    r"rk/|/opt/(?:wh"
    r"eels|py"
    r"pi)",
    "a Meta access token": r"\bEA" r"A[A-Za-z0-9]{40,}",
    "a Slack token": r"\bxo" r"x[abeoprs]-[0-9]{9,}-[A-Za-z0-9-]{10,}",
    "a Slack webhook": r"hooks\.sl" r"ack\.com/services/T[A-Z0-9]{8,}/B[A-Z0-9]{8,}/[A-Za-z0-9]{20,}",
    "a private key": r"-----BE" r"GIN [A-Z ]*PRIVATE KEY",
    "a cloud or forge key": r"\b(?:AK" r"IA[A-Z0-9]{16}|gh" r"[pousr]_[A-Za-z0-9]{36})\b",
    "a note to self": r"\b(?:TO" r"DO|FIX" r"ME|XX" r"X)\b",
}


def faults(text: str) -> Iterator[str]:
    for line_number, line in enumerate(text.splitlines(), start=1):
        for what, pattern in FORBIDDEN.items():
            if re.search(pattern, line):
                yield f"line {line_number} holds {what}"


def lock_faults(text: str) -> Iterator[str]:
    """Every pin is followed by its hashes; nothing else is in the file but comments."""
    pin, hashes = "", 0
    for line in [*text.splitlines(), "end==0"]:
        if line.startswith("    --hash=sha256:"):
            hashes += 1
        elif PIN.match(line):
            if pin and not hashes:
                yield f"{pin} has no hash"
            pin, hashes = line, 0
        elif line and not line.lstrip().startswith("#"):
            yield f"neither a pin nor a hash: {line}"


def pins(lock: str) -> dict[str, str]:
    lines = (ROOT / lock).read_text(encoding="utf-8").splitlines()
    return {match["name"]: match["version"] for line in lines if (match := PIN.match(line))}


def tracked_files() -> list[Path]:
    """Everything that is or would be committed, deleted files left out."""
    if not (ROOT / ".git").exists():
        pytest.skip("not a git work tree, so nothing says which files are the project's")
    # CI may run as another user than the one who cloned.
    git = ["git", "-c", "safe.directory=*", "-C", str(ROOT), "ls-files", "-z", "-co", "--exclude-standard"]
    names = subprocess.run(git, check=True, capture_output=True, text=True).stdout.split("\0")
    return [path for name in names if name and (path := ROOT / name).is_file()]


def test_no_tracked_file_holds_a_host_a_machine_path_a_secret_or_a_note() -> None:
    found = []
    for path in tracked_files():
        content = path.read_bytes()
        if b"\0" not in content:
            found += [f"{path.relative_to(ROOT)}: {fault}" for fault in faults(content.decode("utf-8"))]

    assert found == []


@pytest.mark.parametrize(
    ("line", "what"),
    [
        ("index-url = https://py" + "pi.org/simple", "a package index host"),
        ("--find-links /opt/" + "wheels", "a path of somebody's machine"),
        ("cd /ro" + "ot/project", "a path of somebody's machine"),
        ("token = EA" + "A" + "b1" * 30, "a Meta access token"),
        ("token = xox" + "b-123456789012-abcdefghijklmnop", "a Slack token"),
        ("-----BEGIN RSA " + "PRIVATE KEY-----", "a private key"),
        ("# TO" + "DO: later", "a note to self"),
    ],
)
def test_planted_line_is_found(line: str, what: str) -> None:
    assert list(faults(f"fine\n{line}\n")) == [f"line 2 holds {what}"]


def test_no_module_is_longer_than_500_lines() -> None:
    lengths = {
        str(path.relative_to(ROOT)): len(path.read_text(encoding="utf-8").splitlines())
        for path in (ROOT / "wamon").rglob("*.py")
    }

    assert {path: length for path, length in lengths.items() if length > 500} == {}


@pytest.mark.parametrize("lock", LOCKS)
def test_lock_holds_hashed_pins_and_nothing_else(lock: str) -> None:
    text = (ROOT / lock).read_text(encoding="utf-8")

    assert pins(lock)
    assert list(lock_faults(text)) == []


@pytest.mark.parametrize("line", ["--index-url https://example.org/simple", "--find-links wheels", "-e .", "httpx"])
def test_lock_with_an_option_or_a_loose_requirement_is_found(line: str) -> None:
    text = f"{line}\nclick==8.3.0 \\\n    --hash=sha256:00\n"

    assert list(lock_faults(text)) == [f"neither a pin nor a hash: {line}"]


def test_lock_with_a_pin_without_hash_is_found() -> None:
    text = "click==8.3.0 \\\n    --hash=sha256:00\nhttpx==0.28.1\n"

    assert list(lock_faults(text)) == ["httpx==0.28.1 has no hash"]


def test_locks_agree_with_each_other_and_with_pyproject() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    runtime, development = pins("requirements.lock"), pins("requirements-dev.lock")

    wanted = [Requirement(text) for text in project["project"]["dependencies"]]
    outside = [str(want) for want in wanted if not want.specifier.contains(runtime.get(want.name, "0"))]
    differing = {name for name, version in runtime.items() if development.get(name) != version}

    assert outside == []
    assert differing == set()
