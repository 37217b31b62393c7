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


_CA: str = """\
[ca]
default_ca = it
[it]
new_certs_dir = {folder}
database = {folder}/index.txt
serial = {folder}/serial
default_md = sha256
policy = any
[any]
organizationName = supplied
"""


def make_ended_certificate(folder: Path, *, name: str = "cert") -> None:
    """Write `<name>.pem` and `key.pem` of 127.0.0.1 into the folder: valid in January 2020, and no more since."""
    openssl = require_tool("openssl")
    (folder / "ca.cnf").write_text(_CA.format(folder=folder), encoding="utf-8")
    (folder / "san.cnf").write_text("subjectAltName=IP:127.0.0.1\n", encoding="utf-8")
    (folder / "index.txt").write_text("", encoding="utf-8")
    (folder / "serial").write_text("01\n", encoding="utf-8")
    key, request = str(folder / "key.pem"), str(folder / "request.pem")
    asked = "req -new -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /O=Ward"
    signed = "ca -batch -selfsign -notext -startdate 20200101000000Z -enddate 20200201000000Z"
    files = ["-config", "ca.cnf", "-extfile", "san.cnf", "-keyfile", key, "-in", request, "-out", f"{name}.pem"]
    for command in ([*asked.split(), "-keyout", key, "-out", request], [*signed.split(), *files]):
        subprocess.run([openssl, *command], check=True, capture_output=True, timeout=30, cwd=folder)
