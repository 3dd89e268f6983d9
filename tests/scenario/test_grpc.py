"""JobService through Python's grpcio, with stubs generated from our .proto files."""

import json
import re
import threading
import uuid

import grpc
import pytest
from google.protobuf import field_mask_pb2
from google.rpc import error_details_pb2, status_pb2
from grpc.health.v1 import health_pb2, health_pb2_grpc
from grpc.reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from conftest import CONTRACT, SAMPLE_ID, WAIT_SECONDS, run
from jobgate.v1 import job_pb2, job_service_pb2 as api, job_type_pb2, project_pb2


def new_job(**members):
    return job_pb2.Job(name="Repair", project=project_pb2.Project(reference_back_office="P-1"),
                       job_type=job_type_pb2.JobType(code="JT"), job_status_code="Open", **members)


def details(error):
    """The google.rpc.Status that came with an error."""
    for key, value in error.trailing_metadata():
        if key == "grpc-status-details-bin":
            return status_pb2.Status.FromString(value)
    raise AssertionError("no details")


def violations(error):
    bad = error_details_pb2.BadRequest()
    for detail in details(error).details:
        if detail.Unpack(bad):
            return {v.field: v.description for v in bad.field_violations}
    raise AssertionError("no BadRequest")


def test_get_equals_rest_for_every_member(loaded, loaded_stub):
    """100, on the sample; test_every_member.py has every member."""
    job = loaded_stub.GetJob(api.GetJobRequest(id=SAMPLE_ID))
    rest = loaded.get(f"/api/Jobs({SAMPLE_ID})").json()
    assert job.name == rest["name"] and job.project.name == rest["project"]["name"]
    assert job.project_reference_back_office == rest["project_reference_back_office"]
    assert job.job_status_code == rest["job_status_code"]
    assert job.revision > 0 and job.etag
    basic = loaded_stub.GetJob(api.GetJobRequest(id=SAMPLE_ID, view=api.JOB_VIEW_BASIC))
    assert not basic.HasField("project") and basic.job_type_code == job.job_type_code


def test_life_of_a_job(stub):
    created = stub.CreateJob(api.CreateJobRequest(job=new_job()))
    assert uuid.UUID(created.id).int != 0 and created.project_id and created.project.id == created.project_id
    changed = stub.UpdateJob(api.UpdateJobRequest(
        job=job_pb2.Job(id=created.id, description="new", name="ignored", etag=created.etag),
        update_mask=field_mask_pb2.FieldMask(paths=["description"])))
    assert changed.description == "new" and changed.name == "Repair"
    assert changed.revision > created.revision and changed.etag != created.etag
    with pytest.raises(grpc.RpcError) as error:
        stub.UpdateJob(api.UpdateJobRequest(job=job_pb2.Job(id=created.id, description="lost", etag=created.etag),
                                            update_mask=field_mask_pb2.FieldMask(paths=["description"])))
    assert error.value.code() == grpc.StatusCode.ABORTED
    stub.DeleteJob(api.DeleteJobRequest(id=created.id))
    with pytest.raises(grpc.RpcError) as error:
        stub.GetJob(api.GetJobRequest(id=created.id))
    assert error.value.code() == grpc.StatusCode.NOT_FOUND


def test_75_answers_from_memory_are_never_stale(server, stub):
    """Read, change, read: the job itself, and an entity that it embeds, changed through another job."""
    created = stub.CreateJob(api.CreateJobRequest(job=new_job()))
    for number in range(20):
        for view in (api.JOB_VIEW_BASIC, api.JOB_VIEW_FULL):
            stub.GetJob(api.GetJobRequest(id=created.id, view=view))
        stub.UpdateJob(api.UpdateJobRequest(job=job_pb2.Job(id=created.id, description=f"d{number}"),
                                            update_mask=field_mask_pb2.FieldMask(paths=["description"])))
        for view in (api.JOB_VIEW_BASIC, api.JOB_VIEW_FULL):
            assert stub.GetJob(api.GetJobRequest(id=created.id, view=view)).description == f"d{number}"
        other = new_job()
        other.project.name = f"name {number}"
        stub.CreateJob(api.CreateJobRequest(job=other))
        assert stub.GetJob(api.GetJobRequest(id=created.id)).project.name == f"name {number}"
        assert server.get(f"/api/Jobs({created.id})").json()["project"]["name"] == f"name {number}"
    metrics = server.request("GET", "/metrics", address=server.admin).body.decode()
    hits = re.search(r'jobgate_answer_cache_lookups_total{result="hit"} (\d+)', metrics)
    assert hits and int(hits.group(1)) > 0
    stub.DeleteJob(api.DeleteJobRequest(id=created.id))
    with pytest.raises(grpc.RpcError):
        stub.GetJob(api.GetJobRequest(id=created.id))


