"""$expand and $select beyond a list of names: a job's parent, paths, options in parentheses. Statements 3 and 44."""

import json
import urllib.parse

import grpc
import pytest

from conftest import Server, run, sample
from jobgate.v1 import job_service_pb2 as api, job_service_pb2_grpc

JOBS = 150
CHILD, ORPHAN = "aaaaaaaa-0000-4000-8000-000000000001", "aaaaaaaa-0000-4000-8000-000000000002"


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """A server, and its jobs as export shows them: generated ones, a child of the first, and one whose parent never came."""
    folder = tmp_path_factory.mktemp("expand")
    store = f"sqlite:{folder}/jobgate.db"
    jobs = [json.loads(line) for line in sample(JOBS, seed=5).splitlines()]
    child = {**jobs[0], "id": CHILD, "_parent_id": jobs[1]["id"], "reference_back_office": "child"}
    orphan = {**jobs[0], "id": ORPHAN, "_parent_id": ORPHAN.replace("a", "b"), "reference_back_office": "orphan"}
    lines = "".join(json.dumps(job) + "\n" for job in [*jobs, child, orphan])
    run("import", "--store", store, "-", stdin=lines.encode())
    server = Server(folder, store=store)
    yield server, {job["id"]: job for job in map(json.loads, run("export", "--store", store).stdout.splitlines())}
    server.stop()


def as_parent(job):
    """What _parent_job holds of a job: everything but embedded entities."""
    return {name: value for name, value in job.items() if not isinstance(value, dict)}


def query(**options):
    return "?" + urllib.parse.urlencode({"$" + name: value for name, value in options.items()})


def one(server, id, **options):
    answer = server.get(f"/api/Jobs({id})" + query(**options))
    assert answer.status == 200, answer.body
    return answer.json()


def test_3_no_parent_unless_expanded(data):
    server, jobs = data
    for options in ({}, {"select": "*"}, {"select": "id,_parent_job"}, {"expand": "project"}):
        assert "_parent_job" not in one(server, CHILD, **options)
        assert b'"_parent_job":' not in server.get("/api/Jobs" + query(**options)).body
    answer = server.get(f"/api/Jobs({CHILD})?$expand=_parent_job")
    assert list(answer.json())[:4] == ["@odata.context", "id", "_parent_id", "_parent_job"]
    assert answer.json()["_parent_job"] == as_parent(jobs[jobs[CHILD]["_parent_id"]])
    rest = {name: value for name, value in answer.json().items() if name not in ("@odata.context", "_parent_job")}
    assert rest == jobs[CHILD]
    assert answer.json()["@odata.context"].endswith("#Jobs/$entity")
    # The parent as the job itself is shown, literally.
    own = server.get(f"/api/Jobs({jobs[CHILD]['_parent_id']})?$select=" + ",".join(as_parent(jobs[CHILD]))).body
    assert b'"_parent_job":' + b"{" + own[own.index(b'"id":'):] in answer.body


def test_3_paths_into_the_parent(data):
    server, jobs = data
    parent = jobs[jobs[CHILD]["_parent_id"]]
    answer = server.get(f"/api/Jobs({CHILD})?$select=id,_parent_job/name").json()
    assert answer.pop("@odata.context").endswith("#Jobs(id,_parent_job(name))/$entity")
    assert answer == {"id": CHILD, "_parent_job": {"name": parent["name"]}}
    rows = server.get("/api/Jobs" + query(select="_parent_job/name", filter=f"id eq {CHILD} or id eq {ORPHAN}", orderby="id")).json()
    assert sorted(rows["value"], key=len) == [{}, {"_parent_job": {"name": parent["name"]}}]
    for expand in ("_parent_job($expand=project)", "_parent_job/project", "_parent_job($select=project)"):
        answer = server.get(f"/api/Jobs({CHILD})?$expand=" + expand)
        assert answer.status == 501 and "_parent_job with project" in answer.json()["error"]["message"], answer.body


def test_3_a_parent_that_is_not_there_is_left_out(data):
    server, jobs = data
    alone = next(job["id"] for job in jobs.values() if job["_parent_id"].startswith("00000000"))
    for id in (alone, ORPHAN):
        answer = one(server, id, expand="_parent_job")
        assert "_parent_job" not in answer
        assert answer["_parent_id"] == jobs[id]["_parent_id"]


