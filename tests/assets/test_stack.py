"""The compose stack: valid by the Compose specification, closed to strangers, and in step with code and assets."""

import json
import re
import subprocess
from collections.abc import Iterator
from importlib import resources
from pathlib import Path
from typing import Any, Final

import jsonschema
import pytest
import yaml

from tests.assets.shipped import alerting_rules
from tests.docs.test_links import VARIABLES
from tests.tools import require_tool
from tests.web.test_private import Client, Daemon
from wamon.config.load import load_settings
from wamon.config.schema import Keys
from wamon.config.sources import FILE_SUFFIX, SECRET_KEYS, variable
from wamon.config.values import ALERTING_MODES
from wamon.web.private import private_app

ROOT: Final = Path(__file__).parents[2]
TEXT: Final = (ROOT / "compose.yaml").read_text(encoding="utf-8")
STACK: Final = yaml.safe_load(TEXT)
SERVICES: Final[dict[str, dict[str, Any]]] = STACK["services"]
NAMES: Final = sorted(SERVICES)
EXAMPLE: Final = (ROOT / ".env.example").read_text(encoding="utf-8")
# The port inside the container. Source: the images' own documentation, read 2026-11.
PORTS: Final = {
    "wamon": [Keys.model_fields["public_listen"].default.port, Keys.model_fields["private_listen"].default.port],
    "prometheus": [9090],
    "alertmanager": [9093],
    "grafana": [3000],
}
SECRETS: Final = "/run/secrets"
USE: Final = re.compile(r"\$\{(?P<name>\w+)(?::-(?P<default>[^}]*))?\}")
SETTING: Final = re.compile(r"^#?(?P<name>[A-Z][A-Z_]*)=(?P<value>.*)$", re.MULTILINE)


def schema() -> dict[str, Any]:
    """The Compose specification's own, as check-jsonschema carries it."""
    file = resources.files("check_jsonschema") / "builtin_schemas" / "vendor" / "compose-spec.json"
    found = json.loads(file.read_text(encoding="utf-8"))
    assert isinstance(found, dict)
    return found


def as_by_default(text: str) -> str:
    """The text as compose reads it where no variable is set."""
    return USE.sub(lambda use: use["default"] or "", text)


def explained() -> dict[str, str]:
    """What .env.example sets, or would when its # is taken away."""
    return {setting["name"]: setting["value"] for setting in SETTING.finditer(EXAMPLE)}


def mounts(service: str) -> Iterator[tuple[str, str, bool]]:
    """Source, target and whether it is read-only, of each volume of a service."""
    for volume in SERVICES[service].get("volumes", ()):
        if isinstance(volume, dict):
            yield as_by_default(volume["source"]), volume["target"], volume["read_only"]
        else:
            source, target, *options = as_by_default(volume).split(":")
            yield source, target, options == ["ro"]


def inside(service: str, path: str) -> Path:
    """The file of the repository that a service sees at this path."""
    for source, target, _ in mounts(service):
        if path == target or path.startswith(f"{target}/"):
            return ROOT / source / path.removeprefix(target).lstrip("/")
    raise AssertionError(f"{service} has nothing at {path}")


def secrets_of(service: str) -> dict[str, str]:
    """The path of each secret of a service."""
    uses = [
        use if isinstance(use, dict) else {"source": use, "target": f"{SECRETS}/{use}"}
        for use in SERVICES[service].get("secrets", ())
    ]
    return {use["source"]: use["target"] for use in uses}


def option(service: str, name: str) -> str:
    (found,) = [word for word in SERVICES[service]["command"] if word.startswith(f"--{name}=")]
    return as_by_default(found.partition("=")[2])


def file_of(service: str, path: str) -> Any:
    return yaml.safe_load(inside(service, path).read_text(encoding="utf-8"))


# --- valid ------------------------------------------------------------------------------------------------------------


def test_stack_follows_the_compose_specification() -> None:
    jsonschema.Draft202012Validator(schema()).validate(STACK)


def test_planted_misspelling_is_refused() -> None:
    planted = {**STACK, "services": {**SERVICES, "wamon": {**SERVICES["wamon"], "readonly": True}}}

    with pytest.raises(jsonschema.ValidationError, match="readonly"):
        jsonschema.Draft202012Validator(schema()).validate(planted)


def test_volumes_and_secrets_are_declared_and_used() -> None:
    named = {source for name in NAMES for source, _, _ in mounts(name) if not source.startswith((".", "/"))}

    assert named == STACK["volumes"].keys()
    assert {secret for name in NAMES for secret in secrets_of(name)} == STACK["secrets"].keys()


