"""jobgate backup and restore: one moment beside writers, whole or not at all, and no token of before fits."""

import json
import os
import subprocess
import threading

import grpc
import pytest
from google.rpc import error_details_pb2, status_pb2

from conftest import JOBGATE, WAIT_SECONDS, Server, run, sample
from jobgate.v1 import job_pb2, job_service_pb2 as api, job_service_pb2_grpc, job_type_pb2, project_pb2

WRITERS = 4


def new_job(name):
    return job_pb2.Job(name=name, job_status_code="Open", project=project_pb2.Project(reference_back_office="P-1"),
                       job_type=job_type_pb2.JobType(code="JT"))


class Writer(threading.Thread):
    """Creates jobs until told to stop; keeps what was acknowledged."""

    def __init__(self, address, name, stop):
        super().__init__(daemon=True)
        self.address, self.label, self.stop = address, name, stop
        self.acknowledged = []

    def run(self):
        with grpc.insecure_channel(self.address) as channel:
            stub = job_service_pb2_grpc.JobServiceStub(channel)
            number = 0
            while not self.stop.is_set():
                answer = stub.CreateJob(api.CreateJobRequest(job=new_job(f"{self.label}-{number}")), timeout=30)
                self.acknowledged.append(answer.id)
                number += 1


def exported(store):
    return run("export", "--store", store).stdout


def ids(export):
    return {json.loads(line)["id"] for line in export.splitlines()}


def watch(server, request):
    with server.channel() as channel:
        return list(job_service_pb2_grpc.JobServiceStub(channel).WatchJobs(request, timeout=WAIT_SECONDS))


def token_of(server):
    with server.channel() as channel:
        request = api.WatchJobsRequest()
        request.now.SetInParent()
        stream = job_service_pb2_grpc.JobServiceStub(channel).WatchJobs(request, timeout=WAIT_SECONDS)
        token = next(stream).opened.resume_token
        stream.cancel()
        return token


def assert_history_lost(server, token):
    with pytest.raises(grpc.RpcError) as error:
        watch(server, api.WatchJobsRequest(resume_token=token))
    assert error.value.code() == grpc.StatusCode.OUT_OF_RANGE
    status = status_pb2.Status.FromString(dict(error.value.trailing_metadata())["grpc-status-details-bin"])
    info = error_details_pb2.ErrorInfo()
    assert any(detail.Unpack(info) for detail in status.details)
    assert info.reason == "HISTORY_LOST"


def test_a_backup_under_load_is_one_moment(tmp_path):
    store = f"sqlite:{tmp_path}/jobgate.db"
    run("import", "--store", store, "-", stdin=sample(2000))
    imported = ids(exported(store))
    server = Server(tmp_path, store=store)
    stop = threading.Event()
    writers = [Writer(server.grpc, f"w{i}", stop) for i in range(WRITERS)]
    try:
        for writer in writers:
            writer.start()
        for round in range(3):
            while sum(len(writer.acknowledged) for writer in writers) < 50 * (round + 1):
                assert all(writer.is_alive() for writer in writers)
                writers[0].join(0.001)
            before = imported.union(*(list(writer.acknowledged) for writer in writers))
            result = run("backup", "--store", store, f"{tmp_path}/backup-{round}")
            copy = f"sqlite:{tmp_path}/copy-{round}.db"
            assert b"backed up" in result.stderr
            run("restore", "--store", copy, f"{tmp_path}/backup-{round}")
            assert before <= ids(exported(copy))  # what was acknowledged before it began is in it
        stop.set()
        for writer in writers:
            writer.join(WAIT_SECONDS)
        everything = imported.union(*(writer.acknowledged for writer in writers))
        for round in range(3):
            assert ids(exported(f"sqlite:{tmp_path}/copy-{round}.db")) <= everything
        run("backup", "--store", store, f"{tmp_path}/last")
    finally:
        stop.set()
        server.stop()
    run("restore", "--store", f"sqlite:{tmp_path}/last.db", f"{tmp_path}/last")
    assert exported(f"sqlite:{tmp_path}/last.db") == exported(store)
    assert ids(exported(store)) == everything


