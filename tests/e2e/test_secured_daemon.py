"""wamon's own commands beside a real daemon that is locked: by TLS, by users, by client certificates."""

import asyncio
import json
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import bcrypt
import pytest

from tests.certificates import make_certificate
from tests.cli.running import wamon
from tests.crash.lab import Lab, lab, until
from wamon.doctor.machine import LISTENER
from wamon.web.server import bind

pytestmark = pytest.mark.alone

PASSWORD = "correct horse battery"
USER = {"WAMON_API_USER": "anna", "WAMON_API_PASSWORD": PASSWORD}
TLS = "tls_server_config:\n  cert_file: cert.pem\n  key_file: key.pem\n"
CLIENTS = f"{TLS}  client_auth_type: RequireAndVerifyClientCert\n  client_ca_file: clients/cert.pem\n"
USERS = f"basic_auth_users:\n  anna: {bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)).decode()}\n"


@dataclass(frozen=True)
class Locked:
    """A daemon that runs, and the commands beside it."""

    it: Lab
    url: str

    async def run(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """As on the daemon's machine: with its configuration."""
        own = {name: value for name, value in self.it.environment.items() if name.startswith("WAMON_")}
        return await asyncio.to_thread(wamon, *arguments, folder=self.it.folder, **own, **environment)

    async def run_elsewhere(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """As on an operator's machine: with nothing but what is given."""
        elsewhere = self.it.folder / "elsewhere"
        elsewhere.mkdir(exist_ok=True)
        return await asyncio.to_thread(wamon, *arguments, folder=elsewhere, WAMON_API_URL=self.url, **environment)


@asynccontextmanager
async def locked(folder: Path, web_config: str, *, use: str | None = None) -> AsyncIterator[Locked]:
    with bind("127.0.0.1", 0) as sock:
        port = sock.getsockname()[1]
    settings = {"private_listen": f"127.0.0.1:{port}", "web_config": str(folder / "web.yml")}
    async with lab(folder, settings=settings) as it:
        make_certificate(folder, use=use)
        (folder / "clients").mkdir()
        make_certificate(folder / "clients")
        (folder / "web.yml").write_text(web_config, encoding="utf-8")
        process = await it.start()
        await it.page()
        await it.has_asked()
        yield Locked(it, f"https://127.0.0.1:{port}")
        assert await it.stop(process) == 0


def listener_of(doctor: subprocess.CompletedProcess[str]) -> str:
    """What the doctor says of the private listener."""
    findings = json.loads(doctor.stdout)["findings"]
    return next(str(each["status"]) for each in findings if each["check"] == LISTENER)


def test_commands_work_by_a_users_name_and_password(tmp_path: Path) -> None:
    async def story() -> None:
        async with locked(tmp_path / "lab", TLS + USERS) as daemon:
            ca_file = {"WAMON_API_CA_FILE": str(daemon.it.folder / "cert.pem")}

            well = await daemon.run("healthcheck")
            beside = [await daemon.run(*each, **USER) for each in (("alerts", "list"), ("timeline",), ("mark", "x"))]
            doctor = await daemon.run("doctor", "--json", **USER)
            elsewhere = await daemon.run_elsewhere("alerts", "list", **USER, **ca_file)
            nobody = await daemon.run("alerts", "list")
            wrong = await daemon.run("alerts", "list", **{**USER, "WAMON_API_PASSWORD": "guessed"})
            untrusted = await daemon.run_elsewhere("alerts", "list", **USER)

            assert (well.returncode, well.stdout) == (0, "well\n")
            assert [result.returncode for result in (*beside, elsewhere)] == [0, 0, 0, 0]
            assert listener_of(doctor) == "OK"
            assert PASSWORD not in doctor.stdout + daemon.it.log
            asks = f"{daemon.url} asks who you are, and"
            keys = "set WAMON_API_USER and WAMON_API_PASSWORD"
            assert (nobody.returncode, f"{asks} nothing is configured here: {keys}" in nobody.stderr) == (2, True)
            assert (wrong.returncode, f"{asks} refuses what is configured here: {keys}" in wrong.stderr) == (2, True)
            assert untrusted.returncode == 2
            assert "its certificate is not trusted" in untrusted.stderr
            assert "set WAMON_API_CA_FILE" in untrusted.stderr

    asyncio.run(story())


def test_commands_show_a_client_certificate_where_one_is_wanted(tmp_path: Path) -> None:
    """The server's own is for servers only, as most issuers make them."""

    async def story() -> None:
        async with locked(tmp_path / "lab", CLIENTS, use="serverAuth") as daemon:
            folder = daemon.it.folder
            shown = {
                "WAMON_API_CERT_FILE": str(folder / "clients" / "cert.pem"),
                "WAMON_API_KEY_FILE": str(folder / "clients" / "key.pem"),
            }
            commands = (("healthcheck",), ("alerts", "list"))

            good = [await daemon.run(*each, **shown) for each in commands]
            bad = [await daemon.run(*each) for each in commands]
            doctors = [await daemon.run("doctor", "--json", **each) for each in (shown, {})]
            elsewhere = await daemon.run_elsewhere(
                "alerts", "list", WAMON_API_CA_FILE=str(folder / "cert.pem"), **shown
            )

            assert [result.returncode for result in (*good, elsewhere)] == [0, 0, 0]
            assert [result.returncode for result in bad] == [1, 2]
            for result in bad:
                assert "it ends the connection: where it wants a client certificate, let" in result.stderr
                assert "WAMON_API_CERT_FILE and WAMON_API_KEY_FILE name one that it takes" in result.stderr
            assert [listener_of(doctor) for doctor in doctors] == ["OK", "CRITICAL"]
            assert "Let api_cert_file and api_key_file name a certificate" in doctors[1].stdout

    asyncio.run(story())


def test_renewed_certificate_is_shown_while_the_daemon_works_on(tmp_path: Path) -> None:
    async def story() -> None:
        async with locked(tmp_path / "lab", TLS) as daemon:
            ca_file = daemon.it.folder / "ca.pem"
            ca_file.write_bytes((daemon.it.folder / "cert.pem").read_bytes())
            trusted = {"WAMON_API_CA_FILE": str(ca_file)}
            before = await daemon.run_elsewhere("alerts", "list", **trusted)

            make_certificate(daemon.it.folder)
            after = await daemon.run_elsewhere("alerts", "list", **trusted)
            ca_file.write_bytes((daemon.it.folder / "cert.pem").read_bytes())
            again = await daemon.run_elsewhere("alerts", "list", **trusted)

            assert [result.returncode for result in (before, after, again)] == [0, 2, 0]
            await until(lambda: daemon.it.log.count("a renewed certificate is shown") == 1)

    asyncio.run(story())