@pytest.mark.parametrize("service", NAMES)
def test_what_is_mounted_is_in_the_repository_and_read_only(service: str) -> None:
    bound = [mount for mount in mounts(service) if mount[0].startswith((".", "/"))]
    chosen = [volume for volume in SERVICES[service].get("volumes", ()) if "${" in str(volume)]

    assert [source for source, _, _ in bound if source != "/dev/null" and not (ROOT / source).exists()] == []
    assert [target for _, target, is_read_only in bound if not is_read_only] == []
    # In short form a name without "./" is a volume, and a file that is not there becomes a folder.
    assert [volume for volume in chosen if volume["bind"] != {"create_host_path": False}] == []


# --- variables --------------------------------------------------------------------------------------------------------


def test_every_variable_of_the_stack_is_explained_and_no_other() -> None:
    used = {use["name"] for use in USE.finditer(TEXT)}

    assert used - explained().keys() == set()
    # The others reach wamon by env_file.
    assert SERVICES["wamon"]["env_file"] == ".env"
    assert explained().keys() - used - VARIABLES == set()


def test_variables_of_the_stack_are_not_taken_for_settings_of_wamon() -> None:
    used = {use["name"] for use in USE.finditer(TEXT) if use["name"].startswith("WAMON_")}

    assert used - VARIABLES == set()


def test_defaults_that_are_told_are_those_in_force() -> None:
    in_force = {use["name"]: use["default"] for use in USE.finditer(TEXT)}
    told = explained()

    # Its example is a file that is not there by default.
    assert in_force.pop("CONFIG_FILE") == "/dev/null"
    assert {name: told[name] for name in in_force} == in_force


def test_mode_is_the_codes_own_default() -> None:
    mode = SERVICES["wamon"]["environment"]["WAMON_ALERTING_MODE"]

    assert as_by_default(mode) == Keys.model_fields["alerting_mode"].default
    (line,) = re.findall(r"^# Who alerts: .*$", EXAMPLE, re.MULTILINE)
    assert all(f"{word} (" in line for word in ALERTING_MODES)


def test_every_variable_is_understood_by_wamon_when_it_is_set(tmp_path: Path) -> None:
    given = {
        "access_token": "EAA" + "x" * 40,
        "app_secret": "0" * 32,
        "slack_webhook_url": "https://hooks.slack.example/services/T0/B0/x",
        "slack_bot_token": "xoxb-" + "1" * 20,
        "slack_app_token": "xapp-" + "1" * 20,
    }
    samples = {"WAMON_WABA_ID": "1029", "WAMON_APP_ID": "634", "WAMON_SLACK_CHANNEL": "#alerts"}
    environment = {}
    for name, value in explained().items():
        if name in VARIABLES:
            environment[name] = value or samples[name]
    for secret in secrets_of("wamon"):
        (tmp_path / secret).write_text(given.get(secret, "a-word-of-our-own"), encoding="utf-8")

    at = {name: value.replace(SECRETS, str(tmp_path)) for name, value in environment.items()}
    settings = load_settings(None, at, default_paths=())

    assert {path.removeprefix(f"{SECRETS}/") for name, path in environment.items() if _is_file(name)} == set(given) | {
        "verify_token",
        "private_bearer_token",
    }
    assert len(settings.accounts) == 1


def _is_file(name: str) -> bool:
    return name.endswith(FILE_SUFFIX.upper())


def test_wamon_listens_and_writes_where_the_stack_expects_it() -> None:
    environment = SERVICES["wamon"]["environment"]

    for key, port in zip(("public_listen", "private_listen"), PORTS["wamon"], strict=True):
        assert environment[variable(key)] == f"0.0.0.0:{port}"
    assert ("wamon", str(Path(environment["WAMON_DATABASE"]).parent), False) in mounts("wamon")
    assert environment.keys() - VARIABLES == set()


# --- secrets ----------------------------------------------------------------------------------------------------------