def test_3_lists_show_parents_page_by_page(data):
    server, jobs = data
    path, seen = "/api/Jobs" + query(select="id,_parent_id", expand="_parent_job($select=id,name)"), []
    while path:
        page = server.get(path).json()
        assert page["@odata.context"].endswith("#Jobs(id,_parent_id,_parent_job(id,name))")
        seen += page["value"]
        path = page.get("@odata.nextLink")
    expected = []
    for id in sorted(jobs):
        parent = jobs.get(jobs[id]["_parent_id"])
        row = {"id": id, "_parent_id": jobs[id]["_parent_id"]}
        expected.append(row if parent is None else {**row, "_parent_job": {"id": parent["id"], "name": parent["name"]}})
    assert seen == expected
    assert sum("_parent_job" in row for row in seen) > 1


def test_3_the_same_over_grpc(data):
    server, jobs = data
    with server.channel() as channel:
        stub = job_service_pb2_grpc.JobServiceStub(channel)
        mask = {"paths": ["*", "parent_job"]}
        parent = stub.GetJob(api.GetJobRequest(id=CHILD, read_mask=mask)).parent_job
        expected = jobs[jobs[CHILD]["_parent_id"]]
        assert (parent.id, parent.name, parent.job_type_code) == (expected["id"], expected["name"], expected["job_type_code"])
        assert not stub.GetJob(api.GetJobRequest(id=CHILD)).HasField("parent_job")
        page = stub.ListJobs(api.ListJobsRequest(filter=f"id eq {CHILD} or id eq {ORPHAN}", read_mask=mask))
        assert [job.HasField("parent_job") for job in page.jobs] == [True, False]
        batch = stub.BatchGetJobs(api.BatchGetJobsRequest(ids=[CHILD], read_mask=mask))
        assert batch.jobs[0].parent_job.id == expected["id"]


def pick(job, *names):
    return {name: job[name] for name in job if name in names}


def list_ids(server, **options):
    path, seen = "/api/Jobs" + query(select="id", **options), []
    while path:
        page = server.get(path).json()
        seen += [job["id"] for job in page["value"]]
        path = page.get("@odata.nextLink")
    return seen


def test_filters_and_orders_by_the_parent(data):
    server, jobs = data
    parent_of = lambda job: jobs.get(job["_parent_id"])
    one_parent = parent_of(jobs[CHILD])
    name, key = one_parent["name"].replace("'", "''"), one_parent["project_reference_back_office"]
    cases = [
        (f"_parent_job/name eq '{name}'", lambda job: parent_of(job) and parent_of(job)["name"] == one_parent["name"]),
        (f"_parent_job/project_reference_back_office eq '{key}' and id2 ge 0",
         lambda job: parent_of(job) and parent_of(job)["project_reference_back_office"] == key),
        ("_parent_job eq null", lambda job: not parent_of(job)),
        ("_parent_job eq null and _parent_id ne 00000000-0000-0000-0000-000000000000", lambda job: job["id"] == ORPHAN),
        ("_parent_job/estimated_time gt estimated_time",
         lambda job: parent_of(job) and parent_of(job)["estimated_time"] > job["estimated_time"]),
        ("length(_parent_job/description) ge 0", parent_of)]
    with server.channel() as channel:
        stub = job_service_pb2_grpc.JobServiceStub(channel)
        for text, takes in cases:
            wanted = sorted(id for id, job in jobs.items() if takes(job))
            assert wanted or "estimated_time" in text
            assert list_ids(server, filter=text) == wanted
            assert server.get("/api/Jobs/$count" + query(filter=text)).body == b"%d" % len(wanted)
            assert [job.id for job in stub.ListJobs(api.ListJobsRequest(filter=text, page_size=1000)).jobs] == wanted
        # Descending, so those without a parent come last; ties by id. Through pages.
        wanted = sorted(jobs, reverse=True, key=lambda id: (bool(parent_of(jobs[id])), (parent_of(jobs[id]) or {"name": ""})["name"].encode(), id))
        assert list_ids(server, orderby="_parent_job/name desc,id desc") == wanted
        with pytest.raises(grpc.RpcError) as refused:
            stub.ListJobs(api.ListJobsRequest(filter="_parent_job/skill/name eq 'x'"))
        assert refused.value.code() == grpc.StatusCode.UNIMPLEMENTED
        with pytest.raises(grpc.RpcError) as refused:
            next(stub.WatchJobs(api.WatchJobsRequest(filter="_parent_job/name eq 'x'")))
        assert refused.value.code() == grpc.StatusCode.INVALID_ARGUMENT and "'_parent_job'" in refused.value.details()
    changes = server.get("/api/Jobs/$changes" + query(filter="_parent_job/name eq 'x'"))
    assert changes.status == 400 and "'_parent_job'" in changes.json()["error"]["message"]
    tracked = server.get("/api/Jobs" + query(filter="_parent_job/name eq 'x'"), Prefer="odata.track-changes")
    assert tracked.status == 200 and "Preference-Applied" not in tracked.headers


