"""What streams do at the edges: nothing to say, and more to say than a message holds, through Python's grpcio with its own limits."""

import json
import time
import uuid

from conftest import WAIT_SECONDS, run
from jobgate.v1 import job_pb2, job_service_pb2 as api, job_type_pb2, project_pb2

# Beyond the 3 MiB of a message; grpcio takes 4 MiB at most.
LARGE = 3_400_000


def create(stub, **members):
    job = job_pb2.Job(name="a job", job_status_code="Open", project=project_pb2.Project(reference_back_office="P"),
                      job_type=job_type_pb2.JobType(code="T"), **members)
    return stub.CreateJob(api.CreateJobRequest(job=job), timeout=WAIT_SECONDS)


def watch(stub, **members):
    request = api.WatchJobsRequest(**members)
    if request.WhichOneof("start") is None:
        request.now.SetInParent()
    stream = stub.WatchJobs(request, timeout=WAIT_SECONDS)
    assert next(stream).WhichOneof("event") == "opened"
    return stream


def take_in(server, *jobs):
    """Imports take jobs that no single request can bring."""
    run("import", "--server", server.grpc, "-", stdin="\n".join(map(json.dumps, jobs)).encode())


def test_an_idle_stream_is_told_how_far_it_is(stub):
    first = create(stub)
    request = dict(filter="customer_reference eq 'nobody has this'")
    request["heartbeat_interval"] = {"seconds": 5}
    stream = watch(stub, **request)
    newest = [create(stub).revision for _ in range(3)][-1]
    started = time.monotonic()
    message = next(stream)
    assert time.monotonic() - started < 30
    assert message.WhichOneof("event") == "bookmark"
    assert message.bookmark.revision >= newest > first.revision
    stream.cancel()
    # The token of the bookmark stands behind all of it: nothing comes again, and what comes next does.
    request["resume_token"] = message.bookmark.resume_token
    stream = watch(stub, **request)
    wanted = create(stub, customer_reference="nobody has this")
    [change] = next(stream).changes.changes
    assert (change.job.id, change.revision) == (wanted.id, wanted.revision)
    stream.cancel()


def test_a_job_beyond_a_message_ends_no_stream(server, stub):
    streams = [watch(stub), watch(stub, view=api.JOB_VIEW_FULL), watch(stub, filter="name ne 'another'")]
    job_id = str(uuid.uuid4())
    take_in(server, {"id": job_id, "name": "large", "internal_memo": "x" * LARGE})
    small = create(stub)
    for stream in streams:
        changes = []
        while len(changes) < 2:
            changes += next(stream).changes.changes
        large, after = changes
        assert large.job.id == job_id and large.job.revision == large.revision and large.job.etag
        assert large.job.internal_memo == "" and large.job.name == ""
        assert after.job.id == small.id and after.job.name == "a job"
        stream.cancel()


def test_a_snapshot_holds_a_job_beyond_a_message(server, stub):
    job_id = str(uuid.uuid4())
    take_in(server, {"id": job_id, "name": "large", "internal_memo": "x" * LARGE}, {"id": str(uuid.uuid4()), "name": "small"})
    request = api.WatchJobsRequest()
    request.snapshot.SetInParent()
    jobs = {}
    for message in stub.WatchJobs(request, timeout=WAIT_SECONDS):
        jobs.update({job.id: job for job in message.snapshot.jobs})
        if message.WhichOneof("event") == "synced":
            break
    assert sorted(job.name for job in jobs.values()) == ["", "small"]
    assert jobs[job_id].etag
