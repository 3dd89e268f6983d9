"""Statements about writes over HTTP: embedded entities, statuses, mobile equipment. Their numbers are in the names."""

import concurrent.futures
import uuid

import pytest

from conftest import ROOT

ZERO = "00000000-0000-0000-0000-000000000000"
STATUSES = {row.split("\t")[0]: row.split("\t")[2] for row in (ROOT / "tests/schema/statuses.tsv").read_text().splitlines()[1:]}


def body(**members):
    return {"name": "Repair", "project": {"reference_back_office": "P-1", "name": "Site"},
            "job_type": {"code": "JT", "name": "Type"}, "job_status_code": "Open", **members}


def post(server, given, status=201):
    answer = server.request("POST", "/api/Jobs", given)
    assert answer.status == status, answer.body
    return answer.json()


def put(server, job, given, status=200):
    answer = server.request("PUT", f"/api/Jobs({job['id']})", given)
    assert answer.status == status, answer.body
    return answer.json()


def get(server, job):
    return server.get(f"/api/Jobs({job['id']})").json()


def count(server, name):
    return int(server.get(f"/api/{name}/$count").body)


DEEP = {"reference_back_office": "P-9", "name": "A", "serial_number": "S", "equipment_model": {
    "code": "EM", "name": "Model", "equipment_brand": {"code": "EB", "name": "Brand", "sales_organization": {"code": "SO", "name": "Org"}}}}


def test_69_70_made_once_depth_first(server):
    job = post(server, body(project=DEEP))
    model = job["project"]["equipment_model"]
    brand = model["equipment_brand"]
    for holder, name in ((job, "project"), (job["project"], "equipment_model"), (model, "equipment_brand"), (brand, "sales_organization")):
        assert holder[name + "_id"] == holder[name]["id"] != ZERO
    sets = ("Project", "EquipmentModel", "EquipmentBrand", "SalesOrganization", "JobType")
    before = {name: count(server, name) for name in sets}
    again = post(server, body(project=DEEP))
    assert {name: count(server, name) for name in sets} == before == dict.fromkeys(sets, 1)
    assert again["project"] == job["project"]  # its modified_dateutc too


def test_71_75_filled_and_different_members_change(server):
    first = post(server, body(project=DEEP))
    second = post(server, body(project={"reference_back_office": "P-9", "name": "B", "serial_number": "", "location": None}))
    old, new = first["project"], second["project"]
    assert new["name"] == "B" and new["modified_dateutc"] > old["modified_dateutc"]
    assert {name for name in old if old[name] != new[name]} <= {"name", "modified_dateutc", "date_update"}
    assert get(server, first)["project"] == new


def test_68_the_id_comes_before_the_node_before_the_code(server):
    one = post(server, body(project={"reference_back_office": "P-1", "name": "one"}))["project"]
    two = post(server, body(project={"reference_back_office": "P-2", "name": "two"}))["project"]
    job = post(server, body(project_id=one["id"], project={"reference_back_office": "P-2", "name": "changed"},
                            project_reference_back_office="P-2"))
    assert job["project"] == one
    job = post(server, body(project={"reference_back_office": "P-2"}, project_reference_back_office="P-1"))
    assert job["project"] == two


def test_68_a_node_of_two_entities_is_refused(server):
    one = post(server, body(skill={"code": "S1", "name": "one"}))
    two = post(server, body(skill={"code": "S2", "name": "two"}))
    answer = server.request("POST", "/api/Jobs", body(skill={"id": one["skill_id"], "code": "S2", "name": "changed"}))
    assert answer.status == 409, answer.body
    assert all(member in answer.json()["error"]["message"] for member in ("skill.id", "skill.code"))
    assert get(server, two)["skill"] == two["skill"] and get(server, one)["skill"] == one["skill"]
    # An id that nobody has says nothing: the code decides, and the answer shows by which id it is known.
    job = post(server, body(skill={"id": str(uuid.uuid4()), "code": "S2"}))
    assert job["skill_id"] == two["skill_id"]


def test_72_73_codes_alone_must_be_known(server):
    known = post(server, body())
    given = {name: value for name, value in body().items() if name not in ("project", "job_type")}
    job = post(server, {**given, "project_reference_back_office": "P-1", "job_type_code": "JT"})
    assert (job["project_id"], job["job_type_id"]) == (known["project_id"], known["job_type_id"])
    # Each beside a new entity, which must not stay behind (74).
    for member, value in [("project_reference_back_office", "nope"), ("project_id", str(uuid.uuid4())), ("skill_code", "nope"),
                          ("skill_id", str(uuid.uuid4())), ("suggested_user_code", "nope"), ("job_status_code", "Nope")]:
        refused = {**body(), "job_priority": {"code": "NEW", "name": "New"}, member: value}
        if member.startswith("project"):
            del refused["project"]
        answer = server.request("POST", "/api/Jobs", refused)
        assert answer.status == 422 and member in answer.json()["error"]["message"], answer.body
    assert count(server, "Jobs") == 2 and count(server, "JobPriority") == 0


def test_74_all_or_nothing(server):
    job = post(server, body())
    answer = server.request("PUT", f"/api/Jobs({job['id']})", {"project": {"reference_back_office": "P-1", "name": "changed"},
                                                             "skill": {"code": "S"}, "suggested_user_code": "nope"})
    assert answer.status == 422, answer.body
    assert get(server, job) == job and count(server, "Skill") == 0


