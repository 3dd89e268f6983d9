"""EntityService through Python's grpcio."""

import uuid

import grpc
import pytest

from conftest import WAIT_SECONDS
from jobgate.v1 import entity_service_pb2 as api, entity_service_pb2_grpc, job_pb2, job_service_pb2, job_type_pb2
from jobgate.v1 import options_pb2, project_pb2


@pytest.fixture
def entities(server):
    with server.channel() as channel:
        yield entity_service_pb2_grpc.EntityServiceStub(channel)


def project(**members):
    return api.UpsertEntityRequest(entity=api.AnyEntity(project=project_pb2.Project(**members)))


def refused(call, request):
    with pytest.raises(grpc.RpcError) as error:
        call(request, timeout=WAIT_SECONDS)
    return error.value.code()


def test_75_a_change_shows_in_jobs_at_once(server, stub, entities):
    reference, code = f"P-{uuid.uuid4()}", f"T{uuid.uuid4().hex[:8]}"
    made = entities.UpsertEntity(project(reference_back_office=reference, name="first"), timeout=WAIT_SECONDS).project
    job = stub.CreateJob(job_service_pb2.CreateJobRequest(job=job_pb2.Job(
        name="Repair", project_id=made.id, job_type=job_type_pb2.JobType(code=code), job_status_code="Open")))
    for number in range(10):
        entities.UpsertEntity(project(id=made.id, name=f"name {number}"), timeout=WAIT_SECONDS)
        assert stub.GetJob(job_service_pb2.GetJobRequest(id=job.id)).project.name == f"name {number}"
        assert server.get(f"/api/Jobs({job.id})").json()["project"]["name"] == f"name {number}"
    guarded = api.DeleteEntityRequest(kind=options_pb2.ENTITY_KIND_PROJECT, id=made.id)
    assert refused(entities.DeleteEntity, guarded) == grpc.StatusCode.FAILED_PRECONDITION
    stub.DeleteJob(job_service_pb2.DeleteJobRequest(id=job.id))
    entities.DeleteEntity(guarded, timeout=WAIT_SECONDS)
    assert refused(entities.DeleteEntity, guarded) == grpc.StatusCode.NOT_FOUND


def test_list_pages(entities):
    prefix = f"L{uuid.uuid4().hex[:8]}"
    made = {entities.UpsertEntity(project(reference_back_office=f"{prefix}-{n}", name="listed"),
                                  timeout=WAIT_SECONDS).project.id for n in range(25)}
    ids, token = [], ""
    while True:
        page = entities.ListEntities(api.ListEntitiesRequest(
            kind=options_pb2.ENTITY_KIND_PROJECT, filter=f"startswith(reference_back_office,'{prefix}')", page_size=10,
            page_token=token), timeout=WAIT_SECONDS)
        ids += [entity.project.id for entity in page.entities]
        token = page.next_page_token
        if not token:
            break
    assert ids == sorted(ids) and set(ids) == made and len(ids) == 25
    backwards = entities.ListEntities(api.ListEntitiesRequest(
        kind=options_pb2.ENTITY_KIND_PROJECT, filter=f"startswith(reference_back_office,'{prefix}')", count=True, skip=5,
        order_by="reference_back_office desc", page_size=2), timeout=WAIT_SECONDS)
    assert backwards.total_size == 25 and backwards.next_page_token
    assert [entity.project.reference_back_office for entity in backwards.entities] == [
        f"{prefix}-{n}" for n in sorted(map(str, range(25)), reverse=True)[5:7]]
    assert refused(entities.ListEntities, api.ListEntitiesRequest(
        kind=options_pb2.ENTITY_KIND_PROJECT, order_by="nope")) == grpc.StatusCode.INVALID_ARGUMENT


def test_create_and_change_alone(entities):
    request = project(reference_back_office=f"P-{uuid.uuid4()}", name="first")
    request.mode = api.WRITE_MODE_UPDATE
    assert refused(entities.UpsertEntity, request) == grpc.StatusCode.INVALID_ARGUMENT
    request.entity.project.id = str(uuid.uuid4())
    assert refused(entities.UpsertEntity, request) == grpc.StatusCode.NOT_FOUND
    request.mode = api.WRITE_MODE_CREATE
    assert entities.UpsertEntity(request, timeout=WAIT_SECONDS).project.name == "first"
    assert refused(entities.UpsertEntity, request) == grpc.StatusCode.ALREADY_EXISTS
    request.mode = api.WRITE_MODE_UPDATE
    assert entities.UpsertEntity(request, timeout=WAIT_SECONDS).project.name == "first"