def test_44_options_cut_what_is_embedded(data):
    server, jobs = data
    for id in list(jobs)[:20]:
        job = jobs[id]
        project = job["project"]
        model = project["equipment_model"]
        cases = [
            ({"expand": "project($select=name,id)", "select": "id"}, "(id,project(id,name))",
             {"id": id, "project": pick(project, "id", "name")}),
            ({"select": "id,project/name,project/equipment_model/code"}, "(id,project(equipment_model(code),name))",
             {"id": id, "project": {"equipment_model": pick(model, "code"), "name": project["name"]}}),
            ({"select": "id", "expand": "project($select=id;$expand=equipment_model($select=translations))"},
             "(id,project(id,equipment_model(translations)))",
             {"id": id, "project": {"id": project["id"], "equipment_model": pick(model, "translations")}}),
            ({"select": "id", "expand": "project/equipment_model"}, "(id)", {"id": id, "project": project}),
            ({"expand": "project($select=id)"}, "(project(id))", {**job, "project": pick(project, "id")}),
        ]
        for options, context, expected in cases:
            answer = one(server, id, **options)
            assert answer.pop("@odata.context").endswith(f"#Jobs{context}/$entity")
            assert answer == expected and list(answer) == list(expected)
            assert list(answer["project"]) == list(expected["project"])


def test_without_embedding_expansion_goes_level_by_level(data, tmp_path):
    _, jobs = data
    store = f"sqlite:{tmp_path}/jobgate.db"
    id, job = next((id, job) for id, job in jobs.items() if job["project"].get("equipment_model", {}).get("equipment_brand"))
    run("import", "--store", store, "-", stdin=json.dumps(job).encode())
    server = Server(tmp_path, "--embed", "none", store=store)
    bare = lambda entity: {name: value for name, value in entity.items() if not isinstance(value, dict)}
    try:
        assert bare(job) == {name: value for name, value in one(server, id).items() if name != "@odata.context"}
        assert one(server, id, expand="project")["project"] == bare(job["project"])
        model = job["project"]["equipment_model"]
        answer = one(server, id, expand="project($expand=equipment_model($expand=equipment_brand($select=id)))")
        shown = answer["project"]["equipment_model"]
        assert shown == {**bare(model), "equipment_brand": pick(model["equipment_brand"], "id")}
        assert list(shown) == [name for name in model if name in shown]
    finally:
        server.stop()


@pytest.mark.parametrize("options, status, word", [
    ("$expand=project($select=nope)", 400, "'nope' on type 'project'"), ("$select=project/nope", 400, "'nope' on type 'project'"),
    ("$expand=project($select=id", 400, "$expand"), ("$expand=project()", 400, "$expand"),
    ("$expand=project($nope=1)", 400, "'$nope'"), ("$expand=_parent_job/_parent_job", 501, "$expand of _parent_job with _parent_job"),
    ("$select=name/id", 400, "$select"), ("$expand=project($levels=2)", 501, "$expand of project with $levels"),
    ("$expand=skill($filter=code%20eq%20')')", 501, "$expand of skill with $filter"),
    ("$expand=project/$ref", 501, "$expand of project with $ref"),
    ("$select=project($select=id)", 501, "$select of project with options"),
    ("$select=project/equipment_model/translations/value_translated", 501, "$select of translations with a path"),
    ("$expand=" + "project($expand=" * 400 + ")" * 400, 400, "'project' on type 'project'")])
def test_41_42_refusals_name_what_they_refuse(data, options, status, word):
    answer = data[0].get("/api/Jobs?" + options)
    assert answer.status == status, answer.body
    assert word in answer.json()["error"]["message"]


