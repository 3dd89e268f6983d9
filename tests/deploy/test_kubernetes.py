"""The manifests: valid for each Kubernetes that is maintained, and in line with the program and with each other."""

import json
import re
import shutil
import subprocess

import jsonschema
import pytest
import yaml

from conftest import KUBERNETES, ROOT, container, documents, find, variable

SCHEMAS = ROOT / "out" / "python" / "kubernetes_validate" / "kubernetes-json-schema"
VERSIONS = ["1.27", "1.30", "1.33", "1.37"]
NOT_INSTALLED = "kubernetes-validate's schemas are not in out/python: see ./dev tools"


def problems(document, version):
    """Against the strict schemas: a member that the API does not know is one."""
    group, _, last = document["apiVersion"].rpartition("/")
    name = "-".join(filter(None, [document["kind"].lower(), group.split(".")[0], last]))
    folder = SCHEMAS / f"v{version}.0-local-strict"
    schema, definitions = (json.loads((folder / file).read_text()) for file in (f"{name}.json", "_definitions.json"))
    # By its own $id, so that nothing is looked for outside.
    resolver = jsonschema.RefResolver.from_schema(schema, store={definitions["$id"]: definitions})
    found = jsonschema.Draft202012Validator(schema, resolver=resolver).iter_errors(document)
    return ["{}: {}".format(".".join(map(str, error.path)), error.message) for error in found]


@pytest.mark.skipif(not SCHEMAS.is_dir(), reason=NOT_INSTALLED)
@pytest.mark.parametrize("version", VERSIONS)
def test_api_schema(version):
    for file, document in documents():
        assert problems(document, version) == [], file


@pytest.mark.skipif(not SCHEMAS.is_dir(), reason=NOT_INSTALLED)
def test_api_schema_finds_mistakes():
    broken = find("StatefulSet")
    broken["spec"]["replicaz"] = 1
    broken["spec"]["template"]["spec"]["containers"][0]["ports"][0]["containerPort"] = "grpc"
    assert len(problems(broken, VERSIONS[-1])) == 2


@pytest.mark.skipif(shutil.which("kubectl") is None, reason="kubectl is not installed: see ./dev tools")
def test_kustomize_builds_every_object():
    built = subprocess.run(["kubectl", "kustomize", str(KUBERNETES)], capture_output=True, text=True, timeout=120)
    assert built.returncode == 0, built.stderr
    objects = list(yaml.safe_load_all(built.stdout))
    assert {(o["kind"], o["metadata"]["name"]) for o in objects} == {
        (d["kind"], d["metadata"]["name"]) for _, d in documents()}
    assert all(o["metadata"].get("namespace") == "jobgate" for o in objects if o["kind"] != "Namespace")


def test_image_is_this_version():
    version = re.search(r'JG_VERSION "(.+)"', (ROOT / "server" / "version.h").read_text())[1]
    (image,) = yaml.safe_load((KUBERNETES / "kustomization.yaml").read_text())["images"]
    assert image["name"] == container()[0]["image"] and image["newTag"] == version


def test_settings_exist(flags):
    only, environment = container()
    assert only["args"][0] == "serve"
    for argument in only["args"][1:]:
        assert not argument.startswith("--") or argument[2:] in flags, argument
    known = {variable(flag) for flag in flags}
    assert set(environment) <= known, set(environment) - known


def test_secrets_are_left_to_secrets(flags):
    """A Secret's file is named by JOBGATE_..._FILE, which cannot stand beside the plain variable of a ConfigMap."""
    readme = (ROOT / "deploy" / "README.md").read_text()
    named = {name[:-len("_FILE")] for name in re.findall(r"`(JOBGATE_[A-Z_]+_FILE)`", readme)}
    assert "JOBGATE_CACHE" in named and named <= {variable(flag) for flag in flags}
    assert not named & set(container()[1])