@pytest.mark.parametrize("paths, field", [(["nope"], "update_mask"), (["project.name"], "update_mask")])
def test_bad_masks(stub, paths, field):
    created = stub.CreateJob(api.CreateJobRequest(job=new_job()))
    with pytest.raises(grpc.RpcError) as error:
        stub.UpdateJob(api.UpdateJobRequest(job=job_pb2.Job(id=created.id), update_mask=field_mask_pb2.FieldMask(paths=paths)))
    assert error.value.code() == grpc.StatusCode.INVALID_ARGUMENT
    assert field in str(violations(error.value))


def test_violations_name_every_field(stub):
    with pytest.raises(grpc.RpcError) as error:
        stub.CreateJob(api.CreateJobRequest(job=job_pb2.Job(name="x" * 256, contact_id="nonsense")))
    assert error.value.code() == grpc.StatusCode.INVALID_ARGUMENT
    assert {"job.name", "job.contact_id"} <= set(violations(error.value))
    with pytest.raises(grpc.RpcError) as error:
        stub.GetJob(api.GetJobRequest(id="nonsense"))
    assert "id" in violations(error.value)


def test_list_pages(loaded_stub):
    for order in ("", "id desc", "modified_dateutc", "modified_dateutc desc"):
        ids, token = [], ""
        while True:
            page = loaded_stub.ListJobs(api.ListJobsRequest(page_size=100, page_token=token, order_by=order))
            ids += [job.id for job in page.jobs]
            token = page.next_page_token
            if not token:
                break
        assert len(ids) == 251 and len(set(ids)) == 251
        if order in ("", "id desc"):
            assert ids == sorted(ids, reverse=order == "id desc")
    first = loaded_stub.ListJobs(api.ListJobsRequest(page_size=10))
    with pytest.raises(grpc.RpcError) as error:
        loaded_stub.ListJobs(api.ListJobsRequest(page_token=first.next_page_token, order_by="modified_dateutc"))
    assert error.value.code() == grpc.StatusCode.INVALID_ARGUMENT
    with pytest.raises(grpc.RpcError) as error:
        loaded_stub.ListJobs(api.ListJobsRequest(filter="name eq 1"))
    assert error.value.code() == grpc.StatusCode.INVALID_ARGUMENT


def test_list_and_batch_stay_below_the_message_limit(loaded_stub):
    """FULL pages are cut at 3 MiB: clients take 4 MiB by default."""
    page = loaded_stub.ListJobs(api.ListJobsRequest(page_size=1000, view=api.JOB_VIEW_FULL))
    assert page.ByteSize() <= 3 << 20
    ids = [job.id for job in page.jobs]
    batch = loaded_stub.BatchGetJobs(api.BatchGetJobsRequest(ids=ids + [str(uuid.UUID(int=7))]))
    assert [job.id for job in batch.jobs] + list(batch.unread) == ids
    assert list(batch.missing) == [str(uuid.UUID(int=7))]
    with pytest.raises(grpc.RpcError) as error:
        loaded_stub.BatchGetJobs(api.BatchGetJobsRequest(ids=ids[:1] * 1001))
    assert error.value.code() == grpc.StatusCode.INVALID_ARGUMENT


def test_unknown_method_is_answered_at_once(loaded):
    with loaded.channel() as channel:
        call = channel.unary_unary("/jobgate.v1.JobService/Nope")
        with pytest.raises(grpc.RpcError) as error:
            call(b"", timeout=WAIT_SECONDS)
        assert error.value.code() == grpc.StatusCode.UNIMPLEMENTED
        with pytest.raises(grpc.RpcError) as error:
            channel.unary_unary("/jobgate.v1.JobService/GetJob")(b"\xff\xff", timeout=WAIT_SECONDS)
        assert error.value.code() == grpc.StatusCode.INVALID_ARGUMENT


