"""`jobgate serve` with the manifest's own arguments and environment: its probes answer, and it drains."""

import json
import os
import signal
import subprocess
import urllib.request

import pytest

from conftest import JOBGATE, container, find, instructions

WAIT_SECONDS = 60


@pytest.mark.skipif(not os.access(JOBGATE, os.X_OK), reason="no out/jobgate: see ./dev build")
def test_starts_as_the_pod_does(tmp_path):
    only, settings = container()
    folder = only["volumeMounts"][0]["mountPath"]
    user = find("StatefulSet")["spec"]["template"]["spec"]["securityContext"]["runAsUser"] if os.geteuid() == 0 else None
    if user is not None:
        os.chown(tmp_path, user, user)
        for parent in list(tmp_path.parents)[:3]:
            parent.chmod(parent.stat().st_mode | 0o011)
    # The ports may be taken here, and /data is the cluster's: only these differ.
    environment = {name: value.replace(folder, str(tmp_path)) for name, value in settings.items()}
    for door in ("GRPC", "HTTP", "ADMIN"):
        environment[f"JOBGATE_{door}"] = "0.0.0.0:0"
    server = subprocess.Popen([JOBGATE, *only["args"]], env=environment, cwd=tmp_path, user=user, group=user,
                              extra_groups=[] if user else None, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    try:
        line = server.stdout.readline()
        assert line, server.stderr.read().decode()
        admin = json.loads(line)["admin"].replace("0.0.0.0", "127.0.0.1")
        for path in {only[probe]["httpGet"]["path"] for probe in ("startupProbe", "livenessProbe", "readinessProbe")}:
            with urllib.request.urlopen(f"http://{admin}{path}", timeout=WAIT_SECONDS) as answer:
                assert answer.status == 200
        with urllib.request.urlopen(f"http://{admin}/metrics", timeout=WAIT_SECONDS) as answer:
            assert answer.status == 200 and b"# TYPE" in answer.read()
        server.send_signal(signal.SIGTERM)
        _, logs = server.communicate(timeout=WAIT_SECONDS)
        assert server.returncode == 0, logs.decode()
        for log in logs.decode().splitlines():
            json.loads(log)
    finally:
        if server.poll() is None:
            server.kill()
            server.communicate()


@pytest.mark.skipif(not os.access(JOBGATE, os.X_OK), reason="no out/jobgate: see ./dev build")
def test_image_alone_refuses_to_serve_without_authentication(tmp_path):
    settings = dict(pair.split("=", 1) for _, word, rest in instructions() if word == "ENV" for pair in rest.split())
    settings["JOBGATE_STORE"] = f"sqlite:{tmp_path}/jobgate.db"
    result = subprocess.run([JOBGATE, "serve"], env=settings, capture_output=True, timeout=WAIT_SECONDS, text=True)
    assert result.returncode == 2 and "--auth" in result.stderr, result.stderr
