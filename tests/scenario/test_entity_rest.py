"""The REST twins of the embedded entities, and the planned visits."""

import base64
import concurrent.futures
import json
import urllib.parse
import uuid

import pytest

from conftest import Server, WAIT_SECONDS, run
from jobgate.v1 import entity_service_pb2 as api, entity_service_pb2_grpc, options_pb2

# Each set with its context, a body that makes one, the key that names it, and a member to change.
SETS = {
    "Project": ({"reference_back_office": "K", "name": "n"}, "reference_back_office"),
    "EquipmentFamily": ({"code": "K", "name": "n"}, "code"),
    "EquipmentModel": ({"code": "K", "name": "n", "translations": [
        {"field_name": "name", "language_code": "fr", "value_translated": "é"}]}, "code"),
    "EquipmentBrand": ({"code": "K", "name": "n"}, "code"),
    "ProjectStatus": ({"code": "K", "name": "n", "is_closed": True}, "code"),
    "JobType": ({"code": "K", "name": "n"}, "code"),
    "JobPriority": ({"code": "K", "name": "n", "sequence": 3}, "code"),
    "User": ({"code": "K", "firstname": "n"}, "code"),
    "Skill": ({"code": "K", "name": "n"}, "code"),
    "SalesOrganization": ({"code": "K", "name": "n"}, "code"),
}
KINDS = {name: "ENTITY_KIND_" + "".join(f"_{c}" if c.isupper() else c.upper() for c in name).lstrip("_") for name in SETS}


def created(server, name, body):
    answer = server.request("POST", f"/api/{name}", body)
    assert answer.status == 201, answer.body
    return answer.json()


def message(answer):
    return answer.json()["error"]["message"]


@pytest.mark.parametrize("name", SETS)
def test_51_to_55_84_to_89_every_set(server, name):
    body, key = SETS[name]
    answer = server.request("POST", f"/api/{name}", body)
    assert answer.status == 201, answer.body
    one = answer.json()
    url = f"http://{server.http}/api/{name}({one['id']})"
    assert answer.headers["Location"] == url
    assert one["@odata.context"] == f"http://{server.http}/api/$metadata#{name}/$entity"
    assert {member: one[member] for member in body} == body
    assert server.get(url).json() == one
    assert server.get(f"/api/{name.lower()}({one['id'].upper()})").body == server.get(url).body
    shown = dict(one)
    del shown["@odata.context"]
    assert server.get(f"/api/{name}").json() == {"@odata.context": f"http://{server.http}/api/$metadata#{name}", "value": [shown]}
    assert server.get(f"/api/{name}/$count").body == b"1"
    assert server.get(f"/api/{name}({one['id']})/{key}/$value").body == b"K"

    # The same entity over gRPC.
    with server.channel() as channel:
        stub = entity_service_pb2_grpc.EntityServiceStub(channel)
        request = api.GetEntityRequest(kind=options_pb2.EntityKind.Value(KINDS[name]), id=one["id"])
        entity = stub.GetEntity(request, timeout=WAIT_SECONDS)
        assert getattr(getattr(entity, entity.WhichOneof("entity")), key) == "K"

    # An id is taken once, and so is a key.
    assert server.request("POST", f"/api/{name}", {**body, "id": one["id"], key: "L"}).status == 409
    assert server.request("POST", f"/api/{name}", body).status == 409
    given = str(uuid.uuid4()).upper()
    assert created(server, name, {**body, "id": given, key: "L"})["id"] == given.lower()

    # A change leaves alone what it does not name; the body may be what was read.
    for method in ("PUT", "PATCH"):
        changed = server.request(method, url, {key: method})
        assert changed.status == 200 and changed.json()[key] == method
        expected = {**one, key: method, "modified_dateutc": changed.json()["modified_dateutc"]}
        assert changed.json() == expected and changed.json()["modified_dateutc"] > one["modified_dateutc"]
        assert server.request(method, url, changed.json()).json() == changed.json()
    assert server.request("PUT", url, {"id": given}).status == 400
    assert server.request("PUT", url, {key: "L"}).status == 409
    missing = f"/api/{name}({uuid.uuid4()})"
    for method, content in (("GET", None), ("PUT", {}), ("DELETE", None)):
        assert server.request(method, missing, content).status == 404

    minimal = server.request("PUT", url, {key: "M"}, {"Prefer": "return=minimal"})
    assert minimal.json() == {"@odata.context": one["@odata.context"], "id": one["id"]}
    assert server.request("DELETE", url).status == 204
    assert server.request("DELETE", url).status == server.get(url).status == 404