def test_embedded_entities_have_urls_below_their_owners(data):
    server, jobs = data
    id, job = next((id, job) for id, job in jobs.items() if job["project"].get("equipment_model"))
    path, project = f"/api/Jobs({id})", job["project"]
    shown = server.get(path + "/project").json()
    assert shown.pop("@odata.context") == f"http://{server.http}/api/$metadata#Project/$entity" and shown == project
    assert server.get(f"/api/Project({project['id']})").json().items() >= project.items()
    cut = server.get(path + "/project?$select=name&$expand=equipment_model($select=code)").json()
    assert cut.pop("@odata.context").endswith("#Project(equipment_model(code),name)/$entity")
    assert cut == {"equipment_model": pick(project["equipment_model"], "code"), "name": project["name"]}
    model = project["equipment_model"]
    for name in ("equipment_brand", "translations"):
        answer = server.get(f"/api/EquipmentModel({model['id']})/{name}")
        assert answer.status == 200 and (answer.json().get("value", answer.json()) == model[name] or answer.json()["id"] == model[name]["id"])
    parent = server.get(f"/api/Jobs({CHILD})/_parent_job").json()
    assert parent.pop("@odata.context").endswith("#Jobs/$entity") and parent == as_parent(jobs[jobs[CHILD]["_parent_id"]])
    # What is not there is no error (OData 4.0 part 1, 11.2.6), nor is what would be in it (11.2.3).
    bare = next(job for job in jobs.values() if "skill" not in job)
    for path in (f"/api/Jobs({bare['id']})/skill", f"/api/Jobs({bare['id']})/skill/name", f"/api/Jobs({ORPHAN})/_parent_job",
                 f"/api/Jobs({bare['id']})/skill/sales_organization/code/$value", f"/api/Jobs({ORPHAN})/_parent_job/name"):
        answer = server.get(path)
        assert answer.status == 204 and answer.body == b"" and "Content-Type" not in answer.headers
    for path in ("skill", "skill/name", "skill/name/$value"):
        assert server.get(f"/api/Jobs({ORPHAN[:-1]}f)/{path}").status == 404


def walk(entity, way=()):
    """Every member of an entity and of all that it embeds: the way there, its name, who holds it, the value."""
    for name, value in entity.items():
        yield way, name, entity, value
        if isinstance(value, dict):
            yield from walk(value, (*way, name))


SETS = {"project": "Project", "equipment_model": "EquipmentModel", "equipment_family": "EquipmentFamily", "equipment_brand": "EquipmentBrand",
        "project_status": "ProjectStatus", "job_type": "JobType", "job_priority": "JobPriority", "suggested_user": "User", "skill": "Skill",
        "sales_organization": "SalesOrganization"}


def test_members_of_embedded_entities_have_urls(data):
    server, jobs = data
    job = max(jobs.values(), key=lambda job: len(list(walk(job))))
    assert max(len(way) for way, *_ in walk(job)) == 4
    for root, entity in ((f"/api/Jobs({job['id']})", job), (f"/api/Project({job['project']['id']})", job["project"])):
        for way, name, holder, value in walk(entity):
            if not way:
                continue
            path = "/".join((root, *way, name))
            answer = server.get(path).json()
            context = answer.pop("@odata.context").partition("#")[2]
            if isinstance(value, dict):
                assert (context, answer) == (SETS[name] + "/$entity", value), path
                continue
            assert (context, answer) == (f"{SETS[way[-1]]}({holder['id']})/{name}", {"value": value}), path
            bare = server.get(path + "/$value")
            if isinstance(value, list):
                assert bare.status == 501
                continue
            assert bare.headers["Content-Type"] == "text/plain; charset=utf-8"
            text = value if isinstance(value, str) else json.dumps(value)
            assert bare.body.decode() == text, path
    parent = jobs[jobs[CHILD]["_parent_id"]]
    answer = server.get(f"/api/Jobs({CHILD})/_parent_job/name").json()
    assert answer["@odata.context"].endswith(f"#Jobs({parent['id']})/name") and answer["value"] == parent["name"]
    assert server.get(f"/api/Jobs({CHILD})/_parent_job/project/name").status == 501
    for path in ("project/nothing", "project/nothing/name", "project/name/name", "project/translations/name"):
        assert server.get(f"/api/Jobs({job['id']})/{path}").status == 404
    answer = server.request("PUT", f"/api/Jobs({job['id']})/project/name", body=b"{}")
    assert answer.status == 405 and answer.headers["Allow"] == "GET, HEAD"
