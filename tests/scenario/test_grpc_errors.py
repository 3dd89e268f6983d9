"""What errors tell a gRPC client beside code and message: google.rpc's details, each of which is understood alone."""

import grpc
import pytest
from google.rpc import error_details_pb2, status_pb2

from conftest import Server, WAIT_SECONDS, run, sample
from jobgate.v1 import entity_service_pb2 as sets, entity_service_pb2_grpc, job_pb2, job_service_pb2 as api
from jobgate.v1 import job_service_pb2_grpc, job_status_pb2, job_type_pb2, options_pb2, project_pb2

NOBODY = "99999999-9999-4999-8999-999999999999"
IN_PROGRESS = "06ea451c-5863-4c97-9592-cc928dfdf869"


@pytest.fixture
def entities(server):
    with server.channel() as channel:
        yield entity_service_pb2_grpc.EntityServiceStub(channel)


def refused(call, request):
    """The error of a call: its code, and its details by their types."""
    with pytest.raises(grpc.RpcError) as error:
        call(request, timeout=WAIT_SECONDS)
    packed = dict(error.value.trailing_metadata() or ()).get("grpc-status-details-bin", b"")
    details = {}
    for any_ in status_pb2.Status.FromString(packed).details:
        name = any_.type_url.rpartition(".")[2]
        details[name] = getattr(error_details_pb2, name).FromString(any_.value)
    return error.value, details


def fields(details):
    return {violation.field: violation.description for violation in details["BadRequest"].field_violations}


def job(**members):
    return job_pb2.Job(**{"name": "Repair", "project": project_pb2.Project(reference_back_office="P"),
                          "job_type": job_type_pb2.JobType(code="T"), "job_status_code": "Open", **members})


def test_58_groups_are_told_in_sentences(stub):
    error, details = refused(stub.CreateJob, api.CreateJobRequest(job=job_pb2.Job(name="n")))
    assert error.code() == grpc.StatusCode.INVALID_ARGUMENT and details["ErrorInfo"].reason == "INVALID_MEMBER"
    assert fields(details) == {
        "job.project_id": "is required unless project_reference_back_office or project is given",
        "job.job_type_id": "is required unless job_type_code or job_type is given",
        "job.job_status_id": "is required unless job_status_code is given"}
    error, details = refused(stub.ChangeJobStatus, api.ChangeJobStatusRequest(id="0f1e2d3c-4b5a-4968-8776-655443322110"))
    assert fields(details) == {"target_job_status_id": "is required unless target_job_status_code is given"}


def test_58_all_that_is_wrong_is_told_at_once(stub, server):
    wrong = {"name": "x" * 256, "description": "x" * 4001, "estimated_time": -1}
    groups = {"job.project_id", "job.job_type_id", "job.job_status_id"}
    error, details = refused(stub.CreateJob, api.CreateJobRequest(job=job_pb2.Job(**wrong)))
    assert set(fields(details)) == {f"job.{member}" for member in wrong} | groups
    answer = server.request("POST", "/api/Jobs", wrong)
    assert answer.status == 400
    assert all(path.removeprefix("job.") in answer.json()["error"]["message"] for path in fields(details))
    made = stub.CreateJob(api.CreateJobRequest(job=job()))
    error, details = refused(stub.UpdateJob, api.UpdateJobRequest(job=job_pb2.Job(id=made.id, **wrong)))
    assert set(fields(details)) == {f"job.{member}" for member in wrong}
    answer = server.request("PUT", f"/api/Jobs({made.id})", {**wrong, "name": " "})
    assert answer.status == 400 and all(member in answer.json()["error"]["message"] for member in wrong)
    assert stub.GetJob(api.GetJobRequest(id=made.id)) == made