def test_56_57_63_refusals_name_members(server):
    for body, word in (({}, "name"), ({"name": " "}, "name"), ({"name": "x" * 51}, "name"), ({"name": {}}, "name"),
                       ({"name": "n", "id": "x"}, "id"), ({"name": "n", "sales_organization_id": "x"}, "sales_organization_id"),
                       (b"[]", "object"), (b"{", "JSON"), (b"", "")):
        answer = server.request("POST", "/api/JobType", body)
        assert answer.status == 400 and word in message(answer), (body, answer.body)
    answer = server.request("POST", "/api/Project", {"name": "n", "equipment_model": {"equipment_brand_code": "nope", "code": "M", "name": "m"}})
    assert answer.status == 422 and "equipment_model.equipment_brand_code" in message(answer)
    assert server.get("/api/EquipmentModel/$count").body == b"0"
    assert server.request("POST", "/api/JobType", b"<a/>", {"Content-Type": "application/xml"}).status == 415


def test_76_racing_posts_make_one(server):
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda n: server.request("POST", "/api/JobType", {"code": "K", "name": f"n{n}"}), range(32)))
    assert sorted(answer.status for answer in answers) == [201] + [409] * 31
    assert server.get("/api/JobType/$count").body == b"1"


def test_69_to_71_nodes_in_an_entity(server):
    sales = {"code": "S", "name": "sales"}
    one = created(server, "Project", {"name": "n", "equipment_family": {"code": "F", "name": "f", "sales_organization": sales}})
    assert one["equipment_family_code"] == "F" and one["equipment_family"]["sales_organization"]["code"] == "S"
    assert server.get("/api/SalesOrganization").json()["value"] == [one["equipment_family"]["sales_organization"]]
    family = server.get(f"/api/EquipmentFamily({one['equipment_family_id']})").json()
    server.request("PUT", f"/api/SalesOrganization({family['sales_organization_id']})", {"name": "renamed"})
    assert server.get(f"/api/Project({one['id']})").json()["equipment_family"]["sales_organization"]["name"] == "renamed"
    assert server.request("DELETE", f"/api/EquipmentFamily({family['id']})").status == 409
    # No node, no reference: the family goes free.
    assert "equipment_family" not in server.request("PUT", f"/api/Project({one['id']})", {"equipment_family_id": str(uuid.UUID(int=0))}).json()
    assert server.request("DELETE", f"/api/EquipmentFamily({family['id']})").status == 204


def test_75_a_change_shows_in_jobs_at_once(server):
    project = created(server, "Project", {"reference_back_office": "P", "name": "first"})
    job = created(server, "Jobs", {"name": "n", "project_id": project["id"], "job_type": {"code": "T", "name": "t"},
                                   "job_status_code": "Open"})
    for number in range(20):
        assert server.request("PATCH", f"/api/Project({project['id']})", {"name": f"name {number}"}).status == 200
        assert server.get(f"/api/Jobs({job['id']})").json()["project"]["name"] == f"name {number}"
    assert server.request("DELETE", f"/api/Project({project['id']})").status == 409
    assert server.request("DELETE", f"/api/JobType({job['job_type_id']})").status == 409
    assert server.request("DELETE", f"/api/Jobs({job['id']})").status == 204
    assert server.request("DELETE", f"/api/Project({project['id']})").status == 204


