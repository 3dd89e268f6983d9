"""What every scenario shares: a server on free ports in a temporary folder, and clients nobody here wrote."""

import json
import os
import pathlib
import signal
import subprocess
import urllib.error
import urllib.request

import google
import grpc
import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
# The generated grpc.health, grpc.reflection and google.rpc stand beside the installed packages of these names.
for package in (grpc, google):
    package.__path__.append(str(ROOT / "out" / "stubs" / package.__name__))

from jobgate.v1 import job_service_pb2_grpc

JOBGATE = os.environ.get("JOBGATE", str(ROOT / "out" / "jobgate"))
CONTRACT = ROOT / "tests" / "contract"
SAMPLE_ID = "c4724560-42f6-42a7-8b67-0656dc8d7278"
WAIT_SECONDS = 60


def run(*args, stdin=None, check=True):
    """Runs a command of the program to its end."""
    result = subprocess.run([JOBGATE, *args], input=stdin, capture_output=True, timeout=300)
    if check:
        assert result.returncode == 0, result.stderr.decode()
    return result


def sample(jobs, seed=1):
    """Generated jobs, one a line."""
    return run("sample", "--jobs", str(jobs), "--seed", str(seed)).stdout


class Answer:
    """An HTTP answer as it came."""

    def __init__(self, status, headers, body):
        self.status = status
        self.headers = headers
        self.body = body

    def json(self):
        return json.loads(self.body)


class Server:
    """One `jobgate serve`."""

    def __init__(self, folder, *flags, store=None):
        self.store = store or f"sqlite:{folder}/jobgate.db"
        self.flags = flags
        self.folder = pathlib.Path(folder)
        self.process = None
        self.addresses = ["127.0.0.1:0"] * 3
        self.start()

    def keep_addresses(self):
        """From now on it starts where it is, for clients that come back."""
        self.addresses = [self.grpc, self.http, self.admin]

    def start(self):
        grpc_address, http_address, admin_address = self.addresses
        self.log = open(self.folder / "server.log", "ab")
        self.process = subprocess.Popen(
            [JOBGATE, "serve", "--store", self.store, "--grpc", grpc_address, "--http", http_address,
             "--admin", admin_address, *self.flags],
            stdout=subprocess.PIPE, stderr=self.log)
        line = self.process.stdout.readline()
        assert line, (self.folder / "server.log").read_text()[-2000:]
        ready = json.loads(line)
        assert ready["event"] == "ready"
        self.grpc, self.http, self.admin = ready["grpc"], ready["http"], ready["admin"]

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(WAIT_SECONDS)

    def terminate(self):
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(WAIT_SECONDS)

    def stop(self):
        if self.process.poll() is None:
            assert self.terminate() == 0, (self.folder / "server.log").read_text()[-2000:]
        self.process.stdout.close()
        self.log.close()

    def channel(self):
        return grpc.insecure_channel(self.grpc)

    def request(self, method, path, body=None, headers=None, address=None):
        """One REST request; path is relative to the server, or a whole URL."""
        url = path if path.startswith("http") else f"http://{address or self.http}{path}"
        data = json.dumps(body).encode() if isinstance(body, (dict, list)) else body
        request = urllib.request.Request(url, data=data, method=method, headers=headers or {})
        if data is not None and not request.has_header("Content-type"):
            request.add_header("Content-Type", "application/json")
        try:
            with urllib.request.urlopen(request, timeout=WAIT_SECONDS) as answer:
                return Answer(answer.status, answer.headers, answer.read())
        except urllib.error.HTTPError as error:
            return Answer(error.code, error.headers, error.read())

    def get(self, path, **headers):
        return self.request("GET", path, headers=headers)


@pytest.fixture
def server(tmp_path):
    """An empty server."""
    running = Server(tmp_path)
    yield running
    running.stop()


@pytest.fixture(scope="module")
def loaded(tmp_path_factory):
    """A server with the contract's sample and 250 generated jobs; for tests that do not write."""
    folder = tmp_path_factory.mktemp("loaded")
    store = f"sqlite:{folder}/jobgate.db"
    run("import", "--store", store, str(CONTRACT / "jobs.sample.consistent.json"))
    run("import", "--store", store, "-", stdin=sample(250))
    running = Server(folder, store=store)
    yield running
    running.stop()


@pytest.fixture(scope="session")
def contract_page():
    """The contract's help page of GET api/Jobs, as text."""
    return (CONTRACT / "jobs.help-page.txt").read_text()


@pytest.fixture
def stub(server):
    with server.channel() as channel:
        yield job_service_pb2_grpc.JobServiceStub(channel)


@pytest.fixture
def loaded_stub(loaded):
    with loaded.channel() as channel:
        yield job_service_pb2_grpc.JobServiceStub(channel)