def test_not_found_names_the_resource(stub, entities):
    calls = [(stub.GetJob, api.GetJobRequest(id=NOBODY), "jobgate.v1.Job"), (stub.DeleteJob, api.DeleteJobRequest(id=NOBODY), "jobgate.v1.Job"),
             (stub.UpdateJob, api.UpdateJobRequest(job=job_pb2.Job(id=NOBODY, name="n")), "jobgate.v1.Job"),
             (stub.GetJobPlanning, api.GetJobPlanningRequest(id=NOBODY), "jobgate.v1.JobPlanning"),
             (entities.GetEntity, sets.GetEntityRequest(kind=options_pb2.ENTITY_KIND_SKILL, id=NOBODY), "jobgate.v1.Skill"),
             (entities.DeleteEntity, sets.DeleteEntityRequest(kind=options_pb2.ENTITY_KIND_PROJECT, id=NOBODY), "jobgate.v1.Project")]
    for call, request, kind in calls:
        error, details = refused(call, request)
        assert error.code() == grpc.StatusCode.NOT_FOUND
        assert details["ErrorInfo"].reason == "RESOURCE_NOT_FOUND" and details["ErrorInfo"].domain == "jobgate"
        info = details["ResourceInfo"]
        assert (info.resource_type, info.resource_name, info.description) == (kind, NOBODY, error.details())


def test_what_the_state_forbids_is_a_precondition(stub, entities):
    made = stub.CreateJob(api.CreateJobRequest(job=job()))
    child = stub.CreateJob(api.CreateJobRequest(job=job(parent_id=made.id)))
    status = sets.AnyEntity(job_status=job_status_pb2.JobStatus(id=made.job_status_id, code="Open", name="x"))
    calls = [(stub.UpdateJob, api.UpdateJobRequest(job=job_pb2.Job(id=made.id, job_status_id=IN_PROGRESS)), "ILLEGAL_TRANSITION", "job.job_status_id"),
             (stub.UpdateJob, api.UpdateJobRequest(job=job_pb2.Job(id=made.id, skill_code="nope")), "UNRESOLVED_REFERENCE", "job.skill_code"),
             (stub.UpdateJob, api.UpdateJobRequest(job=job_pb2.Job(id=made.id, parent_id=child.id)), "PARENT_CYCLE", "job.parent_id"),
             (stub.DeleteJob, api.DeleteJobRequest(id=made.id), "JOB_REFERENCED", made.id),
             (entities.DeleteEntity, sets.DeleteEntityRequest(kind=options_pb2.ENTITY_KIND_PROJECT, id=made.project_id), "ENTITY_REFERENCED", made.project_id),
             (entities.UpsertEntity, sets.UpsertEntityRequest(entity=status), "ENTITY_READ_ONLY", ""),
             (entities.DeleteEntity, sets.DeleteEntityRequest(kind=options_pb2.ENTITY_KIND_JOB_STATUS, id=made.job_status_id), "ENTITY_READ_ONLY", "")]
    for call, request, reason, subject in calls:
        error, details = refused(call, request)
        assert error.code() == grpc.StatusCode.FAILED_PRECONDITION and details["ErrorInfo"].reason == reason
        violation, = details["PreconditionFailure"].violations
        assert (violation.type, violation.subject) == (reason, subject) and violation.description in error.details()


def test_page_sizes_beyond_the_limit_are_the_limit(tmp_path):
    """AIP-158: who asks for everything gets what a page holds, and a token."""
    store = f"sqlite:{tmp_path}/jobgate.db"
    run("import", "--store", store, "-", stdin=sample(1010))
    running = Server(tmp_path, store=store)
    with running.channel() as channel:
        stub = job_service_pb2_grpc.JobServiceStub(channel)
        first = stub.ListJobs(api.ListJobsRequest(page_size=1001, read_mask={"paths": ["id"]}))
        rest = stub.ListJobs(api.ListJobsRequest(page_size=2 ** 31 - 1, read_mask={"paths": ["id"]}, page_token=first.next_page_token))
        assert (len(first.jobs), len(rest.jobs), rest.next_page_token) == (1000, 10, "")
        for call, request in [(entity_service_pb2_grpc.EntityServiceStub(channel).ListEntities,
                               sets.ListEntitiesRequest(kind=options_pb2.ENTITY_KIND_SKILL, page_size=1001)),
                              (stub.ListJobPlannings, api.ListJobPlanningsRequest(page_size=1001)),
                              (stub.ListJobChanges, api.ListJobChangesRequest(page_size=1001))]:
            call(request, timeout=WAIT_SECONDS)
            request.page_size = -1
            error, details = refused(call, request)
            assert error.code() == grpc.StatusCode.INVALID_ARGUMENT and fields(details) == {"page_size": "must not be negative"}
    running.stop()