def all_pages(server, path):
    rows, pages = [], 0
    while path:
        answer = server.get(path)
        assert answer.status == 200, answer.body
        page = answer.json()
        assert list(page) == [k for k in ("@odata.context", "@odata.count", "value", "@odata.nextLink") if k in page]
        rows += page["value"]
        path = page.get("@odata.nextLink")
        pages += 1
    return rows, pages


def test_20_to_45_lists(server):
    names = [f"n{n % 7}" for n in range(250)]
    for number, name in enumerate(names):
        created(server, "Skill", {"code": f"S{number:03}", "name": name})
    path = "/api/Skill"
    rows, pages = all_pages(server, path)
    assert pages == 3 and [row["id"] for row in rows] == sorted(row["id"] for row in rows)
    assert {row["code"] for row in rows} == {f"S{n:03}" for n in range(250)}

    def query(**options):
        return f"{path}?" + urllib.parse.urlencode({f"${name}": value for name, value in options.items()})

    rows, pages = all_pages(server, query(orderby="name desc,code", select="code,name", count="true"))
    assert pages == 3 and rows == sorted(({"code": f"S{n:03}", "name": name} for n, name in enumerate(names)),
                                         key=lambda row: (-int(row["name"][1:]), row["code"]))
    first = server.get(query(orderby="name desc,code", select="code,name", count="true")).json()
    assert first["@odata.context"].endswith("#Skill(name,code)") and first["@odata.count"] == 250
    link = first["@odata.nextLink"]
    assert link.startswith(f"http://{server.http}/api/Skill?$orderby=name%20desc%2Ccode&$select=code%2Cname&$count=true&$skip=100&$skiptoken=")
    rows, pages = all_pages(server, query(top="150", filter="name ne 'n0'", orderby="code desc"))
    assert pages == 2 and [row["code"] for row in rows] == [f"S{n:03}" for n in range(249, -1, -1) if n % 7 != 0][:150]
    # Exactly full pages have no next one (23).
    assert "@odata.nextLink" not in server.get(query(filter="code lt 'S100'")).json()
    assert all_pages(server, query(skip="240", orderby="code"))[0][0]["code"] == "S240"
    assert server.get(query(top="0", count="true")).json() == {
        "@odata.context": f"http://{server.http}/api/$metadata#Skill", "@odata.count": 250, "value": []}
    assert server.get(query(filter="name eq 'none'")).json()["value"] == []
    assert server.get(f"{path}/$count?" + urllib.parse.urlencode({"$filter": "name eq 'n0'"})).body == b"36"
    token = urllib.parse.parse_qs(urllib.parse.urlsplit(link).query)["$skiptoken"][0]
    for bad in (query(skiptoken=token), query(skiptoken="x"), query(top="-1"), query(skip="x"), query(filter="nope eq 1"),
                query(orderby="nope"), query(select="nope"), query(expand="nope"), query(nope="1"), f"{path}/$count?$top=1"):
        assert server.get(bad).status == 400, bad
    for unbuilt in (query(search="x"), query(apply="x"), query(filter="geo.length(code) gt 1")):
        assert server.get(unbuilt).status == 501, unbuilt


