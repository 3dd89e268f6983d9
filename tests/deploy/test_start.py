"""`jobgate serve` with the manifest's own arguments and environment: its probes answer, strangers are refused, users that
`jobgate user add` makes beside it are not, and it drains. With the image's environment alone strangers are refused too."""

import json
import os
import shutil
import signal
import subprocess
import urllib.error
import urllib.request

import pytest

from conftest import JOBGATE, container, find, instructions

WAIT_SECONDS = 60

pytestmark = pytest.mark.skipif(not os.access(JOBGATE, os.X_OK), reason="no out/jobgate: see ./dev build")


class Pod:
    """The program as the container runs it, but for its ports, which may be taken here, and its volume."""

    def __init__(self, arguments, settings, folder):
        volume = container()[0]["volumeMounts"][0]["mountPath"]
        context = find("StatefulSet")["spec"]["template"]["spec"]["securityContext"]
        self.environment = {name: value.replace(volume, str(folder)) for name, value in settings.items()}
        for door in ("GRPC", "HTTP", "ADMIN"):
            self.environment[f"JOBGATE_{door}"] = "0.0.0.0:0"
        # A copy, as the tree may stand where another user may not look.
        self.program = shutil.copy(JOBGATE, folder / "jobgate")
        self.identity = {"cwd": folder}
        if os.geteuid() == 0:
            self.identity.update(user=context["runAsUser"], group=context["runAsGroup"], extra_groups=[])
            os.chown(folder, context["runAsUser"], context["runAsGroup"])
            for parent in list(folder.parents)[:3]:
                parent.chmod(parent.stat().st_mode | 0o011)
        self.process = subprocess.Popen([self.program, *arguments], env=self.environment, stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE, **self.identity)
        line = self.process.stdout.readline()
        assert line, self.process.stderr.read().decode()
        ready = json.loads(line)
        self.http, self.admin = (ready[door].replace("0.0.0.0", "127.0.0.1") for door in ("http", "admin"))

    def run(self, *arguments, stdin):
        """What `kubectl exec` would run."""
        subprocess.run([self.program, *arguments], env=self.environment, input=stdin, timeout=WAIT_SECONDS, check=True,
                       capture_output=True, **self.identity)

    def terminate(self):
        """The exit status and the log."""
        self.process.send_signal(signal.SIGTERM)
        _, log = self.process.communicate(timeout=WAIT_SECONDS)
        return self.process.returncode, log.decode()

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.communicate()


@pytest.fixture
def start(tmp_path):
    pods = []

    def start_one(arguments, settings):
        pods.append(Pod(arguments, settings, tmp_path))
        return pods[-1]

    yield start_one
    for pod in pods:
        pod.kill()


def get(address, path, credential=None):
    """Status and body."""
    passwords = urllib.request.HTTPPasswordMgrWithDefaultRealm()
    if credential:
        passwords.add_password(None, f"http://{address}", *credential)
    opener = urllib.request.build_opener(urllib.request.HTTPBasicAuthHandler(passwords))
    try:
        with opener.open(f"http://{address}{path}", timeout=WAIT_SECONDS) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


def test_starts_as_the_pod_does(start):
    only, settings = container()
    pod = start(only["args"], settings)
    for path in {only[probe]["httpGet"]["path"] for probe in ("startupProbe", "livenessProbe", "readinessProbe")}:
        assert get(pod.admin, path)[0] == 200
    status, metrics = get(pod.admin, "/metrics")
    assert status == 200 and b"# TYPE" in metrics
    assert get(pod.http, "/api/Jobs")[0] == 401
    pod.run("user", "add", "ada@north", "--password-file", "-", stdin=b"secret\n")
    assert get(pod.http, "/api/Jobs", ("ada", "secret@north"))[0] == 200
    status, log = pod.terminate()
    assert status == 0, log
    for line in log.splitlines():
        json.loads(line)


def test_a_secret_file_counts_beside_the_configmap(start, tmp_path):
    only, settings = container()
    (tmp_path / "cache").write_text("memory:\n")
    pod = start(only["args"], settings | {"JOBGATE_CACHE_FILE": f"{tmp_path}/cache"})
    assert pod.terminate()[0] == 0
    refused = subprocess.run([JOBGATE, *only["args"]], env=settings | {"JOBGATE_CACHE_FILE": f"{tmp_path}/none"},
                             capture_output=True, text=True, timeout=WAIT_SECONDS, check=False)
    assert refused.returncode == 2
    assert refused.stderr == f"jobgate: JOBGATE_CACHE_FILE: cannot read {tmp_path}/none: ENOENT\n"


def test_the_image_alone_refuses_strangers(start):
    settings = dict(pair.split("=", 1) for _, word, rest in instructions() if word == "ENV" for pair in rest.split())
    pod = start(["serve"], settings)
    assert get(pod.http, "/api/Jobs")[0] == 401
    assert pod.terminate()[0] == 0
