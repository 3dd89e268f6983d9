"""kill -9 during a stream of writes: every acknowledged job is there after restart, revisions are dense, the file is whole."""

import random
import sqlite3
import threading

import grpc

from conftest import Server
from jobgate.v1 import job_pb2, job_service_pb2 as api, job_service_pb2_grpc, job_type_pb2, project_pb2

KILLS = 50
WRITERS = 4


class Writer(threading.Thread):
    """Creates jobs until the server is gone; keeps what was acknowledged, and its revision."""

    def __init__(self, address, name):
        super().__init__(daemon=True)
        self.address, self.label = address, name
        self.acknowledged = {}

    def run(self):
        with grpc.insecure_channel(self.address) as channel:
            stub = job_service_pb2_grpc.JobServiceStub(channel)
            for number in range(1000000):
                job = job_pb2.Job(name=f"{self.label}-{number}", job_status_code="Open",
                                  project=project_pb2.Project(reference_back_office=f"P-{number % 7}"),
                                  job_type=job_type_pb2.JobType(code="JT"))
                try:
                    answer = stub.CreateJob(api.CreateJobRequest(job=job), timeout=30)
                except grpc.RpcError:
                    return
                self.acknowledged[answer.id] = answer.revision


def check_record(path, acknowledged):
    record = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    assert record.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    revisions = [row[0] for row in record.execute("SELECT revision FROM changes ORDER BY revision")]
    assert revisions == list(range(1, len(revisions) + 1))
    stored = {row[0]: row[1] for row in record.execute("SELECT lower(hex(id)), revision FROM jobs")}
    for job_id, revision in acknowledged.items():
        assert stored.get(job_id.replace("-", "")) == revision
    record.close()
    return len(revisions)


def test_every_acknowledged_write_survives_fifty_kills(tmp_path):
    numbers = random.Random(20260101)
    server = Server(tmp_path)
    acknowledged = {}
    try:
        for kill in range(KILLS):
            writers = [Writer(server.grpc, f"{kill}-{i}") for i in range(WRITERS)]
            for writer in writers:
                writer.start()
            wanted = numbers.randint(1, 60)
            while sum(len(writer.acknowledged) for writer in writers) < wanted:
                assert any(writer.is_alive() for writer in writers)
                writers[0].join(0.001)
            server.kill()
            for writer in writers:
                writer.join(60)
                acknowledged.update(writer.acknowledged)
            server.start()
        server.stop()
        revisions = check_record(tmp_path / "jobgate.db", acknowledged)
        print(f"{KILLS} kills, {len(acknowledged)} acknowledged jobs, {revisions} revisions")
        assert len(acknowledged) >= KILLS
    finally:
        if server.process.poll() is None:
            server.kill()