def test_pages_are_as_small_as_preferred(server):
    """OData 4.0 part 1, 8.2.8.5."""
    for number in range(7):
        created(server, "Skill", {"code": f"S{number}", "name": "n"})
    url, sizes, codes = "/api/Skill?$orderby=code&$top=6", [], []
    while url:
        answer = server.request("GET", url, headers={"Prefer": "odata.maxpagesize=4"})
        assert answer.headers["Preference-Applied"] == "odata.maxpagesize=4"
        sizes.append(len(answer.json()["value"]))
        codes += [row["code"] for row in answer.json()["value"]]
        url = answer.json().get("@odata.nextLink")
    assert sizes == [4, 2] and codes == [f"S{number}" for number in range(6)]
    for ignored in ("odata.maxpagesize=0", "odata.maxpagesize=x", "odata.maxpagesize=101"):
        answer = server.request("GET", "/api/Skill", headers={"Prefer": ignored})
        assert len(answer.json()["value"]) == 7 and "Preference-Applied" not in answer.headers
    both = server.request("GET", "/api/Jobs", headers={"Prefer": "odata.track-changes,odata.maxpagesize=4"})
    assert both.headers["Preference-Applied"] == "odata.track-changes, odata.maxpagesize=4"
    for number in range(3):
        assert server.request("POST", "/api/Jobs", {"name": "job", "project": {"reference_back_office": "P"}, "job_type": {"code": "T"},
                                                    "job_status_code": "Open"}).status == 201
    delta = server.request("GET", both.json()["@odata.deltaLink"], headers={"Prefer": "odata.maxpagesize=2"})
    assert delta.headers["Preference-Applied"] == "odata.maxpagesize=2" and len(delta.json()["value"]) == 2
    assert "@odata.nextLink" in delta.json()


def test_44_expand_and_embed(server):
    created(server, "Skill", {"code": "K", "name": "n", "sales_organization": {"code": "S", "name": "s"}})
    assert server.get("/api/Skill").json()["value"][0]["sales_organization"]["name"] == "s"
    row = server.get("/api/Skill?$select=code&$expand=sales_organization").json()["value"][0]
    assert list(row) == ["code", "sales_organization"] and row["sales_organization"]["code"] == "S"
    assert "sales_organization" not in server.get("/api/Skill?$select=code,sales_organization_code").json()["value"][0]


def test_job_statuses_are_the_published_ones(server):
    rows, _ = all_pages(server, "/api/JobStatus")
    ids = {row["code"]: row["id"] for row in rows}
    assert len(ids) == 18
    # Of the contract (3.3).
    assert ids["Open"] == "8ba9da71-ef32-423a-bb50-ae767315f55c" and ids["Suggested"] == "143cf9cd-c3c1-406a-a19a-58d766d9dda9"
    for row in rows:
        assert list(row) == ["id", "code", "name", "modified_dateutc"]
        assert server.get(f"/api/JobStatus({row['id']})").json()["name"] == row["name"]
    for method, path in (("POST", "/api/JobStatus"), ("PUT", f"/api/JobStatus({rows[0]['id']})"),
                         ("DELETE", f"/api/JobStatus({rows[0]['id']})"), ("POST", "/api/JobPlanning")):
        answer = server.request(method, path, {} if method != "DELETE" else None)
        assert answer.status == 405 and answer.headers["Allow"] == "GET, HEAD"


def test_78_79_plannings(server):
    job = created(server, "Jobs", {
        "name": "n", "project": {"reference_back_office": "P"}, "job_type": {"code": "T", "name": "t"},
        "job_status_code": "Suggested", "suggested_user": {"code": "U"}, "suggested_date_start": "2026-03-04T05:06:07Z"})
    other = created(server, "Jobs", {"name": "n", "project_id": job["project_id"], "job_type_id": job["job_type_id"],
                                     "job_status_code": "Open", "suggested_user_id": job["suggested_user_id"]})
    planning, = server.get("/api/JobPlanning").json()["value"]
    assert list(planning) == ["id", "jobs_id", "user_id", "date_start", "date_create", "modified_dateutc"]
    assert planning["jobs_id"] == job["id"] and planning["user_id"] == job["suggested_user_id"]
    assert planning["date_start"] == "2026-03-04T05:06:07+00:00"
    one = server.get(f"/api/JobPlanning({planning['id']})").json()
    assert one == {"@odata.context": f"http://{server.http}/api/$metadata#JobPlanning/$entity", **planning}
    # No second one for the same; one for another start.
    server.request("PUT", f"/api/Jobs({job['id']})", {"job_status_code": "Suggested", "suggested_date_start": "2026-03-04T05:06:07Z"})
    assert server.get("/api/JobPlanning/$count").body == b"1"
    server.request("PUT", f"/api/Jobs({job['id']})", {"suggested_date_start": "2026-03-05T05:06:07Z"})
    starts = [row["date_start"] for row in server.get("/api/JobPlanning?$orderby=date_start%20desc&$top=1").json()["value"]]
    assert starts == ["2026-03-05T05:06:07+00:00"]
    of_job = "/api/JobPlanning/$count?$filter=jobs_id%20eq%20"
    assert server.get(of_job + job["id"]).body == b"2" and server.get(of_job + other["id"]).body == b"0"
    assert server.request("DELETE", f"/api/User({job['suggested_user_id']})").status == 409


