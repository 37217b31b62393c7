"""The ward that the doctor's tests share, and a server whose certificate the test made."""

from pathlib import Path

import pytest

from tests.certificates import make_certificate
from tests.doctor.patients import Ward


@pytest.fixture
def ward(tmp_path: Path) -> Ward:
    return Ward(tmp_path)


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Key and certificate of 127.0.0.1 in one file, self-signed, for a hundred days from now."""
    folder = tmp_path_factory.mktemp("tls")
    make_certificate(folder)
    both = folder / "both.pem"
    both.write_bytes((folder / "cert.pem").read_bytes() + (folder / "key.pem").read_bytes())
    return both
