"""The runbook's backup and restore: its pod is one that the namespace admits and that gets the record, its commands work."""

import os
import re
import shlex
import shutil
import subprocess

import pytest
import yaml

from conftest import JOBGATE, KUBERNETES, ROOT, container, find
from test_kubernetes import NOT_INSTALLED, SCHEMAS, VERSIONS, problems

POD = "deploy/kubernetes/restore/pod.yaml"


def pod():
    return yaml.safe_load((ROOT / POD).read_text())


def commands(heading):
    """Of the first block of commands under that heading."""
    text = (ROOT / "deploy" / "README.md").read_text().split(f"{heading}\n", 1)[1]
    return text.split("```")[1].strip().splitlines()


def inside(heading):
    """What is run inside a pod, as (pod, words)."""
    found = [re.fullmatch(r"kubectl -n jobgate exec (\S+) -- (.+)", line) for line in commands(heading)]
    return [(match[1], shlex.split(match[2])) for match in found if match]


@pytest.mark.skipif(not SCHEMAS.is_dir(), reason=NOT_INSTALLED)
@pytest.mark.parametrize("version", VERSIONS)
def test_api_schema(version):
    assert problems(pod(), version) == []


def test_the_namespace_admits_it():
    """Pod Security Standards, restricted: all that it demands."""
    assert find("Namespace")["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"
    spec = pod()["spec"]
    assert spec["securityContext"]["runAsNonRoot"] is True
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    (only,) = spec["containers"]
    assert only["securityContext"]["allowPrivilegeEscalation"] is False
    assert only["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    assert not {"hostNetwork", "hostPID", "hostIPC", "initContainers"} & set(spec)
    assert all(set(volume) == {"name", "persistentVolumeClaim"} for volume in spec["volumes"])


def test_it_gets_the_servers_record():
    spec, server = pod()["spec"], find("StatefulSet")
    assert spec["securityContext"] == server["spec"]["template"]["spec"]["securityContext"]
    (only,), (template,) = spec["containers"], server["spec"]["volumeClaimTemplates"]
    assert only["volumeMounts"] == container()[0]["volumeMounts"] and only["envFrom"] == container()[0]["envFrom"]
    assert only["image"] == container()[0]["image"]
    name = "{}-{}-0".format(template["metadata"]["name"], server["metadata"]["name"])
    assert spec["volumes"] == [{"name": template["metadata"]["name"], "persistentVolumeClaim": {"claimName": name}}]


def test_nobody_takes_it_for_the_server():
    assert not pod()["metadata"].get("labels")
    assert "restore" not in (KUBERNETES / "kustomization.yaml").read_text()


def test_the_server_is_gone_before_and_comes_back():
    lines = commands("### Restore")
    name = pod()["metadata"]["name"]
    steps = ["get statefulset/jobgate -o jsonpath", "scale statefulset/jobgate --replicas 0", "wait --for=delete pod/jobgate-0",
             f"-f {POD}", f"wait --for=condition=Ready pod/{name}", f"cp backup.db {name}:/data/", "jobgate restore",
             f"delete pod/{name}", "scale statefulset/jobgate --replicas 1"]
    places = [next(i for i, line in enumerate(lines) if step in line) for step in steps]
    assert places == sorted(places)
    assert {where for where, _ in inside("### Restore")} == {name}


@pytest.mark.skipif(shutil.which("kubectl") is None, reason="kubectl is not installed: see ./dev tools")
def test_the_pod_gets_the_servers_image():
    (line,) = (line for line in commands("### Restore") if POD in line)
    made = subprocess.run(line.split(" | ")[0], shell=True, env={**os.environ, "image": "host/jobgate:1"}, cwd=ROOT,
                          capture_output=True, text=True, timeout=120, check=True)
    expected = pod()
    expected["spec"]["containers"][0]["image"] = "host/jobgate:1"
    built = yaml.safe_load(made.stdout)
    assert built["metadata"]["name"] == expected["metadata"]["name"] and built["spec"] == expected["spec"]


@pytest.mark.skipif(not os.access(JOBGATE, os.X_OK), reason="no out/jobgate: see ./dev build")
def test_the_commands_work(tmp_path):
    """With the ConfigMap's environment, as `kubectl exec` runs them."""
    environment = {name: value.replace("/data", str(tmp_path)) for name, value in container()[1].items()}

    def run(words, text=""):
        words = [word.replace("/data", str(tmp_path)) for word in words]
        words[0] = JOBGATE if words[0] == "jobgate" else words[0]
        return subprocess.run(words, env=environment, input=text, capture_output=True, text=True, timeout=60, check=True)

    run(["jobgate", "import", "-"], '{"name":"kept"}')
    ((_, backup),) = inside("## Backup and restore")
    run(backup)
    run(["jobgate", "import", "-"], '{"name":"lost"}')
    made = backup[-1].replace("/data", str(tmp_path))
    restore = [words for _, words in inside("### Restore")]
    os.replace(made, restore[0][-1].replace("/data", str(tmp_path)))
    for words in restore:
        run(words)
    exported = run(["jobgate", "export"]).stdout
    assert '"name":"kept"' in exported and "lost" not in exported
    assert not [path for path in tmp_path.iterdir() if "restore" in path.name]
