"""The Dockerfile against the program and the manifests; deploy/image_check.sh builds and runs the image itself."""

import re
import shlex

from conftest import ROOT, container, find, instructions, variable


def last_stage():
    every = list(instructions())
    return [(word, rest) for stage, word, rest in every if stage == max(stage for stage, _, _ in every)]


def of(word):
    return [rest for found, rest in last_stage() if found == word]


def environment():
    return dict(pair.split("=", 1) for rest in of("ENV") for pair in shlex.split(rest))


def test_settings_exist(flags):
    known = {variable(flag) for flag in flags}
    assert set(environment()) <= known


def test_ports_agree():
    ports = {int(environment()[variable(door)].rsplit(":", 1)[1]) for door in ("grpc", "http", "admin")}
    assert {int(port) for port in " ".join(of("EXPOSE")).split()} == ports
    assert ports == {port["containerPort"] for port in container()[0]["ports"]}


def test_runs_as_the_pod_does():
    context = find("StatefulSet")["spec"]["template"]["spec"]["securityContext"]
    assert of("USER") == ["{runAsUser}:{runAsGroup}".format(**context)]
    assert of("VOLUME") == [container()[0]["volumeMounts"][0]["mountPath"]]
    assert of("ENTRYPOINT") == ['["jobgate"]'] and of("CMD") == ['["serve"]']


def test_the_image_leaves_authentication_on():
    assert not {"JOBGATE_AUTH", "JOBGATE_INSECURE"} & set(environment())


def test_packages_come_from_the_list():
    """Both stages install by section, from the file that ./dev and CI use; the last one only what the program runs with."""
    sections = set(re.findall(r"(?m)^\[(.+)\]$", (ROOT / "deploy" / "packages.txt").read_text()))
    installs = [(stage, match[1].split()) for stage, word, rest in instructions() if word == "RUN"
                for match in re.finditer(r"install\.sh ([a-z ]+)", rest)]
    assert installs == [(0, ["run", "build"]), (1, ["run"])]
    assert {name for _, names in installs for name in names} <= sections
    assert not any("apt-get install" in rest for _, word, rest in instructions() if word == "RUN")
