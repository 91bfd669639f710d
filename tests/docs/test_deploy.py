"""What DEPLOY.md shows: Kubernetes' own schema has it, fastrd takes its flags and settings, and the Dockerfile
is the one that `fastrd new` writes."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import kubernetes_validate
import pytest
import yaml

ROOT = Path(__file__).parents[2]
BUILD = Path(os.environ.get("FASTRD_BUILD", ROOT / "build"))
TEXT = (ROOT / "docs/DEPLOY.md").read_text()
DOCKERFILE = ROOT / "python/fastrapi/starter/dockerfile.in"


def block(kind: str) -> str:
    (text,) = re.findall(rf"^```{kind}\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)
    return text


OBJECTS = {each["kind"]: each for each in yaml.safe_load_all(block("yaml"))}
POD = OBJECTS["Deployment"]["spec"]["template"]["spec"]
(CONTAINER,) = POD["containers"]


@pytest.mark.parametrize("kind", OBJECTS)
def test_kubernetes_has_these_fields(kind):
    kubernetes_validate.validate(OBJECTS[kind], kubernetes_validate.latest_version(), strict=True)


def test_a_field_that_kubernetes_does_not_have_is_found():
    wrong = {**OBJECTS["Service"], "spec": {**OBJECTS["Service"]["spec"], "prots": []}}
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(wrong, kubernetes_validate.latest_version(), strict=True)


def settings(words: list[str], variables: dict[str, str], directory: Path) -> dict[str, str]:
    done = subprocess.run(
        [BUILD / "bin/fastrd", "--print-config", *words, "main:app"], cwd=directory,
        env={"PATH": os.environ["PATH"], **variables}, capture_output=True, text=True,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    return dict(line.split("  #")[0].rstrip().split(" = ", 1) for line in done.stdout.splitlines() if " = " in line)


def test_the_pod_runs_with_its_flags_and_variables(tmp_path):
    variables = {each["name"]: each["value"] for each in CONTAINER["env"]}
    found = settings(CONTAINER["args"], variables, tmp_path)
    assert found["workers"] == variables["WEB_CONCURRENCY"]
    ports = {each["name"]: each["containerPort"] for each in CONTAINER["ports"]}
    assert found["port"] == str(ports["http"]) and found["admin"] == f'"0.0.0.0:{ports["admin"]}"'
    for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
        asked = CONTAINER[probe]["httpGet"]
        assert asked["port"] == "admin" and asked["path"] in ("/-/ready", "/-/healthz")
    ends_after = int(found["drain_delay"]) + int(found["timeout_graceful_shutdown"])
    assert ends_after < POD["terminationGracePeriodSeconds"]


def test_the_service_finds_the_pods():
    selector = OBJECTS["Service"]["spec"]["selector"]
    assert selector == OBJECTS["Deployment"]["spec"]["selector"]["matchLabels"]
    assert selector == OBJECTS["Deployment"]["spec"]["template"]["metadata"]["labels"]


def test_the_service_of_systemd_has_a_file_that_is_read(tmp_path):
    text = block("toml").replace("/srv/shop/.venv/bin/python", sys.executable)
    (tmp_path / "shop.toml").write_text(text)
    found = settings(["-c", "shop.toml"], {}, tmp_path)
    assert found["app_dir"] == '"/srv/shop"' and found["limit_body"] == str(10 << 20)


def test_the_dockerfile_is_that_of_a_new_project():
    assert block("dockerfile") == DOCKERFILE.read_text()


def test_hadolint_finds_nothing_in_it():
    hadolint = Path(sys.executable).parent / "hadolint"
    done = subprocess.run([hadolint, "-"], stdin=DOCKERFILE.open(), capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "")
