"""Statements of the legacy contract over HTTP; the number of each is in the test's name or docstring."""

import json
import re
import subprocess

import pytest
import socket

from conftest import CONTRACT, SAMPLE_ID, WAIT_SECONDS, run, sample

HEAD = b'{"@odata.context":"http://'


def compact(path):
    """The sample as compact text: member order and literal values kept, white space outside strings dropped."""
    text = path.read_text()
    return re.sub(r'("(?:[^"\\]|\\.)*")|\s+', lambda m: m.group(1) or "", text).encode()


def test_7_sample_reads_back_literally(loaded):
    answer = loaded.get(f"/api/Jobs({SAMPLE_ID})")
    assert answer.status == 200
    assert answer.body.startswith(HEAD)
    context, rest = answer.body.split(b",", 1)
    assert context.endswith(b'/api/$metadata#Jobs/$entity"')  # 21
    assert b"{" + rest == compact(CONTRACT / "jobs.sample.consistent.json")  # 1, 2, 4, 5, 6, 8, 9, 11, 13, 15


def test_7_raw_sample_imports_with_warnings(tmp_path):
    store = f"sqlite:{tmp_path}/raw.db"
    result = run("import", "--store", store, str(CONTRACT / "jobs.sample.json"))
    summary = result.stderr.decode()
    assert re.search(r"imported 1 jobs: 1 created", summary), summary
    warnings = int(re.search(r"(\d+) warnings", summary).group(1))
    assert warnings >= 6  # each x_id of the job's own relations differs from its node's id
    exported = json.loads(run("export", "--store", store).stdout)
    raw = json.loads((CONTRACT / "jobs.sample.json").read_text())
    assert exported["project"]["id"] == raw["project"]["id"]
    assert exported["project_id"] == raw["project"]["id"]


def test_16_never_null(loaded):
    for job in loaded.get("/api/Jobs").json()["value"]:
        assert b"null" not in json.dumps(job).encode().replace(b'"null"', b"")
    created = loaded.get(f"/api/Jobs({SAMPLE_ID})").json()
    assert None not in created.values()


def test_20_to_23_envelope_and_pages(loaded):
    first = loaded.get("/api/Jobs")
    assert list(first.json()) == ["@odata.context", "value", "@odata.nextLink"]  # 20
    assert first.json()["@odata.context"] == f"http://{loaded.http}/api/$metadata#Jobs"  # 21
    assert len(first.json()["value"]) == 100  # 23
    assert first.headers["Content-Type"] == "application/json; odata.metadata=minimal; charset=utf-8"
    assert first.headers["OData-Version"] == "4.0"  # 90
    empty = loaded.get("/api/Jobs?$skip=100000")
    assert empty.status == 200 and empty.json()["value"] == []  # 22
    assert "@odata.nextLink" not in empty.json()


def follow(server, path):
    pages = []
    while path:
        answer = server.get(path)
        assert answer.status == 200, answer.body
        pages.append(answer.json())
        path = pages[-1].get("@odata.nextLink")
    return pages


def test_25_next_link_visits_every_row_once(loaded):
    pages = follow(loaded, "/api/Jobs")
    ids = [job["id"] for page in pages for job in page["value"]]
    assert len(ids) == 251 and len(set(ids)) == 251
    assert ids == sorted(ids)
    assert [len(page["value"]) for page in pages] == [100, 100, 51]
    assert "$skip=100" in pages[0]["@odata.nextLink"] and "$skip=200" in pages[1]["@odata.nextLink"]
    by_hand = loaded.get("/api/Jobs?$skip=100").json()["value"]
    assert [job["id"] for job in by_hand] == ids[100:200]


@pytest.mark.parametrize("top, sizes", [(5, [5]), (250, [100, 100, 50]), (100, [100]), (0, [0]), (251, [100, 100, 51]),
                                        (1000, [100, 100, 51])])
def test_26_27_top(loaded, top, sizes):
    pages = follow(loaded, f"/api/Jobs?$top={top}")
    assert [len(page["value"]) for page in pages] == sizes
    if top == 250:
        assert "$top=150" in pages[0]["@odata.nextLink"]


@pytest.mark.parametrize("query, word", [("$top=-1", "$top"), ("$skip=x", "$skip"), ("$skip=-1", "$skip"),
                                         ("$Top=1", "$Top"), ("$nope=1", "$nope")])
def test_28_47_bad_options(loaded, query, word):
    answer = loaded.get(f"/api/Jobs?{query}")
    assert answer.status == 400
    assert word in answer.json()["error"]["message"]  # 97
    assert answer.headers["OData-Version"] == "4.0"


@pytest.mark.parametrize("option", ["$expand=project($levels=2)", "$select=project($select=id)", "$search=x", "$apply=aggregate(id)", "$compute=1"])
def test_options_that_are_not_built_are_501(loaded, option):
    answer = loaded.get("/api/Jobs?" + option.replace(" ", "%20"))
    assert answer.status == 501
    assert option.split("=")[0] in answer.json()["error"]["message"]


