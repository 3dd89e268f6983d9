"""JobService through `buf curl`, which shares no code with our server or with grpcio: by the .proto files and by reflection."""

import json
import os
import pathlib
import signal
import subprocess

import pytest

from conftest import ROOT, SAMPLE_ID, WAIT_SECONDS

BUF = os.environ.get("BUF", "")
BY = {"schema": ["--schema", str(ROOT / "proto")], "reflection": ["--reflect"]}

pytestmark = pytest.mark.skipif(not pathlib.Path(BUF).is_file(), reason="buf curl: BUF names no program; see ./dev tools")


def command(server, path, *flags):
    return [BUF, "curl", "--protocol", "grpc", "--http2-prior-knowledge", *flags, f"http://{server.grpc}{path}"]


def buf_curl(server, path, *flags):
    return subprocess.run(command(server, path, *flags), capture_output=True, timeout=WAIT_SECONDS, text=True)


def get_job(server, job_id, by):
    return buf_curl(server, "/jobgate.v1.JobService/GetJob", *BY[by], "--data", json.dumps({"id": job_id}))


@pytest.mark.parametrize("by", BY)
def test_get_job(loaded, by):
    result = get_job(loaded, SAMPLE_ID, by)
    assert result.returncode == 0, result.stderr
    job = json.loads(result.stdout)
    rest = loaded.get(f"/api/Jobs({SAMPLE_ID})").json()
    assert job["id"] == SAMPLE_ID and job["name"] == rest["name"]
    assert job["project"]["name"] == rest["project"]["name"]


@pytest.mark.parametrize("by", BY)
def test_error_with_details(loaded, by):
    result = get_job(loaded, "not an id", by)
    assert result.returncode != 0 and result.stdout == ""
    error = json.loads(result.stderr)
    assert error["code"] == "invalid_argument"
    types = {detail["type"] for detail in error["details"]}
    assert {"google.rpc.BadRequest", "google.rpc.ErrorInfo"} <= types, error


def test_server_stream(loaded):
    """The first message of a watch comes at once, not when the stream ends."""
    watch = subprocess.Popen(
        command(loaded, "/jobgate.v1.JobService/WatchJobs", "--reflect", "--timeout", f"{WAIT_SECONDS}s", "--data", '{"now": {}}'),
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True)
    try:
        line = watch.stdout.readline()
        while line and '"opened"' not in line:
            line = watch.stdout.readline()
        assert line and watch.poll() is None
    finally:
        os.killpg(watch.pid, signal.SIGKILL)  # npm's buf is a script that starts the program
        watch.communicate()


def test_reflection_lists_every_service(loaded):
    result = buf_curl(loaded, "", "--reflect", "--list-services")
    assert result.returncode == 0, result.stderr
    assert {"jobgate.v1.JobService", "grpc.health.v1.Health"} <= set(result.stdout.split()), result.stdout