def test_76_racing_posts_make_one_entity(server):
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        jobs = list(pool.map(lambda i: post(server, body(project={"reference_back_office": f"R-{i // 8}", "name": "x"})), range(64)))
    assert count(server, "Project") == 8 and count(server, "JobType") == 1
    assert len({job["project_id"] for job in jobs}) == 8 and len({job["modified_dateutc"] for job in jobs}) == 64


def test_77_the_id_decides(server):
    job = post(server, body(job_status_code="Waiting", job_status_id=STATUSES["Pooling"].upper()))
    assert job["job_status_code"] == "Pooling" and job["job_status_id"] == STATUSES["Pooling"].lower()
    assert post(server, body(job_status_code="to be planned"))["job_status_code"] == "ToBePlanned"
    answer = server.request("POST", "/api/Jobs", body(job_status_code="Completed"))
    assert answer.status in (400, 422) and "job_status_code" in answer.json()["error"]["message"]


def test_80_81_transitions_and_date_closed(server):
    job = post(server, body())
    unset = "1980-01-01T00:00:00+00:00"
    for wrong in ("Completed", "InProgress", "WorkshopCompleted"):
        answer = server.request("PUT", f"/api/Jobs({job['id']})", {"job_status_id": STATUSES[wrong]})
        assert answer.status == 409, answer.body
    assert get(server, job) == job
    for step in ("ToBePlanned", "Planned", "InProgress", "Completed"):
        assert job["date_closed"] == unset
        job = put(server, job, {"job_status_id": STATUSES[step]})
        assert job["job_status_code"] == step
    assert job["date_closed"] == job["date_update"] != unset
    assert put(server, job, {"description": "later"})["date_closed"] == job["date_closed"]


@pytest.mark.parametrize("missing", [("db_address_street",), ("db_address_city", "db_address_zip"),
                                     ("db_address_street", "db_address_city", "db_address_zip")])
def test_83_mobile_equipment_needs_an_address(server, missing):
    address = {"db_address_street": "s", "db_address_city": "c", "db_address_zip": "z"}
    given = body(project={"reference_back_office": "M", "is_mobile_installation": True}, **address)
    post(server, given)
    message = post(server, {name: value for name, value in given.items() if name not in missing}, status=400)["error"]["message"]
    assert all((name in message) == (name in missing) for name in address), message
    post(server, body(project={"reference_back_office": "fixed", "name": "f"}))


def test_a_parents_node_holds_no_entities(server):
    node = {"reference_back_office": "NEW", "name": "np", "job_status_code": "Open"}
    entities = {"project": {"reference_back_office": "PX"}, "job_type": {"code": "JTX"}}
    message = post(server, body(_parent_job={**node, **entities}), status=400)["error"]["message"]
    assert "_parent_job.project is not taken in a parent: give project_id or project_reference_back_office" in message
    assert "_parent_job.job_type is not taken in a parent: give job_type_id or job_type_code" in message
    message = post(server, body(_parent_job=node), status=400)["error"]["message"]
    assert "_parent_job.project_id is required unless project_reference_back_office is given" in message
    message = post(server, body(_parent_job={**node, "_parent_job": {"reference_back_office": "UP"}}), status=400)["error"]["message"]
    assert "_parent_job._parent_job is not taken in a parent" in message
    assert count(server, "Jobs") == count(server, "Project") == 0
    # What GET showed of a job is a parent as it is: its ids decide, and its nodes do not count (68).
    whole = post(server, body(reference_back_office="OLD"))
    assert post(server, body(_parent_job=whole))["_parent_id"] == whole["id"]
    made = post(server, body(_parent_job={**node, "project_id": whole["project_id"], "job_type_code": "JT"}))
    assert server.get(f"/api/Jobs({made['_parent_id']})").json()["name"] == "np"


def test_parents_make_no_cycle(server):
    top = post(server, body(reference_back_office="TOP"))
    child = post(server, body(reference_back_office="CHILD", _parent_id=top["id"]))
    leaf = post(server, body(_parent_jobs_reference_back_office="CHILD"))
    for parent in ({"_parent_id": leaf["id"]}, {"_parent_id": child["id"]}, {"_parent_job": {"reference_back_office": "CHILD"}}):
        message = put(server, top, parent, status=409)["error"]["message"]
        assert next(iter(parent)) in message
    assert get(server, top) == top
    # From the leaf up they can be deleted, which a cycle would never allow.
    for job in (leaf, child, top):
        assert server.request("DELETE", f"/api/Jobs({job['id']})").status == 204


def test_parents_of_projects_make_no_cycle_and_exist(server):
    def project(reference, parent=None):
        given = {"reference_back_office": reference, "name": reference, **({"_parent_reference_back_office": parent} if parent else {})}
        return server.request("POST", "/api/Project", given)

    r3, r2, r1 = project("R3").json(), project("R2", "R3").json(), project("R1", "R2").json()
    answer = server.request("PUT", f"/api/Project({r3['id']})", {"_parent_id": r1["id"]})
    assert answer.status == 409 and "_parent_id" in answer.json()["error"]["message"], answer.body
    answer = server.request("POST", "/api/Jobs", body(project={"reference_back_office": "R3", "_parent_reference_back_office": "R1"}))
    assert answer.status == 409 and "project._parent_reference_back_office" in answer.json()["error"]["message"], answer.body
    answer = project("R4", "nope")
    assert answer.status == 422 and "_parent_reference_back_office" in answer.json()["error"]["message"], answer.body
    assert count(server, "Project") == 3
    assert server.request("PUT", f"/api/Project({r1['id']})", r1).status == 200