def test_29_links_use_the_requests_host(loaded):
    answer = loaded.get("/api/Jobs?$top=101", Host="jobs.example.com")
    assert answer.json()["@odata.context"].startswith("http://jobs.example.com/api/")
    assert answer.json()["@odata.nextLink"].startswith("http://jobs.example.com/api/Jobs?")


def test_48_49_single(loaded):
    for path in (f"/api/Jobs({SAMPLE_ID.upper()})", f"/api/jobs({SAMPLE_ID})", f"/API/Jobs%28{SAMPLE_ID}%29"):
        assert loaded.get(path).json()["id"] == SAMPLE_ID
    for path in ("/api/Jobs(00000000-0000-0000-0000-000000000001)", "/api/Jobs(nonsense)", "/api/Nope"):
        answer = loaded.get(path)
        assert answer.status == 404
        assert set(answer.json()["error"]) >= {"code", "message"}
        assert answer.headers["Content-Type"].startswith("application/json")


@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE"])
@pytest.mark.parametrize("resource", ["Jobs(%s)", "Project(%s)"])
def test_49_nothing_has_the_zero_guid(server, method, resource):
    """What an `x_id` that is not set leads to is an unknown key."""
    given = {"name": "x"} if method in ("PUT", "PATCH") else None
    answer = server.request(method, "/api/" + resource % "00000000-0000-0000-0000-000000000000", given)
    assert answer.status == 404 and "key" in answer.json()["error"]["message"], answer.body


def test_50_405_with_allow(loaded):
    answer = loaded.request("POST", f"/api/Jobs({SAMPLE_ID})", {"name": "x"})
    assert answer.status == 405 and "PUT" in answer.headers["Allow"]
    answer = loaded.request("DELETE", "/api/Jobs")
    assert answer.status == 405 and "POST" in answer.headers["Allow"]


def raw(server, request):
    """The answer's status line, fields and body to bytes that clients' libraries would not send."""
    with socket.create_connection(server.http.split(":"), 30) as client:
        client.sendall(request)
        client.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: client.recv(65536), b"")).decode()


def test_other_methods(server):
    """RFC 9110, 9.1: a method that nobody knows is a 501; 9.3.7: OPTIONS asks what a resource is for."""
    for method, path, allow in (("OPTIONS", "/api/Jobs", "GET, HEAD, POST"), ("OPTIONS", "/Help", "GET, HEAD")):
        answer = server.request(method, path)
        assert (answer.status, answer.headers["Allow"], answer.body) == (204, allow, b""), answer.headers
    assert server.request("OPTIONS", "/api/Nothing").status == 404
    assert " 204 " in raw(server, b"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n")
    unknown = raw(server, b"FOO /api/Jobs HTTP/1.1\r\nHost: a\r\n\r\n")
    assert unknown.startswith("HTTP/1.1 501 ") and '{"error":{"code":"","message":"the method is unknown"}}' in unknown