def test_secrets_are_files_beside_that_neither_git_nor_the_image_takes() -> None:
    ignored = (ROOT / ".gitignore").read_text(encoding="utf-8").splitlines()

    assert STACK["secrets"] == {name: {"file": f"./secrets/{name}"} for name in STACK["secrets"]}
    assert {"/secrets/", "/.env"} <= set(ignored)
    assert "*" in (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()


def test_wamons_secrets_have_its_names_and_reach_nobody_who_has_no_use_for_them() -> None:
    shared = {"alertmanager": {"slack_webhook_url"}, "prometheus": {"private_bearer_token"}}

    assert secrets_of("wamon").keys() - SECRET_KEYS == set()
    for service in NAMES:
        if service != "wamon":
            assert secrets_of(service).keys() & SECRET_KEYS == shared.get(service, set())
    assert "grafana_admin_password" not in secrets_of("wamon")


def test_no_secret_is_an_environment_variable() -> None:
    plain = {variable(key) for key in SECRET_KEYS} | {"GF_SECURITY_ADMIN_PASSWORD"}

    assert [name for name in plain if re.search(rf"\b{name}\b(?!__FILE)", TEXT + EXAMPLE)] == []


@pytest.mark.parametrize(("password", "starts"), [("correct horse", True), ("", False), (None, False)])
def test_grafana_does_not_start_with_a_well_known_password(
    tmp_path: Path, password: str | None, *, starts: bool
) -> None:
    shell, flag, script = SERVICES["grafana"]["entrypoint"]
    assert (shell, flag) == ("/bin/sh", "-c")
    assert secrets_of("grafana")["grafana_admin_password"] in script
    assert "exec /run.sh" in script
    if password is not None:
        (tmp_path / "grafana_admin_password").write_text(password, encoding="utf-8")

    tried = script.replace(SECRETS, str(tmp_path)).replace("/run.sh", "echo started")
    done = subprocess.run(["/bin/sh", "-c", tried], capture_output=True, text=True, check=False)

    assert (done.returncode == 0, done.stdout == "started\n") == (starts, starts)
    assert ("secrets/grafana_admin_password is empty" in done.stderr) is not starts


# --- closed to strangers ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("service", NAMES)
def test_nothing_is_published_beyond_loopback_by_default(service: str) -> None:
    published = [as_by_default(port).rpartition(":") for port in SERVICES[service]["ports"]]

    assert [int(inner) for _, _, inner in published] == PORTS[service]
    assert [outer for outer, _, inner in published if outer != f"127.0.0.1:{inner}"] == []
    assert SERVICES[service].keys() & {"network_mode", "privileged", "pid", "ipc", "devices"} == set()


@pytest.mark.parametrize("service", NAMES)
def test_service_has_no_rights_that_it_does_not_need(service: str) -> None:
    has = SERVICES[service]

    assert has["read_only"] is True
    assert has["cap_drop"] == ["ALL"]
    assert "cap_add" not in has
    assert has["security_opt"] == ["no-new-privileges:true"]
    assert re.fullmatch(r"[1-9]\d*:\d+", has["user"])
    assert has["mem_limit"]
    assert has["pids_limit"]


def test_wamon_is_the_user_of_its_image() -> None:
    dockerfile = (ROOT / "Dockerfile").read_text(encoding="utf-8")

    assert f"USER {SERVICES['wamon']['user']}\n" in dockerfile


def test_images_are_pinned_to_an_exact_version() -> None:
    images = {name: each["image"] for name, each in SERVICES.items() if "build" not in each}

    assert images.keys() == {"prometheus", "alertmanager", "grafana"}
    assert [image for image in images.values() if not re.fullmatch(r"[a-z/]+:v?\d+\.\d+\.\d+", image)] == []


def test_wamon_is_built_here_and_never_pulled() -> None:
    # With a name beside it compose pulls that first. Source: docker/compose issue 12764, read 2026-11.
    assert SERVICES["wamon"]["build"] == "."
    assert "image" not in SERVICES["wamon"]


# --- health -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("service", NAMES)
def test_every_service_is_asked_for_its_health(service: str) -> None:
    check = SERVICES[service]["healthcheck"]

    assert check["test"][0] == "CMD"
    assert {"interval", "timeout", "start_period", "retries"} <= check.keys()
    at = re.findall(r"http://127\.0\.0\.1:(\d+)", " ".join(check["test"]))
    assert at == ([] if service == "wamon" else [str(PORTS[service][0])])


@pytest.mark.parametrize("service", ["prometheus", "alertmanager"])
def test_path_in_the_address_for_people_moves_nothing_inside(service: str) -> None:
    # Otherwise it is the prefix of every path: health check, data source and push would find nothing.
    assert option(service, "web.external-url").startswith("http://localhost:")
    assert option(service, "web.route-prefix") == "/"


def test_wamon_is_asked_as_its_image_says() -> None:
    dockerfile = (ROOT / "Dockerfile").read_text(encoding="utf-8")

    (asked,) = re.findall(r"^HEALTHCHECK .*CMD (\[.*\])$", dockerfile, re.MULTILINE)
    assert SERVICES["wamon"]["healthcheck"]["test"] == ["CMD", *json.loads(asked)]


def test_prometheus_is_there_even_when_wamon_is_not_well() -> None:
    assert SERVICES["prometheus"]["depends_on"] == {
        "wamon": {"condition": "service_started"},
        "alertmanager": {"condition": "service_healthy"},
    }
    assert SERVICES["grafana"]["depends_on"] == {"prometheus": {"condition": "service_healthy"}}


# --- Prometheus -------------------------------------------------------------------------------------------------------


def checked(config: str, folder: Path) -> str:
    """What promtool says of a configuration; the empty text when all is well."""
    promtool = require_tool("promtool")
    file = folder / "checked.yml"
    file.write_text(config, encoding="utf-8")
    done = subprocess.run([promtool, "check", "config", str(file)], capture_output=True, text=True, check=False)
    return "" if done.returncode == 0 else done.stdout + done.stderr


def test_prometheus_takes_its_configuration_and_every_rule(tmp_path: Path) -> None:
    path = option("prometheus", "config.file")
    config = file_of("prometheus", path)
    (pattern,) = config["rule_files"]
    folder = inside("prometheus", str(Path(path).parent / Path(pattern).parent))
    (tmp_path / "token").touch()

    text = inside("prometheus", path).read_text(encoding="utf-8")
    text = text.replace(pattern, str(folder / Path(pattern).name)).replace(
        f"{SECRETS}/private_bearer_token", str(tmp_path / "token")
    )

    assert checked(text, tmp_path) == ""
    assert folder == ROOT / "alerts"
    assert {file.name for file in folder.glob("*.y*ml")} - {file.name for file in folder.glob(Path(pattern).name)} == {
        "alertmanager.yml"
    }


def test_prometheus_scrapes_wamon_as_the_rules_expect_and_tells_alertmanager() -> None:
    config = file_of("prometheus", option("prometheus", "config.file"))
    (job,) = config["scrape_configs"]
    (peers,) = config["alerting"]["alertmanagers"]

    assert job["job_name"] == "wamon"
    assert job["static_configs"] == [{"targets": [f"wamon:{PORTS['wamon'][1]}"]}]
    assert peers == {"static_configs": [{"targets": [f"alertmanager:{PORTS['alertmanager'][0]}"]}]}
    assert job["authorization"]["credentials_file"] == secrets_of("prometheus")["private_bearer_token"]
    rules = "".join(file.read_text(encoding="utf-8") for file in (ROOT / "alerts").glob("*.rules.yml"))
    assert set(re.findall(r'\bjob="([^"]*)"', rules)) == {job["job_name"]}


def test_prometheus_with_an_empty_token_is_served_where_wamon_asks_for_none() -> None:
    daemon = Daemon()
    wamon = Client(private_app(scrape=daemon.scrape, health=lambda: daemon.health))

    # What Prometheus sends with an empty credentials_file. Source: Prometheus 2.42, seen 2026-11.
    assert wamon.get("/metrics", authorization="Bearer").status_code == 200


def test_wamon_pushes_to_the_alertmanager_of_the_stack() -> None:
    urls = SERVICES["wamon"]["environment"]["WAMON_ALERTMANAGER_URLS"]

    assert as_by_default(urls) == f"http://alertmanager:{PORTS['alertmanager'][0]}"


@pytest.mark.parametrize("is_asked_for_a_token", [False, True])
def test_job_for_another_prometheus_is_valid(tmp_path: Path, *, is_asked_for_a_token: bool) -> None:
    text = (ROOT / "deploy" / "prometheus" / "scrape.yml").read_text(encoding="utf-8")
    if is_asked_for_a_token:
        text = re.sub(r"^( *)#(?=authorization:|  credentials_file:)", r"\1", text, flags=re.MULTILINE)
        (file,) = re.findall(r"credentials_file: (\S+)", text)
        (tmp_path / "token").write_text("secret", encoding="utf-8")
        text = text.replace(file, str(tmp_path / "token"))

    assert checked(text, tmp_path) == ""
    (job,) = yaml.safe_load(text)["scrape_configs"]
    assert (job["job_name"], "authorization" in job) == ("wamon", is_asked_for_a_token)
    assert job["static_configs"] == [{"targets": [str(Keys.model_fields["private_listen"].default)]}]


# --- Alertmanager -----------------------------------------------------------------------------------------------------


def test_alertmanager_finds_its_configuration_its_template_and_slacks_url(tmp_path: Path) -> None:
    amtool = require_tool("amtool")
    path = option("alertmanager", "config.file")
    config = file_of("alertmanager", path)
    for name in (Path(path).name, *config["templates"]):
        (tmp_path / name).write_bytes(inside("alertmanager", str(Path(path).parent / name)).read_bytes())

    done = subprocess.run(
        [amtool, "check-config", str(tmp_path / Path(path).name)], capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stderr
    assert config["global"]["slack_api_url_file"] == secrets_of("alertmanager")["slack_webhook_url"]


# --- Grafana ----------------------------------------------------------------------------------------------------------

# Those in use. Source: Grafana "Provision Grafana", read 2026-11.
SOURCE_KEYS: Final = {"name", "uid", "type", "access", "url", "isDefault", "editable", "jsonData"}
PROVIDER_KEYS: Final = {
    "name",
    "type",
    "folder",
    "disableDeletion",
    "allowUiUpdates",
    "updateIntervalSeconds",
    "options",
}
PROVISIONING: Final = "/etc/grafana/provisioning"


def test_grafana_asks_the_prometheus_of_the_stack() -> None:
    found = file_of("grafana", f"{PROVISIONING}/datasources/wamon.yml")
    scraped = file_of("prometheus", option("prometheus", "config.file"))["global"]["scrape_interval"]

    assert found.keys() == {"apiVersion", "datasources"}
    (source,) = found["datasources"]
    assert source.keys() == SOURCE_KEYS
    assert (source["type"], source["url"]) == ("prometheus", f"http://prometheus:{PORTS['prometheus'][0]}")
    assert source["isDefault"] is True
    assert source["jsonData"] == {"httpMethod": "POST", "timeInterval": scraped}


def test_grafana_shows_every_board_and_opens_with_the_fleet() -> None:
    found = file_of("grafana", f"{PROVISIONING}/dashboards/wamon.yml")

    assert found.keys() == {"apiVersion", "providers"}
    (provider,) = found["providers"]
    assert provider.keys() == PROVIDER_KEYS
    assert (provider["type"], provider["options"].keys()) == ("file", {"path"})
    assert inside("grafana", provider["options"]["path"]) == ROOT / "dashboards"
    home = inside("grafana", SERVICES["grafana"]["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"])
    assert json.loads(home.read_text(encoding="utf-8"))["uid"] == "wamon-fleet"


def test_grafana_keeps_the_data_source_that_its_image_brings() -> None:
    environment = SERVICES["grafana"]["environment"]

    assert environment["GF_PLUGINS_PREINSTALL_DISABLED"] == "true"
    assert environment["GF_PLUGINS_PREINSTALL_AUTO_UPDATE"] == "false"


# --- the page that tells how to start it ------------------------------------------------------------------------------

PAGE: Final = (ROOT / "docs" / "prometheus-and-grafana.md").read_text(encoding="utf-8")


def test_page_makes_every_secret_and_takes_three_lines_for_each_way() -> None:
    ways = re.findall(r"^### .*?^```sh\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)

    assert [len(way.splitlines()) for way in ways] == [3] * 4
    made = re.findall(r"touch ((?:\w+ )+)|> (\w+)", ways[0])
    assert {name for words in made for word in words for name in word.split()} == STACK["secrets"].keys()


def test_readme_has_the_same_three_lines_for_each_way() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    *imports, _systemd = re.findall(r"^### .*?^(```sh\n.*?^```\n)", PAGE, re.MULTILINE | re.DOTALL)

    assert [lines for lines in imports if lines not in readme] == []


def test_page_names_the_alerts_that_fire_in_every_mode() -> None:
    guards = re.compile(r'wamon_alert_mode\{|wamon_alerting_mode\{mode="prometheus"\}')
    unguarded = {
        name for name, rules in alerting_rules().items() if not all(guards.search(rule["expr"]) for rule in rules)
    }

    (row,) = re.findall(r"^\| `builtin`.*$", PAGE, re.MULTILINE)
    assert set(re.findall(r"`(Wamon\w+)`", row)) == unguarded


def test_line_that_changes_the_runbook_links_finds_them_all() -> None:
    ((before, files),) = re.findall(r"sed -i 's#([^#]+)#[^#]+#' (.*)$", PAGE, re.MULTILINE)

    named = [file for pattern in files.split() for file in ROOT.glob(pattern)]
    linked = [*(ROOT / "alerts").iterdir(), *(ROOT / "dashboards").glob("*.json")]
    with_links = {file for file in linked if "localhost:9877" in file.read_text(encoding="utf-8")}
    assert with_links <= set(named)
    for file in with_links:
        text = file.read_text(encoding="utf-8")
        assert text.count("localhost:9877") == text.count(before)
