"""OData clients from npm and PyPI: they read $metadata, build the queries, follow the links and send the writes; we only look at
what comes out. tests/clients has their versions."""

import datetime
import decimal
import subprocess
import sys

import pytest

from conftest import ROOT, SAMPLE_ID, WAIT_SECONDS

NODE = ROOT / "out" / "clients" / "node"
PYTHON = ROOT / "out" / "clients" / "python"
CLIENTS = ["@odata/client", "o.js"]

npm = pytest.mark.skipif(not (NODE / "installed.json").is_file(), reason="clients of npm: not in out/clients; see tests/clients/install.sh")
pypi = pytest.mark.skipif(not (PYTHON / "installed.txt").is_file(), reason="clients of PyPI: not in out/clients; see tests/clients/install.sh")


def node(server, client, scenario):
    program = ROOT / "tests" / "clients" / "odata.mjs"
    result = subprocess.run(["node", str(program), str(NODE), f"http://{server.http}/api/", client, scenario],
                            capture_output=True, text=True, timeout=WAIT_SECONDS)
    assert result.returncode == 0, result.stderr


@npm
@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize("scenario", ["list", "filter", "page", "expand", "get"])
def test_npm_reads(loaded, client, scenario):
    node(loaded, client, scenario)


@npm
@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize("scenario", ["write", "sets"])
def test_npm_writes(server, client, scenario):
    node(server, client, scenario)


def python_odata(server):
    """The service as python-odata makes it of $metadata, and the class of its jobs."""
    if str(PYTHON) not in sys.path:
        sys.path.append(str(PYTHON))  # Behind what is installed: pytest itself is in both.
    import odata
    from odata.flags import ODataServerFlags

    flags = ODataServerFlags(skip_null_properties=True, provide_odata_type_annotation=False)
    service = odata.ODataService(f"http://{server.http}/api/", reflect_entities=True, quiet_progress=True, server_flags=flags)
    return service, service.entities["Jobs"]


@pypi
def test_pypi_classes_from_metadata(loaded):
    service, jobs = python_odata(loaded)
    assert {"jobgate.jobs", "jobgate.project", "jobgate.user"} <= set(service.types)
    job = service.query(jobs).get(SAMPLE_ID)
    rest = loaded.get(f"/api/Jobs({SAMPLE_ID})").json()
    assert job.name == rest["name"] and job.working_sequence == rest["working_sequence"]
    assert job.modified_dateutc == datetime.datetime.fromisoformat(rest["modified_dateutc"][:26] + "+00:00")
    assert job.db_address_latitude_decimal == decimal.Decimal("49.0")


@pypi
def test_pypi_pages(loaded):
    service, jobs = python_odata(loaded)
    query = service.query(jobs)
    assert len({job.id for job in query}) == 251 == query.count()
    assert len(query.limit(5).all()) == 5
    assert len(query.offset(200).all()) == 51
    ordered = [job.id for job in query.order_by(jobs.name.desc(), jobs.id.asc())]
    assert len(set(ordered)) == 251
    rows = query.select(jobs.id, jobs.name).limit(2).all()
    assert [list(row) for row in rows] == [["id", "name"]] * 2


@pypi
def test_pypi_filters(loaded):
    service, jobs = python_odata(loaded)
    query = service.query(jobs)
    everything = query.all()

    def ids(rows):
        return sorted(job.id for job in rows)

    def same(condition, wanted):
        expected = ids(filter(wanted, everything))
        assert ids(query.filter(condition)) == expected and 0 < len(expected) < len(everything)

    same(jobs.job_status_code == "Open", lambda job: job.job_status_code == "Open")
    same((jobs.job_status_code == "Open") | (jobs.working_sequence > 2), lambda job: job.job_status_code == "Open" or job.working_sequence > 2)
    same(jobs.name.startswith("In"), lambda job: job.name.startswith("In"))
    same(jobs.name.contains("lift"), lambda job: "lift" in job.name)
    same(jobs.name.lacks("lift"), lambda job: "lift" not in job.name)
    same(jobs.project_id == everything[5].project_id, lambda job: job.project_id == everything[5].project_id)
    same(jobs.db_address_latitude_decimal > 49, lambda job: job.db_address_latitude_decimal > 49)
    same(jobs.project.is_mobile_installation == True, lambda job: job.project.is_mobile_installation)  # noqa: E712
    middle = sorted(job.due_date for job in everything)[100]
    same(jobs.due_date > middle, lambda job: job.due_date > middle)
    assert query.filter(jobs.name == "O'Brien & Söhne + 1%").all() == []
    assert query.filter(jobs.name.is_null()).count() == 0


@pypi
def test_pypi_expands(loaded):
    service, jobs = python_odata(loaded)
    job = service.query(jobs).expand(jobs.project, jobs.job_type).filter(jobs.id == SAMPLE_ID).one()
    rest = loaded.get(f"/api/Jobs({SAMPLE_ID})").json()
    assert job.project.serial_number == rest["project"]["serial_number"]
    assert job.job_type.code == rest["job_type"]["code"]
    inner = service.query(jobs).expand(jobs.project.equipment_family).filter(jobs.id == SAMPLE_ID).one()
    assert inner.project.equipment_family.name == rest["project"]["equipment_family"]["name"]


@pypi
def test_pypi_sets(loaded):
    """Each set that $metadata names is there, and its rows are what jobs embed."""
    service, jobs = python_odata(loaded)
    assert {"Jobs", "JobType", "Project", "User", "JobStatus"} <= set(service.entities)
    for name, entities in service.entities.items():
        query = service.query(entities)
        rows = query.limit(3).all()
        assert len(rows) == min(3, query.count()), name
        for row in rows:
            assert service.query(entities).filter(entities.id == row.id).one().id == row.id
    types = service.entities["JobType"]
    used = {job.job_type_id for job in service.query(jobs)}
    assert used <= {row.id for row in service.query(types)}


@pypi
def test_pypi_writes(server):
    """An entity with new entities in it, its change, which is a PATCH of what changed, and its end."""
    service, jobs = python_odata(server)
    job = jobs()
    job.name = "From PyPI"
    job.job_status_code = "Open"
    job.project = service.types["jobgate.project"]()
    job.project.reference_back_office = "P-1"
    job.job_type = service.types["jobgate.job_type"]()
    job.job_type.code = "PT"
    service.save(job)
    made = server.get(f"/api/Jobs({job.id})").json()
    assert made["name"] == "From PyPI" and made["project"]["reference_back_office"] == "P-1"
    job.name = "Changed"
    service.save(job)
    changed = server.get(f"/api/Jobs({job.id})").json()
    assert changed["name"] == "Changed" and changed["project_id"] == made["project_id"]
    service.delete(job)
    assert server.get(f"/api/Jobs({job.id})").status == 404


@pypi
def test_pypi_errors(server):
    service, jobs = python_odata(server)
    from odata.exceptions import ODataError

    job = jobs()
    job.name = "No project"
    with pytest.raises(ODataError, match="job_type_id is required unless job_type_code or job_type is given"):
        service.save(job)
    with pytest.raises(ODataError, match="HTTP 501"):
        service.query(jobs).apply("aggregate(id with countdistinct as n)").all()
