"""$filter, $orderby, $count, $select and $expand over REST, and the same filters over gRPC. Statement numbers are in the names."""

import json
import urllib.parse

import grpc
import pytest

from conftest import Server, run, sample
from jobgate.v1 import job_service_pb2 as api, job_service_pb2_grpc

JOBS = 300


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """A server with generated jobs, and the jobs as it shows them."""
    folder = tmp_path_factory.mktemp("query")
    store = f"sqlite:{folder}/jobgate.db"
    jobs = [json.loads(line) for line in sample(JOBS, seed=3).splitlines()]
    jobs[6]["reference_back_office"] = "O'Brien"
    run("import", "--store", store, "-", stdin="\n".join(map(json.dumps, jobs)).encode())
    server = Server(folder, store=store)
    yield server, [json.loads(line) for line in run("export", "--store", store).stdout.splitlines()]
    server.stop()


def follow(server, **options):
    """All rows of a query, by its nextLinks."""
    path = "/api/Jobs?" + urllib.parse.urlencode({"$" + name: value for name, value in options.items()})
    rows = []
    while path:
        answer = server.get(path)
        assert answer.status == 200, answer.body
        rows += answer.json()["value"]
        path = answer.json().get("@odata.nextLink")
    return rows


def ids(rows):
    return [row["id"] for row in rows]


