"""Kubernetes' manifests run commands that exist, with settings that are taken, and name what is there."""

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml  # type: ignore[import-untyped]  # comes with huggingface_hub, see requirements/

from callscribe.config.settings import load_settings

FOLDER = Path(__file__).parent.parent / "deploy" / "kubernetes"
KUSTOMIZATION = yaml.safe_load((FOLDER / "kustomization.yaml").read_text())
ROLES = ("migrate", "recognizer", "sip", "web", "worker")
Manifest = dict[str, Any]
"""YAML of others: its fields are Kubernetes'."""


def manifests() -> Iterator[Manifest]:
    for name in KUSTOMIZATION["resources"]:
        yield from yaml.safe_load_all((FOLDER / name).read_text())


def pods() -> dict[str, Manifest]:
    """Templates of pods by the role of their labels."""
    templates = (each["spec"]["template"] for each in manifests() if "template" in each.get("spec", {}))
    return {template["metadata"]["labels"]["role"]: template["spec"] for template in templates}


def container(role: str) -> Manifest:
    (found,) = pods()[role]["containers"]
    assert isinstance(found, dict)
    return found


def test_every_manifest_is_applied_but_the_secret_that_is_an_example() -> None:
    there = {path.name for path in FOLDER.glob("*.yaml")} - {"kustomization.yaml", "secret.example.yaml"}
    assert there == set(KUSTOMIZATION["resources"])
    assert set(pods()) == {*ROLES, "proxy"}


@pytest.mark.parametrize("role", ROLES)
def test_a_role_runs_a_command_that_exists_with_settings_that_are_taken(role: str) -> None:
    from callscribe.cli.main import app

    group = typer.main.get_command(app)
    assert isinstance(group, typer.core.TyperGroup)
    option, file, name, *arguments = container(role)["args"]
    assert (option, file, name) == ("--config", "/etc/callscribe/callscribe.toml", role)
    assert group.commands[name].make_context(name, arguments).info_name == role
    secret = yaml.safe_load((FOLDER / "secret.example.yaml").read_text())["stringData"]
    given = {each["name"]: each.get("value", "10.0.0.1") for each in container(role).get("env", ())}
    settings = load_settings(FOLDER / "callscribe.toml", {**secret, **given})
    assert settings.database.url
    assert settings.events.url
    assert settings.web.signs_in


@pytest.mark.parametrize("role", ROLES)
def test_a_pod_is_nobodys_root_and_mounts_what_it_declares(role: str) -> None:
    pod, run = pods()[role], container(role)
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert run["securityContext"]["readOnlyRootFilesystem"] is True
    assert run["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    claimed = {
        claim["metadata"]["name"]
        for each in manifests()
        if each.get("spec", {}).get("template", {}).get("metadata", {}).get("labels", {}).get("role") == role
        for claim in each["spec"].get("volumeClaimTemplates", ())
    }
    mounted = {mount["name"] for mount in run["volumeMounts"]}
    assert mounted == {volume["name"] for volume in pod["volumes"]} | claimed
    probed = [run[probe] for probe in ("startupProbe", "readinessProbe", "livenessProbe") if probe in run]
    ports = {port["name"] for port in run.get("ports", ())}
    assert all((probe.get("httpGet") or probe["tcpSocket"])["port"] in ports for probe in probed)


def test_recognisers_and_nodes_are_named_as_their_pods_are() -> None:
    sets = {each["metadata"]["name"]: each["spec"] for each in manifests() if each["kind"] == "StatefulSet"}
    settings = load_settings(FOLDER / "callscribe.toml", {})
    (scaler,) = (
        each["spec"]
        for each in manifests()
        if each["kind"] == "HorizontalPodAutoscaler" and each["metadata"]["name"] == "callscribe-recognizer"
    )
    assert list(settings.recognizer.urls) == [
        f"ws://callscribe-recognizer-{number}.callscribe-recognizer.callscribe.svc:10190"
        for number in range(scaler["maxReplicas"])
    ]
    nodes = re.findall(
        r"^1 sip:([\w-]+)\.callscribe-sip\.callscribe\.svc", (FOLDER / "dispatcher.list").read_text(), re.M
    )
    assert nodes == [f"callscribe-sip-{number}" for number in range(sets["callscribe-sip"]["replicas"])]


def test_calls_are_waited_for_as_long_as_they_are_let_finish() -> None:
    drain = float(container("sip")["args"][-1])
    assert pods()["sip"]["terminationGracePeriodSeconds"] > drain


def test_kustomize_puts_them_together() -> None:
    kubectl = shutil.which("kubectl")
    if kubectl is None:
        pytest.skip("kubectl is not there")
    made = subprocess.run(
        [kubectl, "kustomize", str(FOLDER)], check=True, capture_output=True, text=True, timeout=60
    ).stdout
    kinds = [each["kind"] for each in yaml.safe_load_all(made)]
    assert len(kinds) == len(list(manifests())) + 2
    assert "registry.example.com/callscribe:0.1.0" in made
    images = re.findall(r"image: (\S+)", made)
    assert all(image.startswith("registry.example.com/") for image in images)
