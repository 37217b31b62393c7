"""Writes the Kubernetes manifests that repeat the alert rules and the dashboards.

python deploy/build.py            write them
python deploy/build.py --check    fail when a file is not as it would be written
"""

import argparse
import sys
from pathlib import Path
from typing import Any, Final

import yaml

ROOT: Final = Path(__file__).parents[1]
FOLDER: Final = ROOT / "deploy" / "kubernetes"
HEADER: Final = "# Written by `python deploy/build.py`; change {source}, not this file.\n"
# What etcd takes, and what a ConfigMap may hold. Source: Kubernetes "ConfigMaps", read 2026-11.
MOST_BYTES: Final = 1024 * 1024


class Writer(yaml.SafeDumper):
    """Text of several lines as a block, so that a change of a rule reads as one; what stands twice is written twice."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _text(writer: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return writer.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


Writer.add_representer(str, _text)


def prometheus_rule() -> dict[str, Any]:
    """Every group of every rules file, in the files' order."""
    files = sorted((ROOT / "alerts").glob("*.rules.yml"))
    groups = [group for file in files for group in yaml.safe_load(file.read_text(encoding="utf-8"))["groups"]]
    return {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "PrometheusRule",
        "metadata": {"name": "wamon", "labels": {"app.kubernetes.io/name": "wamon"}},
        "spec": {"groups": groups},
    }


def dashboards() -> list[dict[str, Any]]:
    """A ConfigMap a board, with the label that Grafana's sidecar looks for."""
    return [
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {
                "name": f"{file.stem}-dashboard",
                "labels": {"app.kubernetes.io/name": "wamon", "grafana_dashboard": "1"},
            },
            "data": {file.name: file.read_text(encoding="utf-8")},
        }
        for file in sorted((ROOT / "dashboards").glob("*.json"))
    ]


def rendered(manifests: list[dict[str, Any]], source: str) -> str:
    """The file of some manifests."""
    parts = [
        yaml.dump(manifest, Dumper=Writer, sort_keys=False, allow_unicode=True, width=120) for manifest in manifests
    ]
    for manifest, part in zip(manifests, parts, strict=True):
        if len(part.encode()) >= MOST_BYTES:
            raise ValueError(f"{manifest['kind']} {manifest['metadata']['name']} is larger than Kubernetes takes")
    return HEADER.format(source=source) + "---\n".join(parts)


def files() -> dict[Path, str]:
    """What each file must hold."""
    return {
        FOLDER / "prometheusrule.yaml": rendered([prometheus_rule()], "alerts/*.rules.yml"),
        FOLDER / "dashboards.yaml": rendered(dashboards(), "dashboards/"),
    }


def main() -> int:
    parser = argparse.ArgumentParser(description="Write the generated Kubernetes manifests.")
    parser.add_argument("--check", action="store_true", help="only compare; 1 when a file is out of step")
    check = parser.parse_args().check
    wanted = files()
    if not check:
        for path, text in wanted.items():
            path.write_text(text, encoding="utf-8")
        return 0
    stale = [path for path, text in wanted.items() if not path.exists() or path.read_text(encoding="utf-8") != text]
    for path in stale:
        sys.stderr.write(f"{path.name} is out of step: run `python deploy/build.py`\n")
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main())