CASES = [
    ("modified_dateutc gt '2024-01-01T00:02:00.000Z'", lambda j: j["modified_dateutc"] > "2024-01-01T00:02:00+00:00"),
    ("modified_dateutc gt 2024-01-01T00:02:00.000Z", lambda j: j["modified_dateutc"] > "2024-01-01T00:02:00+00:00"),
    ("modified_dateutc gt 2024-01-01T02:02:00+02:00", lambda j: j["modified_dateutc"] > "2024-01-01T00:02:00+00:00"),
    ("job_status_code eq 'Open' and id2 lt 100", lambda j: j["job_status_code"] == "Open" and j["id2"] < 100),
    ("id2 le 5 or id2 gt 295 and estimated_time ge 0", lambda j: j["id2"] <= 5 or j["id2"] > 295 and j["estimated_time"] >= 0),
    ("not (id2 ne 7)", lambda j: j["id2"] == 7),
    ("contains(name,'boiler')", lambda j: "boiler" in j["name"]),
    ("startswith(tolower(name),'repair')", lambda j: j["name"].lower().startswith("repair")),
    ("length(name) gt 20", lambda j: len(j["name"].encode("utf-16-le")) // 2 > 20),
    ("project/is_mobile_installation", lambda j: j["project"]["is_mobile_installation"]),
    ("project/equipment_model/equipment_brand/code eq 'EB-000003'",
     lambda j: j["project"]["equipment_model"]["equipment_brand"]["code"] == "EB-000003"),
    ("project/equipment_model/translations/any(t:t/language_code eq 'fr')",
     lambda j: any(t["language_code"] == "fr" for t in j["project"]["equipment_model"]["translations"])),
    ("skill/code eq null", lambda j: "skill" not in j),
    ("id2 mod 7 eq 0", lambda j: j["id2"] % 7 == 0),
    ("year(modified_dateutc) eq 2024 and id2 eq 3", lambda j: j["id2"] == 3),
    ("reference_back_office eq 'O''Brien'", lambda j: j["reference_back_office"] == "O'Brien"),
]


@pytest.mark.parametrize("text, wanted", CASES, ids=[text for text, _ in CASES])
def test_31_to_39_filters_on_both_doors(data, text, wanted):
    server, jobs = data
    expected = [job["id"] for job in jobs if wanted(job)]
    assert 0 < len(expected) < JOBS  # else a filter that takes everything, or nothing, would pass
    assert ids(follow(server, filter=text)) == expected
    with server.channel() as channel:
        stub = job_service_pb2_grpc.JobServiceStub(channel)
        found, token = [], ""
        while True:
            page = stub.ListJobs(api.ListJobsRequest(filter=text, page_token=token, page_size=40, count=True))
            assert page.total_size == len(expected)
            found += [job.id for job in page.jobs]
            token = page.next_page_token
            if not token:
                break
    assert found == expected


def test_39_guids_bare_and_quoted_in_any_case(data):
    server, jobs = data
    one = jobs[5]["id"]
    for literal in (one, one.upper(), f"'{one}'"):
        assert ids(follow(server, filter=f"id eq {literal}")) == [one]


def test_a_pages_ids_are_looked_up_at_once(data):
    """More ids than an expression has nodes, in one list, on every door."""
    server, jobs = data
    some = ids(jobs)[::2]
    wanted = sorted(some)
    assert len(some) == JOBS / 2
    text = f"id in ({','.join(reversed(some))})"
    assert ids(follow(server, filter=text)) == wanted
    assert server.get("/api/Jobs/$count?" + urllib.parse.urlencode({"$filter": f"not {text}"})).body == b"%d" % (JOBS / 2)
    codes = sorted({job["project"]["reference_back_office"] for job in jobs})[1:]
    listed = ",".join(f"'{code}'" for code in codes)
    expected = [job["id"] for job in jobs if job["project"]["reference_back_office"] in codes]
    assert 0 < len(expected) < JOBS
    assert ids(follow(server, filter=f"project_reference_back_office in ({listed}) and id2 ge 0")) == expected
    # A stream's snapshot goes through the same filter.
    with server.channel() as channel:
        stub = job_service_pb2_grpc.JobServiceStub(channel)
        request = api.WatchJobsRequest(filter=text)
        request.snapshot.SetInParent()
        stream, found = stub.WatchJobs(request, timeout=60), []
        for message in stream:
            found += [job.id for job in message.snapshot.jobs]
            if message.HasField("synced"):
                break
        stream.cancel()
    assert sorted(found) == wanted
    refused = server.get("/api/Jobs?" + urllib.parse.urlencode({"$filter": f"id2 in ({','.join('1' * 1001)})"}))
    assert refused.status == 400 and "more than 1000 literals" in refused.json()["error"]["message"]


def test_40_several_keys_with_id_last(data):
    server, jobs = data
    rows = follow(server, orderby="job_status_code desc,estimated_time")
    by_id = sorted(jobs, key=lambda j: j["id"])
    expected = sorted(sorted(by_id, key=lambda j: j["estimated_time"]), key=lambda j: j["job_status_code"].encode(),
                      reverse=True)
    assert [(r["job_status_code"], r["estimated_time"]) for r in rows] == \
        [(r["job_status_code"], r["estimated_time"]) for r in expected]
    assert len(set(ids(rows))) == JOBS
    # Long texts are beyond what a token holds: the pages are counted, and still each row comes once.
    assert sorted(ids(follow(server, orderby="description desc"))) == sorted(ids(jobs))


def test_24_links_carry_the_options(data):
    server, _ = data
    link = server.get("/api/Jobs?$filter=id2%20gt%2010&$orderby=id2%20desc&$count=true&custom=a%26b").json()["@odata.nextLink"]
    query = urllib.parse.parse_qs(urllib.parse.urlsplit(link).query)
    assert query["$filter"] == ["id2 gt 10"] and query["$orderby"] == ["id2 desc"]
    assert query["$count"] == ["true"] and query["custom"] == ["a&b"] and query["$skip"] == ["100"]


def test_45_count_ignores_top_and_skip(data):
    server, _ = data
    answer = server.get("/api/Jobs?$filter=id2%20le%2050&$count=true&$top=3&$skip=10").json()
    assert list(answer)[:3] == ["@odata.context", "@odata.count", "value"]
    assert answer["@odata.count"] == 50 and len(answer["value"]) == 3


def test_aliases_stand_for_expressions(data):
    server, _ = data
    answer = server.get("/api/Jobs?$filter=id2%20eq%20@p&@p=17").json()
    assert [job["id2"] for job in answer["value"]] == [17]


@pytest.mark.parametrize("options, status, word", [
    ("$filter=name%20eq%20'x'%20AND%20id2%20eq%201", 400, "$filter"), ("$filter=nope%20eq%201", 400, "nope"),
    ("$filter=project/nope%20eq%201", 400, "nope"), ("$orderby=nope", 400, "nope"), ("$filter=(", 400, "$filter"),
    ("$filter=" + "(" * 5000, 400, "$filter"), ("$filter=name%20eq%201", 400, "$filter"),
    ("$filter=geo.length(name)%20eq%201", 501, "geo.length"), ("$count=maybe", 400, "$count"),
    ("$filter=", 400, "$filter is empty: give it a value, or leave it out"), ("$select=", 400, "$select is empty"),
    ("$filter=name", 400, "$filter: a filter needs a condition, not a string, at position 1"),
    ("$filter=name/foo%20eq%201", 400, "$filter: 'name' is a value without members, '/foo' cannot follow it, at position 6"),
    ("$orderby=cast(name)", 501, "$orderby: the function 'cast' is not implemented at position 1")])
def test_33_41_42_43_refusals(data, options, status, word):
    answer = data[0].get("/api/Jobs?" + options)
    assert answer.status == status, answer.body
    assert word in answer.json()["error"]["message"]


def test_a_token_of_another_filter_is_refused(data):
    server, _ = data
    link = server.get("/api/Jobs?$filter=id2%20gt%2010").json()["@odata.nextLink"]
    assert server.get(link).status == 200
    assert server.get(link.replace("gt%2010", "gt%2011").replace("gt+10", "gt+11")).status == 400
    with server.channel() as channel, pytest.raises(grpc.RpcError) as error:
        job_service_pb2_grpc.JobServiceStub(channel).ListJobs(api.ListJobsRequest(filter="nope eq 1"))
    assert error.value.code() == grpc.StatusCode.INVALID_ARGUMENT


def test_44_select_cuts_lists_and_single_jobs(data):
    server, jobs = data
    rows = follow(server, select="name,id", orderby="id2")
    by_id2 = sorted(jobs, key=lambda j: (j["id2"], j["id"]))
    assert rows == [{"id": j["id"], "name": j["name"]} for j in by_id2]
    assert all(list(row) == ["id", "name"] for row in rows)
    page = server.get("/api/Jobs?$select=name,id").json()
    assert page["@odata.context"].endswith("/api/$metadata#Jobs(id,name)")
    query = urllib.parse.parse_qs(urllib.parse.urlsplit(page["@odata.nextLink"]).query)
    assert query["$select"] == ["name,id"]  # 24
    one = jobs[5]
    answer = server.get(f"/api/Jobs({one['id']})?$select=project,job_type_code,name").json()
    assert answer.pop("@odata.context").endswith("/api/$metadata#Jobs(project,job_type_code,name)/$entity")
    assert answer == {"project": one["project"], "job_type_code": one["job_type_code"], "name": one["name"]}


@pytest.mark.parametrize("options, status, word", [
    ("$select=foo", 400, "Could not find a property named 'foo' on type 'jobs'."), ("$select=Name", 400, "'Name'"),
    ("$select=id,", 400, "$select"), ("$expand=nope", 400, "'nope'"), ("$expand=name", 400, "name")])
def test_41_bad_selections_name_the_member(data, options, status, word):
    answer = data[0].get("/api/Jobs?" + options)
    assert answer.status == status, answer.body
    assert word in answer.json()["error"]["message"]


def test_expand_changes_nothing_where_all_is_embedded(data):
    server, jobs = data
    path = f"/api/Jobs({jobs[7]['id']})"
    assert server.get(path + "?$expand=project,skill").json() == server.get(path).json()
    rows = follow(server, select="id", expand="project")
    assert rows == [{"id": j["id"], "project": j["project"]} for j in jobs]


def test_count_alone_is_a_bare_number(data):
    server, jobs = data
    answer = server.get("/api/Jobs/$count")
    assert answer.body == str(len(jobs)).encode() and answer.headers["Content-Type"].startswith("text/plain")
    assert server.get("/api/Jobs/$count?$filter=id2%20le%2050").body == b"50"
    assert server.get("/api/Jobs/$count?$filter=nope%20eq%201").status == 400
    assert server.get("/api/Jobs/$count?$top=1").status == 400


def test_82_change_to_virtual_status(data, tmp_path):
    _, jobs = data
    virtual = "11111111-2222-4333-8444-555555555555"
    store = f"sqlite:{tmp_path}/jobgate.db"
    run("import", "--store", store, "-", stdin="".join(json.dumps(job) + "\n" for job in jobs[:60]).encode())
    server = Server(tmp_path, "--virtual-statuses", f"Billed|Billed|{virtual}", store=store)
    path = "/api/Jobs/ChangeToVirtualStatus"
    done = next(job for job in jobs[:60] if job["job_status_code"] == "Completed")
    other = next(job for job in jobs[:60] if job["job_status_code"] == "Open")
    try:
        for body, status, word in [({"target_job_status_code": "Billed"}, 400, "jobs_id"),
                                   ({"jobs_id": done["id"]}, 400, "target_job_status"),
                                   ({"jobs_id": other["id"], "target_job_status_code": "Billed"}, 409, ""),
                                   ({"jobs_id": done["id"], "target_job_status_code": "Nope"}, 422, "")]:
            answer = server.request("PUT", path, body)
            assert answer.status == status and word in answer.json()["error"]["message"], answer.body
        answer = server.request("PUT", path, {"jobs_id": done["id"], "target_job_status_id": virtual})
        assert answer.status == 200, answer.body
        assert answer.json()["id"] == done["id"] and answer.json()["job_status_id"] == virtual
        assert server.get(path).status == 405
    finally:
        server.stop()