def test_health_and_reflection(loaded):
    with loaded.channel() as channel:
        health = health_pb2_grpc.HealthStub(channel)
        for name in ("", "jobgate.v1.JobService"):
            answer = health.Check(health_pb2.HealthCheckRequest(service=name), timeout=WAIT_SECONDS)
            assert answer.status == health_pb2.HealthCheckResponse.SERVING
        with pytest.raises(grpc.RpcError) as error:
            health.Check(health_pb2.HealthCheckRequest(service="nope"), timeout=WAIT_SECONDS)
        assert error.value.code() == grpc.StatusCode.NOT_FOUND
        watch = health.Watch(health_pb2.HealthCheckRequest(service=""), timeout=WAIT_SECONDS)
        assert next(watch).status == health_pb2.HealthCheckResponse.SERVING
        watch.cancel()
        reflection = reflection_pb2_grpc.ServerReflectionStub(channel)
        requests = [reflection_pb2.ServerReflectionRequest(list_services=""),
                    reflection_pb2.ServerReflectionRequest(file_containing_symbol="jobgate.v1.JobService"),
                    reflection_pb2.ServerReflectionRequest(file_by_filename="nope.proto")]
        answers = list(reflection.ServerReflectionInfo(iter(requests), timeout=WAIT_SECONDS))
        names = [service.name for service in answers[0].list_services_response.service]
        assert "jobgate.v1.JobService" in names
        assert answers[1].file_descriptor_response.file_descriptor_proto
        assert answers[2].error_response.error_code == grpc.StatusCode.NOT_FOUND.value[0]


def watch_request(token=None, **members):
    request = api.WatchJobsRequest(**members)
    if token is None:
        request.now.SetInParent()
    else:
        request.resume_token = token
    return request


def read_changes(stream, count):
    """The first `count` changes, and the last token."""
    changes, token = [], None
    for message in stream:
        if message.HasField("changes"):
            changes += message.changes.changes
            token = message.changes.resume_token
            if len(changes) >= count:
                return changes, token
    raise AssertionError("the stream ended")


def test_watch_delivers_and_resumes(stub):
    stream = stub.WatchJobs(watch_request(), timeout=WAIT_SECONDS)
    opened = next(stream).opened
    assert opened.stream_id and opened.epoch and opened.resume_token
    first = stub.CreateJob(api.CreateJobRequest(job=new_job()))
    stub.UpdateJob(api.UpdateJobRequest(job=job_pb2.Job(id=first.id, description="d"),
                                        update_mask=field_mask_pb2.FieldMask(paths=["description"])))
    stub.DeleteJob(api.DeleteJobRequest(id=first.id))
    changes, token = read_changes(stream, 3)
    assert [c.kind for c in changes] == [api.CHANGE_KIND_CREATED, api.CHANGE_KIND_UPDATED, api.CHANGE_KIND_DELETED]
    assert "description" in changes[1].changed_fields.paths
    assert all(change.transaction_last for change in changes)
    revisions = [change.revision for change in changes]
    assert revisions == sorted(set(revisions))
    assert changes[2].job.id == first.id
    stream.cancel()
    missed = stub.CreateJob(api.CreateJobRequest(job=new_job()))
    resumed, _ = read_changes(stub.WatchJobs(watch_request(token), timeout=WAIT_SECONDS), 1)
    assert resumed[0].job.id == missed.id  # not one more, not one less
    everything, _ = read_changes(stub.WatchJobs(watch_request(opened.resume_token), timeout=WAIT_SECONDS), 4)
    assert [change.revision for change in everything] == revisions + [resumed[0].revision]