def test_89_a_jobs_own_visits_do_not_guard_it(server):
    """Contract 3.4 guards a job that something refers to. Its visits are its own: its writes make them, nobody else can remove them."""
    job = created(server, "Jobs", {
        "name": "n", "project": {"reference_back_office": "P"}, "job_type": {"code": "T", "name": "t"},
        "job_status_code": "Suggested", "suggested_user": {"code": "U"}, "suggested_date_start": "2026-03-04T05:06:07Z"})
    planning, = server.get("/api/JobPlanning").json()["value"]
    assert server.request("DELETE", f"/api/JobPlanning({planning['id']})").status == 405
    assert server.request("DELETE", f"/api/Jobs({job['id']})").status == 204
    assert server.get(f"/api/JobPlanning({planning['id']})").status == 404
    assert server.get("/api/JobPlanning/$count").body == b"0"
    assert server.request("DELETE", f"/api/User({job['suggested_user_id']})").status == 204


def test_a_user_is_guarded_and_a_default_priority_is_taken(server):
    priority = created(server, "JobPriority", {"code": "D", "name": "d", "is_default": True})
    job = created(server, "Jobs", {"name": "n", "project": {"reference_back_office": "P"}, "job_type": {"code": "T", "name": "t"},
                                   "job_status_code": "Open"})
    assert job["job_priority_id"] == priority["id"]
    assert server.request("PUT", f"/api/JobPriority({priority['id']})", {"is_default": False}).json()["is_default"] is False
    assert json.loads(server.get(f"/api/Jobs({job['id']})").body)["job_priority"]["is_default"] is False


def test_92_94_tenants_do_not_see_each_other(tmp_path):
    store = f"sqlite:{tmp_path}/jobgate.db"
    callers = {}
    for name, domain in (("ada", "north"), ("bob", "south")):
        run("user", "add", f"{name}@{domain}", "--store", store, "--password-file", "-", stdin=b"secret\n")
        callers[name] = {"Authorization": "Basic " + base64.b64encode(f"{name}:secret@{domain}".encode()).decode()}
    ada, bob = callers["ada"], callers["bob"]
    server = Server(tmp_path, "--auth", "on", store=store)
    try:
        body = {"code": "K", "name": "n"}
        one = server.request("POST", "/api/JobType", body, ada).json()
        server.request("POST", "/api/JobType", {"code": "L", "name": "m"}, ada)
        path = f"/api/JobType({one['id']})"
        assert server.request("GET", path).status == server.request("GET", "/api/JobType").status == 401
        for method, content in (("GET", None), ("PUT", {}), ("DELETE", None)):
            assert server.request(method, path, content, bob).status == 404
        assert server.request("GET", "/api/JobType?$count=true", headers=bob).json()["@odata.count"] == 0
        first = server.request("GET", "/api/JobType?$orderby=name&$top=2", headers=ada).json()
        assert [row["code"] for row in first["value"]] == ["L", "K"]
        assert server.request("POST", "/api/JobType", body, bob).status == 201
    finally:
        server.stop()