def test_raw_utf_8_in_a_url_is_told_how_to_come(server):
    """RFC 3986 has ASCII alone in a URL; curl sends what it is given."""
    path = "/api/Jobs?$filter=contains(name,'é')"
    answer = raw(server, f"GET {path} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
    assert answer.startswith("HTTP/1.1 400 ") and "percent-encode the UTF-8" in answer, answer
    assert server.get(path.replace("é", "%C3%A9")).status == 200


def job_body(**members):
    return {"name": "Repair", "project": {"reference_back_office": "P-1", "name": "Site"},
            "job_type": {"code": "JT", "name": "Type"}, "job_status_code": "Open", **members}


def test_51_52_89_post_put_delete(server):
    created = server.request("POST", "/api/Jobs", job_body())
    assert created.status == 201, created.body
    job = created.json()
    assert created.headers["Location"] == f"http://{server.http}/api/Jobs({job['id']})"
    assert job["project_id"] == job["project"]["id"]
    minimal = server.request("POST", "/api/Jobs", job_body(), {"prefer": "Return=Minimal"})
    assert minimal.status == 201 and set(minimal.json()) == {"@odata.context", "id"}
    assert minimal.headers["Preference-Applied"] == "return=minimal"
    second = server.get(f"/api/Jobs({minimal.json()['id']})").json()
    assert second["project_id"] == job["project_id"]  # reused, not made again
    changed = server.request("PUT", f"/api/Jobs({job['id']})", {"description": "changed"})
    assert changed.status == 200 and changed.json()["description"] == "changed"
    assert changed.json()["name"] == "Repair"  # 85
    assert changed.json()["modified_dateutc"] > job["modified_dateutc"]  # 87
    gone = server.request("DELETE", f"/api/Jobs({job['id']})")
    assert gone.status == 204 and gone.body == b""
    assert server.get(f"/api/Jobs({job['id']})").status == 404
    assert server.request("DELETE", f"/api/Jobs({job['id']})").status == 404
    assert server.request("PUT", f"/api/Jobs({job['id']})", {"name": "x"}).status == 404  # 88


@pytest.mark.parametrize("body, status, word", [
    (b"{", 400, "JSON"), (b"", 400, ""), (b"[]", 400, "object"), (b'{"name":{}}', 400, "name"),
    (b'{"name":"x","project_id":"nonsense"}', 400, "project_id"), (b'{"name":"x","due_date":"never"}', 400, "due_date"),
    (b'{"name":"' + b"x" * 256 + b'"}', 400, "name"), (b"\xff", 400, "")])
def test_63_bad_bodies_name_the_member(server, body, status, word):
    answer = server.request("POST", "/api/Jobs", body)
    assert answer.status == status
    assert word in answer.json()["error"]["message"]
    assert server.get("/api/Jobs").json()["value"] == []


def test_a_byte_order_mark_is_no_error(server):
    """.NET writers put one in front of UTF-8, and ASP.NET readers passed over it."""
    mark = "\ufeff".encode()
    made = server.request("POST", "/api/Jobs", mark + json.dumps(job_body()).encode())
    assert made.status == 201, made.body
    changed = server.request("PUT", f"/api/Jobs({made.json()['id']})", mark + b'{"name":"marked"}')
    assert changed.status == 200 and changed.json()["name"] == "marked"
    assert server.request("POST", "/api/JobType", mark + b'{"name":"marked"}').status == 201


def test_negotiation(loaded):
    assert loaded.get("/api/Jobs", Accept="application/xml").status == 406
    assert loaded.get("/api/Jobs?$top=1", Accept="text/json").headers["Content-Type"].startswith("text/json")
    assert loaded.get("/api/Jobs?$top=1", Accept="*/*").status == 200
    answer = loaded.request("POST", "/api/Jobs", b"<a/>", {"Content-Type": "application/xml"})
    assert answer.status == 415
    too_large = loaded.request("POST", "/api/Jobs", b'{"name":"' + b"x" * (1 << 20) + b'"}')
    assert too_large.status == 413
    assert loaded.get("/api/Jobs", Cookie="x" * 20000).status == 431
    assert loaded.get("/api/Jobs", **{"OData-MaxVersion": "3.0"}).status == 400  # 91
    assert loaded.get("/api/Jobs?$top=1", **{"OData-MaxVersion": "4.0", "X-Api-Version": "1"}).status == 200
    net = {"OData-Version": "4.0;NetFx", "OData-MaxVersion": "4.0;NetFx", "Accept": "application/json;odata.metadata=minimal"}
    assert loaded.get("/api/Jobs?$top=1", **net).status == 200
    assert loaded.get("/api/Jobs?$top=1", Accept="application/xml").status == 406
    assert loaded.get("/api/Jobs?$top=1&$format=json", Accept="application/atom+xml,application/xml").status == 200
    assert loaded.get("/api/Jobs?$top=1&$format=text/json").headers["Content-Type"].startswith("text/json;")
    assert loaded.get("/api/$metadata?$format=xml").headers["Content-Type"].startswith("application/xml;")
    assert loaded.get("/api/Jobs/$count?$format=text/plain").status == 200
    for path in ("/api/Jobs?$format=application/xml", "/api/Jobs?$format=atom", "/api/$metadata?$format=json", "/api/Jobs/$count?$format=json"):
        answer = loaded.get(path)
        assert answer.status == 406 and "$format must be" in answer.json()["error"]["message"], path


def test_head_has_no_body(loaded):
    get = loaded.get(f"/api/Jobs({SAMPLE_ID})")
    head = loaded.request("HEAD", f"/api/Jobs({SAMPLE_ID})")
    assert head.status == 200 and head.body == b""
    assert int(head.headers["Content-Length"]) == len(get.body)


def test_curl_keeps_the_connection_and_sends_chunks(loaded, tmp_path):
    """curl, two requests on one connection; then a chunked body."""
    url = f"http://{loaded.http}/api/Jobs({SAMPLE_ID})"
    result = subprocess.run(["curl", "-sv", "-o", "/dev/null", url, "-o", "/dev/null", url], capture_output=True,
                            timeout=WAIT_SECONDS)
    assert result.returncode == 0
    assert b"Re-using existing connection" in result.stderr
    result = subprocess.run(["curl", "-s", "-X", "POST", "-H", "Transfer-Encoding: chunked", "-H",
                             "Content-Type: application/json", "-d", "{\"name\":\"\"}",
                             f"http://{loaded.http}/api/Jobs"], capture_output=True, timeout=WAIT_SECONDS)
    assert b"name" in result.stdout and b"error" in result.stdout


def test_export_then_import_changes_nothing(tmp_path):
    store = f"sqlite:{tmp_path}/a.db"
    run("import", "--store", store, "-", stdin=sample(300, seed=7))
    first = run("export", "--store", store).stdout
    again = run("import", "--store", store, "-", stdin=first).stderr.decode()
    assert "300 unchanged" in again and "0 created, 0 updated" in again, again
    assert run("export", "--store", store).stdout == first
    other = f"sqlite:{tmp_path}/b.db"
    run("import", "--store", other, "-", stdin=first)
    assert run("export", "--store", other).stdout == first
    assert first == sample_sorted(300, 7)


def sample_sorted(jobs, seed):
    """The generator's text in the order of export."""
    lines = sample(jobs, seed).splitlines(keepends=True)
    return b"".join(sorted(lines, key=lambda line: json.loads(line)["id"]))
