"""Self-signed certificates for tests, made by the openssl program: no library that wamon has can make one."""

import subprocess
from pathlib import Path

from tests.tools import require_tool


def make_certificate(folder: Path, *, name: str = "cert", days: int = 100, use: str | None = None) -> None:
    """Write `<name>.pem` and `key.pem` of 127.0.0.1 into the folder; `use` is the extended key usage, None for any."""
    asked = f"req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days {days} -subj /O=Ward"
    files = ["-keyout", str(folder / "key.pem"), "-out", str(folder / f"{name}.pem")]
    command = [require_tool("openssl"), *asked.split(), "-addext", "subjectAltName=IP:127.0.0.1", *files]
    command += [] if use is None else ["-addext", f"extendedKeyUsage={use}"]
    subprocess.run(command, check=True, capture_output=True, timeout=30)
