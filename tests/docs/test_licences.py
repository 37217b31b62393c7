"""docs/licences.md names every package that is installed with wamon, each under a licence that asks for nothing but its
notice (certifi's list of authorities: to give changes of that list back)."""

import re
from importlib.metadata import metadata
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LOCKED = re.findall(r"(?m)^([a-z0-9-]+)==", (ROOT / "requirements.lock").read_text(encoding="utf-8"))
LISTED = dict(
    re.findall(r"(?m)^\| ([a-z][a-z0-9-]*) \| ([^|]+?) \|", (ROOT / "docs" / "licences.md").read_text(encoding="utf-8"))
)
PERMISSIVE = {
    "MIT",
    "MIT OR Apache-2.0",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "Apache-2.0",
    "Apache-2.0 AND BSD-2-Clause",
    "PSF-2.0",
    "MPL-2.0",
    "Public domain",
}
# What older packages say in words, and some in too few of them: the text of httpx's and jinja2's licence has three
# clauses.
SPELLED = {
    "MIT License": "MIT",
    "BSD License": "BSD-3-Clause",
    "Apache Software License": "Apache-2.0",
    "Apache License, Version 2.0": "Apache-2.0",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "Public Domain": "Public domain",
}


def declared(package: str) -> str:
    """The licence by the package's own metadata, as an SPDX expression."""
    told = metadata(package)
    classifiers = [each.rpartition(" :: ")[2] for each in told.get_all("Classifier") or [] if "License ::" in each]
    words = told["License-Expression"] or next(iter(classifiers), None) or told["License"]
    return SPELLED.get(words, words)


def test_every_locked_package_is_listed_and_no_other() -> None:
    assert LOCKED
    assert sorted(LISTED) == sorted(LOCKED)


@pytest.mark.parametrize("package", LOCKED)
def test_licence_is_the_declared_one_and_permissive(package: str) -> None:
    assert LISTED[package] == declared(package)
    assert LISTED[package] in PERMISSIVE
