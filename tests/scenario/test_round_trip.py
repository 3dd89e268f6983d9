"""What was read can be sent back: a PUT of what GET showed changes nothing but its two dates (statements 85, 87), on both doors."""

import json

import pytest
from jobgate.v1 import job_service_pb2, job_service_pb2_grpc

from conftest import Server, run, sample

JOBS = 120
MOVED = {"date_update", "modified_dateutc", "@odata.context"}


@pytest.fixture
def imported(tmp_path):
    """A server whose jobs an import brought: companies of their own, parents from elsewhere, what a strict write would refuse."""
    store = f"sqlite:{tmp_path}/jobgate.db"
    run("import", "--store", store, "-", stdin=sample(JOBS, seed=3))
    running = Server(tmp_path, store=store)
    yield running
    running.stop()


def unmoved(job):
    return {name: value for name, value in job.items() if name not in MOVED}


def read_all(server):
    first = server.get("/api/Jobs").json()
    return first["value"] + server.get(first["@odata.nextLink"]).json()["value"]


def test_85_what_get_showed_is_put_back(imported):
    jobs = read_all(imported)
    assert len(jobs) == JOBS
    for job in jobs:
        answer = imported.request("PUT", f"/api/Jobs({job['id']})", job)
        assert answer.status == 200, answer.body
        assert unmoved(answer.json()) == unmoved(job)
        assert answer.json()["modified_dateutc"] > job["modified_dateutc"]
    assert [unmoved(job) for job in read_all(imported)] == [unmoved(job) for job in jobs]


def test_85_what_get_job_gave_is_updated_back(imported):
    ids = [job["id"] for job in read_all(imported)]
    before = {job["id"]: unmoved(job) for job in read_all(imported)}
    with imported.channel() as channel:
        stub = job_service_pb2_grpc.JobServiceStub(channel)
        for id in ids:
            job = stub.GetJob(job_service_pb2.GetJobRequest(id=id))
            stub.UpdateJob(job_service_pb2.UpdateJobRequest(job=job, update_mask={"paths": ["*"]}))
    assert {job["id"]: unmoved(job) for job in read_all(imported)} == before


def test_85_a_put_of_nothing_keeps_an_imported_company(server):
    company = "11111111-1111-4111-8111-111111111111"
    job = {"id": "0f1e2d3c-4b5a-4968-8776-655443322110", "name": "n", "company_id": company, "company_code": "ACME",
           "project": {"reference_back_office": "P"}, "job_type": {"code": "T"}, "job_status_code": "Open"}
    run("import", "--server", server.grpc, "-", stdin=json.dumps(job).encode())
    for given in ({}, {"name": "m"}, server.get(f"/api/Jobs({job['id']})").json()):
        shown = server.request("PUT", f"/api/Jobs({job['id']})", given).json()
        assert (shown["company_id"], shown["company_code"]) == (company, "ACME")