def test_99_a_change_shows_what_rest_shows(server, stub):
    """One event per committed change, its modified_dateutc that of REST, where it is readable as soon as it is streamed."""
    stream = stub.WatchJobs(watch_request(), timeout=WAIT_SECONDS)
    assert next(stream).HasField("opened")
    created = stub.CreateJob(api.CreateJobRequest(job=new_job()))
    for number in range(10):
        changes, _ = read_changes(stream, 1)
        assert len(changes) == 1 and changes[0].job.id == created.id
        shown = server.get(f"/api/Jobs({created.id})").json()["modified_dateutc"]
        moment = changes[0].job.modified_dateutc
        text = moment.ToDatetime().strftime("%Y-%m-%dT%H:%M:%S") + f".{moment.nanos // 100:07d}".rstrip("0").rstrip(".")
        assert shown == text + "+00:00"
        stub.UpdateJob(api.UpdateJobRequest(job=job_pb2.Job(id=created.id, description=str(number)),
                                            update_mask=field_mask_pb2.FieldMask(paths=["description"])))
    stream.cancel()


def test_watch_refuses_bad_starts(stub):
    for request, code in [(api.WatchJobsRequest(), grpc.StatusCode.INVALID_ARGUMENT),
                          (watch_request("garbage"), grpc.StatusCode.INVALID_ARGUMENT),
                          (watch_request(filter="name eq"), grpc.StatusCode.INVALID_ARGUMENT)]:
        with pytest.raises(grpc.RpcError) as error:
            list(stub.WatchJobs(request, timeout=WAIT_SECONDS))
        assert error.value.code() == code


def test_watch_token_of_another_record_is_out_of_range(server, tmp_path_factory, stub):
    from conftest import Server
    other = Server(tmp_path_factory.mktemp("other"))
    try:
        with other.channel() as channel:
            from jobgate.v1 import job_service_pb2_grpc
            token = next(job_service_pb2_grpc.JobServiceStub(channel).WatchJobs(watch_request(), timeout=WAIT_SECONDS)).opened.resume_token
    finally:
        other.stop()
    with pytest.raises(grpc.RpcError) as error:
        list(stub.WatchJobs(watch_request(token), timeout=WAIT_SECONDS))
    assert error.value.code() == grpc.StatusCode.OUT_OF_RANGE
    info = error_details_pb2.ErrorInfo()
    assert any(detail.Unpack(info) for detail in details(error.value).details)
    assert info.reason == "HISTORY_LOST"


def test_bookmark_comes_when_nothing_happens(stub):
    stream = stub.WatchJobs(watch_request(heartbeat_interval={"seconds": 5}), timeout=WAIT_SECONDS)
    assert next(stream).HasField("opened")
    message = next(stream)
    assert message.HasField("bookmark") and message.bookmark.resume_token


def test_drain_ends_streams_with_a_token(server, stub):
    stream = stub.WatchJobs(watch_request(), timeout=WAIT_SECONDS)
    assert next(stream).HasField("opened")
    stub.CreateJob(api.CreateJobRequest(job=new_job()))
    _, token = read_changes(stream, 1)
    stopper = threading.Thread(target=server.terminate)
    stopper.start()
    drain = None
    with pytest.raises(grpc.RpcError) as error:
        for message in stream:
            drain = message.drain if message.HasField("drain") else drain
    stopper.join()
    assert error.value.code() == grpc.StatusCode.UNAVAILABLE
    assert drain is not None and drain.resume_token
    assert server.process.returncode == 0
    server.start()
    with server.channel() as channel:
        from jobgate.v1 import job_service_pb2_grpc
        again = job_service_pb2_grpc.JobServiceStub(channel)
        created = again.CreateJob(api.CreateJobRequest(job=new_job()))
        changes, _ = read_changes(again.WatchJobs(watch_request(drain.resume_token), timeout=WAIT_SECONDS), 1)
        assert changes[0].job.id == created.id


def test_import_jobs_streams(stub):
    text = (CONTRACT / "jobs.sample.consistent.json").read_bytes()
    pieces = (api.ImportJobsRequest(json=text[i:i + 1000]) for i in range(0, len(text), 1000))
    summary = stub.ImportJobs(pieces, timeout=WAIT_SECONDS)
    assert (summary.created, summary.rejected) == (1, 0)
    assert stub.GetJob(api.GetJobRequest(id=SAMPLE_ID)).name == json.loads(text)["name"]
