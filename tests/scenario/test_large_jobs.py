"""Jobs beyond what a gRPC client takes in one message (4 MiB by default): imports bring them, and no door may stop at one."""

import json
import uuid

import grpc
import pytest
from conftest import WAIT_SECONDS, run
from jobgate.v1 import entity_service_pb2 as entity_api, entity_service_pb2_grpc, job_pb2, job_service_pb2 as api, options_pb2 as kinds

LARGE = 4_500_000


def import_jobs(server, *jobs):
    run("import", "--server", server.grpc, "-", stdin="\n".join(map(json.dumps, jobs)).encode())


@pytest.fixture
def ids(server):
    """Three jobs in the order of their ids: the middle one is large by itself, the last one by what it embeds."""
    ids = sorted(str(uuid.uuid4()) for _ in range(3))
    project = {"id": str(uuid.uuid4()), "reference_back_office": "P"}
    rest = {"job_type": {"id": str(uuid.uuid4()), "code": "T"}, "job_status_code": "Open"}
    import_jobs(server,
                {"id": ids[0], "name": "small", "project": project, **rest},
                {"id": ids[1], "name": "large", "internal_memo": "x" * LARGE, "project": project, **rest},
                {"id": ids[2], "name": "embeds", **rest, "project": {"id": str(uuid.uuid4()), "reference_back_office": "Q",
                                                              "description": "y" * LARGE}})
    return ids


def list_all(stub, **members):
    jobs, reduced, token = [], [], ""
    while True:
        page = stub.ListJobs(api.ListJobsRequest(page_token=token, **members), timeout=WAIT_SECONDS)
        jobs += page.jobs
        reduced += page.reduced_ids
        token = page.next_page_token
        if not token:
            return jobs, reduced


def test_lists_go_on_behind_a_large_job(stub, ids):
    jobs, reduced = list_all(stub)
    assert [job.id for job in jobs] == ids and reduced == [ids[1]]
    small, large, embeds = jobs
    assert (small.name, small.project_reference_back_office) == ("small", "P")
    assert large.revision and large.etag and large.name == large.internal_memo == ""
    assert (embeds.name, embeds.project_reference_back_office) == ("embeds", "Q")


def test_full_lists_leave_out_what_is_embedded_first(stub, ids):
    jobs, reduced = list_all(stub, view=api.JOB_VIEW_FULL)
    assert [job.id for job in jobs] == ids and reduced == ids[1:]
    assert jobs[0].project.reference_back_office == "P"
    assert not jobs[2].HasField("project") and jobs[2].project_reference_back_office == "Q"


def test_a_mask_that_leaves_it_out_reads_the_rest(stub, ids):
    jobs, reduced = list_all(stub, read_mask={"paths": ["id", "name"]})
    assert [job.name for job in jobs] == ["small", "large", "embeds"] and reduced == []
    jobs, reduced = list_all(stub, read_mask={"paths": ["name", "internal_memo"]})
    assert [(job.id, job.name) for job in jobs] == [("", "small"), (ids[1], ""), ("", "embeds")] and reduced == [ids[1]]


def test_batches_go_on_behind_a_large_job(stub, ids):
    wanted, jobs, reduced = [ids[1], str(uuid.uuid4()), ids[2], ids[0]], [], []
    missing = []
    while wanted:
        answer = stub.BatchGetJobs(api.BatchGetJobsRequest(ids=wanted), timeout=WAIT_SECONDS)
        jobs += answer.jobs
        reduced += answer.reduced_ids
        missing += answer.missing
        wanted = answer.unread
    assert [job.id for job in jobs] == [ids[1], ids[2], ids[0]] and reduced == [ids[1], ids[2]] and len(missing) == 1
    assert [job.name for job in jobs] == ["", "embeds", "small"]


def test_entities_go_on_behind_a_large_one(server, ids):
    entities, reduced, token = [], [], ""
    with server.channel() as channel:
        stub = entity_service_pb2_grpc.EntityServiceStub(channel)
        while True:
            page = stub.ListEntities(entity_api.ListEntitiesRequest(kind=kinds.ENTITY_KIND_PROJECT, page_token=token,
                                                                   order_by="reference_back_office"), timeout=WAIT_SECONDS)
            entities += [entity.project for entity in page.entities]
            reduced += page.reduced_ids
            token = page.next_page_token
            if not token:
                break
    assert [project.reference_back_office for project in entities] == ["P", ""] and reduced == [entities[1].id]
    assert sorted(len(project["description"]) for project in server.get("/api/Project").json()["value"]) == [0, LARGE]


def test_changes_go_on_behind_a_large_job(stub, server):
    token = stub.ListJobChanges(api.ListJobChangesRequest()).resume_token
    ids = [str(uuid.uuid4()) for _ in range(2)]
    import_jobs(server, {"id": ids[0], "name": "large", "internal_memo": "x" * LARGE}, {"id": ids[1], "name": "small"})
    names, more = {}, True
    while more:
        answer = stub.ListJobChanges(api.ListJobChangesRequest(resume_token=token), timeout=WAIT_SECONDS)
        names.update((job.id, job.name) for job in answer.jobs)
        token, more = answer.resume_token, answer.more
    assert names == {ids[0]: "", ids[1]: "small"}


def test_a_write_of_a_large_job_is_answered(stub, ids):
    for index, (name, project) in ((1, ("", "")), (2, ("renamed", "Q"))):
        job = job_pb2.Job(id=ids[index], name="renamed")
        answer = stub.UpdateJob(api.UpdateJobRequest(job=job), timeout=WAIT_SECONDS)
        assert (answer.id, answer.name, answer.project_reference_back_office) == (ids[index], name, project)
        assert answer.etag and not answer.HasField("project")
        assert stub.GetJob(api.GetJobRequest(id=ids[index], read_mask={"paths": ["name"]})).name == "renamed"


def test_get_returns_all_of_it_to_who_takes_it(server, stub, ids):
    with pytest.raises(grpc.RpcError) as caught:
        stub.GetJob(api.GetJobRequest(id=ids[1]), timeout=WAIT_SECONDS)
    assert caught.value.code() == grpc.StatusCode.RESOURCE_EXHAUSTED  # the client's own limit says so
    assert stub.GetJob(api.GetJobRequest(id=ids[1], read_mask={"paths": ["name"]})).name == "large"
    options = [("grpc.max_receive_message_length", -1), ("grpc.use_local_subchannel_pool", 1)]
    with grpc.insecure_channel(server.grpc, options=options) as channel:
        job = type(stub)(channel).GetJob(api.GetJobRequest(id=ids[1]), timeout=WAIT_SECONDS)
    assert len(job.internal_memo) == LARGE


def test_rest_and_the_command_line_show_all_of_them(server, ids):
    shown = [server.get(f"/api/Jobs({id})").body for id in ids]
    assert [len(body) > LARGE for body in shown] == [False, True, True]
    page = server.get("/api/Jobs").json()
    assert [job["id"] for job in page["value"]] == ids
    assert [len(job["internal_memo"]) for job in page["value"]] == [0, LARGE, 0]
    lines = run("list", "--server", server.grpc).stdout.splitlines()
    assert [json.loads(line)["name"] for line in lines] == ["small", "large", "embeds"]
    assert lines == run("get", "--server", server.grpc, *ids).stdout.splitlines()
