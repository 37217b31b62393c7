"""The Kubernetes manifests: valid by Kubernetes' own schemas, and in step with each other, the code and the assets."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

import jsonschema
import kubernetes_validate  # type: ignore[import-untyped]  # it carries no type information
import pytest
import yaml

from tests.docs.test_links import VARIABLES
from tests.tools import require_tool
from wamon.config.schema import Keys
from wamon.config.sources import FILE_SUFFIX, SECRET_KEYS, variable

ROOT: Final = Path(__file__).parents[2]
FOLDER: Final = ROOT / "deploy" / "kubernetes"
VERSIONS: Final = (kubernetes_validate.latest_version(), "1.30")
GENERATED: Final = {"prometheusrule.yaml", "dashboards.yaml"}
NAME: Final = {"app.kubernetes.io/name": "wamon"}
MOST_BYTES: Final = 1024 * 1024
UNITS: Final = ("y", "w", "d", "h", "m", "s", "ms")
DURATION: Final = {
    "type": "string",
    "minLength": 1,
    "pattern": f"^(0|{''.join(f'(([0-9]+){unit})?' for unit in UNITS)})$",
}
TEXTS: Final = {"type": "object", "additionalProperties": {"type": "string"}}


def closed(required: list[str], **properties: Any) -> dict[str, Any]:
    return {"type": "object", "required": required, "additionalProperties": False, "properties": properties}


# Our own summary of the fields in use, closed to all others: the operator's schemas are no package to depend on.
# Source: prometheus-operator/prometheus-operator, example/prometheus-operator-crd, PrometheusRule of 0.82.2 and
# ServiceMonitor of 0.84.1, read 2026-11.
OPERATOR_SPECS: Final = {
    "ServiceMonitor": closed(
        ["selector", "endpoints"],
        jobLabel={"type": "string"},
        selector=closed(["matchLabels"], matchLabels=TEXTS),
        endpoints={
            "type": "array",
            "minItems": 1,
            "items": closed(
                ["port"],
                port={"type": "string"},
                path={"type": "string"},
                interval=DURATION,
                scrapeTimeout=DURATION,
                relabelings={
                    "type": "array",
                    "items": closed(
                        [],
                        targetLabel={"type": "string"},
                        replacement={"type": "string"},
                        regex={"type": "string"},
                        action={"enum": ["replace", "labeldrop"]},
                    ),
                },
            ),
        },
    ),
    "PrometheusRule": closed(
        ["groups"],
        groups={
            "type": "array",
            "items": closed(
                ["name", "rules"],
                name={"type": "string", "minLength": 1},
                interval=DURATION,
                rules={
                    "type": "array",
                    "items": {
                        **closed(
                            ["expr"],
                            alert={"type": "string"},
                            record={"type": "string"},
                            expr={"type": "string"},
                            **{"for": DURATION},
                            keep_firing_for=DURATION,
                            labels=TEXTS,
                            annotations=TEXTS,
                        ),
                        "oneOf": [{"required": ["alert"]}, {"required": ["record"]}],
                    },
                },
            ),
        },
    ),
}


def documents(name: str) -> list[dict[str, Any]]:
    return list(yaml.load_all((FOLDER / name).read_text(encoding="utf-8"), Loader=yaml.CSafeLoader))


FILES: Final = sorted(file.name for file in FOLDER.glob("*.yaml") if file.name != "kustomization.yaml")
MANIFESTS: Final = [(name, manifest) for name in FILES for manifest in documents(name)]
IDS: Final = [f"{name}-{manifest['metadata']['name']}" for name, manifest in MANIFESTS]


def one(kind: str, name: str = "wamon") -> dict[str, Any]:
    (found,) = [each for _, each in MANIFESTS if (each["kind"], each["metadata"]["name"]) == (kind, name)]
    return found


def pod() -> dict[str, Any]:
    spec: dict[str, Any] = one("Deployment")["spec"]["template"]["spec"]
    return spec


def container() -> dict[str, Any]:
    (only,) = pod()["containers"]
    assert isinstance(only, dict)
    return only


def variables() -> dict[str, str]:
    return {**one("ConfigMap")["data"], **{each["name"]: each["value"] for each in container()["env"]}}


# --- valid ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("manifest", [manifest for _, manifest in MANIFESTS], ids=IDS)
def test_manifest_is_valid_for_kubernetes(manifest: dict[str, Any], version: str) -> None:
    if manifest["kind"] in OPERATOR_SPECS:
        assert manifest["apiVersion"] == "monitoring.coreos.com/v1"
        jsonschema.validate(manifest["spec"], OPERATOR_SPECS[manifest["kind"]])
        return

    kubernetes_validate.validate(manifest, version, strict=True)


def test_planted_misspelling_is_refused() -> None:
    manifest = one("Deployment")
    planted = {**manifest, "spec": {**manifest["spec"], "replica": 1}}

    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(planted, VERSIONS[0], strict=True)


def test_every_manifest_but_the_example_of_a_secret_is_applied() -> None:
    (kustomization,) = documents("kustomization.yaml")

    assert set(kustomization["resources"]) == set(FILES) - {"secret.example.yaml"}


@pytest.mark.parametrize("manifest", [manifest for _, manifest in MANIFESTS], ids=IDS)
def test_manifest_fits_into_etcd(manifest: dict[str, Any]) -> None:
    assert len(json.dumps(manifest).encode()) < MOST_BYTES


# --- generated --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("document", ["README.md", "docs/prometheus-and-grafana.md", "deploy/kubernetes/README.md"])
def test_documents_apply_in_the_way_that_has_room_for_a_board(document: str) -> None:
    applied = re.findall(r"kubectl apply[^\n`]*", (ROOT / document).read_text(encoding="utf-8"))

    assert applied == ["kubectl apply --server-side -k deploy/kubernetes"]


def test_generated_manifests_are_in_step() -> None:
    done = subprocess.run(
        [sys.executable, "deploy/build.py", "--check"], cwd=ROOT, capture_output=True, text=True, check=False
    )

    assert (done.returncode, done.stderr) == (0, "")


def test_prometheus_rule_holds_the_rules_of_the_alerts_folder() -> None:
    files = sorted((ROOT / "alerts").glob("*.rules.yml"))

    wanted = [group for file in files for group in yaml.safe_load(file.read_text(encoding="utf-8"))["groups"]]
    assert one("PrometheusRule")["spec"]["groups"] == wanted


def test_groups_of_the_prometheus_rule_pass_promtool(tmp_path: Path) -> None:
    promtool = require_tool("promtool")
    rules = tmp_path / "rules.yml"
    rules.write_text(yaml.safe_dump(one("PrometheusRule")["spec"]), encoding="utf-8")

    done = subprocess.run([promtool, "check", "rules", str(rules)], capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr


def test_config_maps_hold_the_dashboards() -> None:
    held: dict[str, str] = {}
    for manifest in documents("dashboards.yaml"):
        assert manifest["metadata"]["labels"]["grafana_dashboard"] == "1"
        held |= manifest["data"]

    assert held == {file.name: file.read_text(encoding="utf-8") for file in (ROOT / "dashboards").glob("*.json")}


# --- agreeing with each other -----------------------------------------------------------------------------------------


def test_selectors_find_the_pod() -> None:
    deployment = one("Deployment")["spec"]

    labels = deployment["template"]["metadata"]["labels"].items()
    selectors = [deployment["selector"]["matchLabels"]]
    selectors += [one("Service", name)["spec"]["selector"] for name in ("wamon", "wamon-webhooks")]
    selectors.append(one("NetworkPolicy")["spec"]["podSelector"]["matchLabels"])
    assert all(selector.items() <= labels for selector in selectors)


def test_services_keep_the_public_port_from_the_private_one() -> None:
    ports = {each["name"]: each["containerPort"] for each in container()["ports"]}

    seen = {
        name: [(each["port"], ports[each["targetPort"]]) for each in one("Service", name)["spec"]["ports"]]
        for name in ("wamon", "wamon-webhooks")
    }
    assert seen == {"wamon": [(9877, 9877)], "wamon-webhooks": [(8080, 8080)]}


def test_services_lead_to_a_pod_that_is_not_ready() -> None:
    # Not ready is also who cannot tell Slack; Meta's webhooks and the page that says so must get through.
    for name in ("wamon", "wamon-webhooks"):
        assert one("Service", name)["spec"]["publishNotReadyAddresses"] is True


def test_image_is_not_pulled_before_it_is_named() -> None:
    assert container()["image"] == "registry.example.org/wamon:REPLACE-ME"


def test_only_pods_of_the_cluster_reach_the_private_port() -> None:
    rules = one("NetworkPolicy")["spec"]["ingress"]

    assert rules == [
        {"ports": [{"port": "webhooks"}]},
        {"ports": [{"port": "private"}], "from": [{"namespaceSelector": {}}]},
    ]


def test_ports_are_those_of_the_code() -> None:
    ports = {each["name"]: str(each["containerPort"]) for each in container()["ports"]}

    for name, key in (("webhooks", "public_listen"), ("private", "private_listen")):
        assert str(Keys.model_fields[key].default.port) == ports[name]
        assert variables()[variable(key)] == f"0.0.0.0:{ports[name]}"


def test_probes_ask_the_private_port() -> None:
    paths = {"startupProbe": "/-/healthy", "livenessProbe": "/-/healthy", "readinessProbe": "/-/ready"}

    asked = {probe: container()[probe]["httpGet"] for probe in paths}
    assert asked == {probe: {"path": path, "port": "private"} for probe, path in paths.items()}


def test_service_monitor_finds_the_private_service_alone_and_calls_its_job_wamon() -> None:
    monitor = one("ServiceMonitor")["spec"]
    wanted = monitor["selector"]["matchLabels"].items()

    found = [
        each for _, each in MANIFESTS if each["kind"] == "Service" and wanted <= each["metadata"]["labels"].items()
    ]
    (service,) = found
    assert service["metadata"]["labels"][monitor["jobLabel"]] == "wamon"
    assert [each["port"] for each in monitor["endpoints"]] == [each["name"] for each in service["spec"]["ports"]]


def test_volumes_lead_to_what_is_there() -> None:
    volumes = {each["name"]: each for each in pod()["volumes"]}
    mounts = {each["name"]: each["mountPath"] for each in container()["volumeMounts"]}

    assert volumes.keys() == mounts.keys()
    assert volumes["data"]["persistentVolumeClaim"]["claimName"] == one("PersistentVolumeClaim")["metadata"]["name"]
    assert volumes["secrets"]["secret"]["secretName"] == one("Secret")["metadata"]["name"]
    assert Path(variables()["WAMON_DATABASE"]).parent == Path(mounts["data"])
    files = [Path(value) for name, value in variables().items() if name.endswith(FILE_SUFFIX.upper())]
    assert {file.parent for file in files} == {Path(mounts["secrets"])}
    assert {file.name for file in files} == one("Secret")["stringData"].keys()


# --- settings and safety ----------------------------------------------------------------------------------------------


def test_every_variable_exists() -> None:
    assert variables().keys() - VARIABLES == set()


def test_no_secret_is_in_a_manifest() -> None:
    plain = {variable(key) for key in SECRET_KEYS}

    assert variables().keys() & plain == set()
    assert set(one("Secret")["stringData"].values()) == {"REPLACE-ME"}
    for name in set(FILES) - GENERATED:
        text = (FOLDER / name).read_text(encoding="utf-8")
        assert not re.search(r"xox[a-z]-|xapp-|EAA[A-Za-z0-9]{8}|hooks\.slack\.com", text), name


def test_two_daemons_never_meet_on_the_database() -> None:
    spec = one("Deployment")["spec"]

    assert (spec["replicas"], spec["strategy"]) == (1, {"type": "Recreate"})


def test_kubernetes_adds_no_variables_of_wamons_prefix() -> None:
    assert pod()["enableServiceLinks"] is False


def test_pod_has_no_rights_that_it_does_not_need() -> None:
    user = re.search(r"^USER (\d+):(\d+)$", (ROOT / "Dockerfile").read_text(encoding="utf-8"), re.MULTILINE)
    assert user is not None

    security = pod()["securityContext"]
    assert security["runAsNonRoot"] is True
    assert (security["runAsUser"], security["runAsGroup"]) == (int(user[1]), int(user[2]))
    assert security["fsGroup"] == int(user[2])
    assert security["seccompProfile"] == {"type": "RuntimeDefault"}
    assert pod()["automountServiceAccountToken"] is False
    assert container()["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }


def test_every_manifest_carries_the_name() -> None:
    assert [name for name, each in MANIFESTS if not each["metadata"]["labels"].items() >= NAME.items()] == []
