"""What the checks of deploy/ share: the manifests, the Dockerfile and the settings that the program says it has."""

import os
import pathlib
import re
import subprocess

import pytest
import yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]
KUBERNETES = ROOT / "deploy" / "kubernetes"
JOBGATE = os.environ.get("JOBGATE", str(ROOT / "out" / "jobgate"))


def documents():
    """Every object of the manifests, as (file name, object)."""
    for path in sorted(KUBERNETES.glob("*.yaml")):
        if path.name != "kustomization.yaml":
            for document in yaml.safe_load_all(path.read_text()):
                yield path.name, document


def find(kind, name="jobgate"):
    found = [document for _, document in documents() if document["kind"] == kind and document["metadata"]["name"] == name]
    assert len(found) == 1, f"{kind} {name}: {len(found)} of them"
    return found[0]


def container():
    """The one container of the StatefulSet's pod, its environment as a dict."""
    (only,) = find("StatefulSet")["spec"]["template"]["spec"]["containers"]
    assert only["envFrom"] == [{"configMapRef": {"name": "jobgate"}}] and "env" not in only
    return only, find("ConfigMap")["data"]


def instructions():
    """The Dockerfile's instructions as (stage, word, rest), continuation lines joined."""
    text = (ROOT / "deploy" / "Dockerfile").read_text()
    text = re.sub(r"\\\n", " ", re.sub(r"(?m)^\s*#.*\n", "", text))
    stage = -1
    for line in filter(None, map(str.strip, text.splitlines())):
        word, _, rest = line.partition(" ")
        stage += word == "FROM"
        yield stage, word, rest.strip()


def variable(flag):
    return "JOBGATE_" + flag.upper().replace("-", "_")


@pytest.fixture(scope="session")
def flags():
    """Flag -> its line in `jobgate serve --help`."""
    if not os.access(JOBGATE, os.X_OK):
        pytest.skip("no out/jobgate: see ./dev build")
    text = subprocess.run([JOBGATE, "serve", "--help"], capture_output=True, text=True, timeout=60).stdout
    found = {match[2]: match[1] for match in re.finditer(r"(?m)^( *--([a-z-]+)\b.*)$", text)}
    assert len(found) > 5, text
    return found