def test_new_files_are_their_owners_alone(tmp_path):
    """Records and backups hold every job and the hashes of passwords."""
    before = os.umask(0o022)
    try:
        server = Server(tmp_path)
        try:
            run("backup", "--store", server.store, f"{tmp_path}/backup")
            run("restore", "--store", f"sqlite:{tmp_path}/restored.db", f"{tmp_path}/backup")
            made = {path.name: path.stat().st_mode & 0o777 for path in tmp_path.iterdir() if path.name != "server.log"}
        finally:
            server.stop()
    finally:
        os.umask(before)
    assert {"jobgate.db", "jobgate.db-wal", "backup", "restored.db"} <= set(made)
    assert set(made.values()) == {0o600}, made


def test_no_token_of_before_a_restore_fits(tmp_path):
    server = Server(tmp_path)
    try:
        with server.channel() as channel:
            stub = job_service_pb2_grpc.JobServiceStub(channel)
            kept = stub.CreateJob(api.CreateJobRequest(job=new_job("kept")))
            first = token_of(server)
            run("backup", "--store", server.store, f"{tmp_path}/backup")
            lost = stub.CreateJob(api.CreateJobRequest(job=new_job("lost")))
        second = token_of(server)
        locked = run("restore", "--store", server.store, "--replace", f"{tmp_path}/backup", check=False)
        assert locked.returncode == 1 and b"held by another jobgate" in locked.stderr
        server.terminate()
        run("restore", "--store", server.store, "--replace", f"{tmp_path}/backup")
        server.start()
        assert server.get(f"/api/Jobs({kept.id})").status == 200
        assert server.get(f"/api/Jobs({lost.id})").status == 404
        assert_history_lost(server, first)
        assert_history_lost(server, second)
        third = token_of(server)
        with server.channel() as channel:
            stub = job_service_pb2_grpc.JobServiceStub(channel)
            after = stub.CreateJob(api.CreateJobRequest(job=new_job("after")))
            for message in stub.WatchJobs(api.WatchJobsRequest(resume_token=third), timeout=WAIT_SECONDS):
                if message.HasField("changes"):
                    assert message.changes.changes[0].job.id == after.id
                    break
    finally:
        server.stop()


def test_refusals_name_what_is_wrong(tmp_path):
    store = f"sqlite:{tmp_path}/jobgate.db"
    backup = str(tmp_path / "backup")
    run("import", "--store", store, "-", stdin=sample(100))

    def refused(code, text, *args):
        result = run(*args, check=False)
        assert result.returncode == code and text in result.stderr.decode(), result.stderr.decode()

    refused(2, "usage", "backup", "--store", store)
    refused(1, "does not exist", "backup", "--store", f"sqlite:{tmp_path}/none.db", backup)
    run("backup", "--store", store, backup)
    refused(1, "--replace", "backup", "--store", store, backup)
    run("backup", "--store", store, "--replace", backup)
    refused(1, "--replace", "restore", "--store", store, backup)
    refused(1, "both the store and the copy", "restore", "--store", store, "--replace", str(tmp_path / "jobgate.db"))
    before = exported(store)
    for text, damage in [("not a jobgate database", b"no database at all"),
                         ("damaged", (tmp_path / "backup").read_bytes()[:40 * 4096])]:
        (tmp_path / "bad").write_bytes(damage)
        refused(1, text, "restore", "--store", store, "--replace", str(tmp_path / "bad"))
    assert exported(store) == before
    assert not [name for name in os.listdir(tmp_path) if name.endswith(".partial")]


def test_a_killed_backup_leaves_the_older_one(tmp_path):
    store = f"sqlite:{tmp_path}/jobgate.db"
    backup, partial = tmp_path / "backup", tmp_path / "backup.partial"
    run("import", "--store", store, "-", stdin=sample(3000))
    run("backup", "--store", store, str(backup))
    older = backup.read_bytes()
    process = subprocess.Popen([JOBGATE, "backup", "--store", store, "--replace", str(backup)])
    while not partial.exists() and process.poll() is None:
        pass
    process.kill()
    process.wait(WAIT_SECONDS)
    if partial.exists():  # else it was done before the signal
        assert backup.read_bytes() == older
    run("backup", "--store", store, "--replace", str(backup))
    assert not partial.exists()
    run("restore", "--store", f"sqlite:{tmp_path}/copy.db", str(backup))
    assert exported(f"sqlite:{tmp_path}/copy.db") == exported(store)