def test_ports_agree():
    only, environment = container()
    ports = {port["name"]: port["containerPort"] for port in only["ports"]}
    assert ports == {door: int(environment[variable(door)].rsplit(":", 1)[1]) for door in ("grpc", "http", "admin")}
    for name in ("jobgate", "jobgate-headless"):
        service = find("Service", name)
        assert service["spec"]["selector"] == find("StatefulSet")["spec"]["template"]["metadata"]["labels"]
        for port in service["spec"]["ports"]:
            assert port["targetPort"] == port["name"] and port["port"] == ports[port["name"]]
    annotations = find("StatefulSet")["spec"]["template"]["metadata"]["annotations"]
    assert annotations == {"prometheus.io/scrape": "true", "prometheus.io/port": str(ports["admin"]),
                           "prometheus.io/path": "/metrics"}
    rules = find("NetworkPolicy")["spec"]["ingress"]
    assert [sorted(port["port"] for port in rule["ports"]) for rule in rules] == [
        sorted([ports["grpc"], ports["http"]]), [ports["admin"]]]


def test_probes_ask_the_admin_port():
    only, _ = container()
    for probe, path in (("startupProbe", "/livez"), ("livenessProbe", "/livez"), ("readinessProbe", "/readyz")):
        assert only[probe]["httpGet"] == {"path": path, "port": "admin"}


def test_drain_fits_into_the_grace_period():
    only, environment = container()
    pause = int(only["lifecycle"]["preStop"]["exec"]["command"][1])
    grace = find("StatefulSet")["spec"]["template"]["spec"]["terminationGracePeriodSeconds"]
    assert grace >= pause + int(environment["JOBGATE_DRAIN_SECONDS"]) + 10


def test_memory_limit_holds_the_caches():
    only, environment = container()
    limit = only["resources"]["limits"]["memory"]
    assert limit.endswith("Gi") and int(limit[:-2]) * 2**30 >= 3 * int(environment["JOBGATE_CACHE_BYTES"])


def test_one_pod_on_one_volume():
    spec = find("StatefulSet")["spec"]
    assert spec["replicas"] == 1 and spec["podManagementPolicy"] == "OrderedReady"
    assert spec["serviceName"] == find("Service", "jobgate-headless")["metadata"]["name"]
    (volume,) = spec["volumeClaimTemplates"]
    (mount,) = container()[0]["volumeMounts"]
    assert mount["name"] == volume["metadata"]["name"]
    assert container()[1]["JOBGATE_STORE"].startswith(f"sqlite:{mount['mountPath']}/")


def test_restricted_profile():
    """Pod Security Standards, restricted; the namespace enforces it."""
    assert find("Namespace")["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"
    pod = find("StatefulSet")["spec"]["template"]["spec"]
    assert pod["securityContext"]["runAsNonRoot"] is True and pod["securityContext"]["runAsUser"] == 65532
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert container()[0]["securityContext"] == {
        "allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]}}
    assert pod["automountServiceAccountToken"] is False and not {"hostNetwork", "hostPID", "hostIPC"} & set(pod)


def test_service_links_stay_off():
    """A Service named jobgate would put JOBGATE_PORT and the like into the environment."""
    assert find("StatefulSet")["spec"]["template"]["spec"]["enableServiceLinks"] is False


def test_authentication_is_on():
    only, environment = container()
    assert only["args"] == ["serve", "--auth", "on"] and not {"JOBGATE_AUTH", "JOBGATE_INSECURE"} & set(environment)


def test_only_labelled_pods_get_in():
    resources = yaml.safe_load((KUBERNETES / "kustomization.yaml").read_text())["resources"]
    assert "networkpolicy.yaml" in resources
    policy = find("NetworkPolicy")["spec"]
    assert policy["podSelector"]["matchLabels"] == find("StatefulSet")["spec"]["template"]["metadata"]["labels"]
    assert set(policy["policyTypes"]) == {"Ingress", "Egress"} and policy["egress"] == []
    jobs, monitoring = policy["ingress"]
    (admitted,) = jobs["from"]
    assert admitted["namespaceSelector"]["matchLabels"] and admitted["podSelector"]["matchLabels"]
    (admitted,) = monitoring["from"]
    assert admitted["namespaceSelector"]["matchLabels"]
