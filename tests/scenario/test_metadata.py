"""What the REST API says about itself (96), held against the contract's help page; and codings both ways (95)."""

import gzip
import html.parser
import json
import re
import urllib.request
import xml.etree.ElementTree as tree
import zlib

import pytest

from conftest import SAMPLE_ID

EDM = "{http://docs.oasis-open.org/odata/ns/edm}"
TYPES = {
    "globally unique identifier": "Edm.Guid",
    "string": "Edm.String",
    "integer": "Edm.Int32",
    "boolean": "Edm.Boolean",
    "date": "Edm.DateTimeOffset",
    "decimal number": "Edm.Decimal",
}
# The entity sets and their types, in the order of the documents.
SETS = {"Jobs": "jobs", "Project": "project", "EquipmentFamily": "equipment_family", "EquipmentModel": "equipment_model",
        "EquipmentBrand": "equipment_brand", "ProjectStatus": "project_status", "JobType": "job_type",
        "JobPriority": "job_priority", "User": "user", "Skill": "skill", "SalesOrganization": "sales_organization",
        "JobStatus": "job_status", "JobPlanning": "job_planning"}
READ_ONLY = ("JobStatus", "JobPlanning")
GUID = re.compile(r'"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"')


class Page(html.parser.HTMLParser):
    """The text of a page's main part: headings and paragraphs, table rows, samples."""

    def __init__(self, text):
        super().__init__()
        self.lines, self.rows, self.samples, self.ids = [], [], [], []
        self.text, self.inside = "", False
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        if tag == "main":
            self.inside = True
        if tag == "tr" and self.inside:
            self.rows.append([])
            self.ids += [value for name, value in attributes if name == "id"]
        if tag in ("p", "h2", "h3", "h4", "caption", "th", "td", "pre"):
            self.text = ""

    def handle_data(self, data):
        self.text += data

    def handle_endtag(self, tag):
        if tag == "main":
            self.inside = False
        if not self.inside:
            return
        if tag in ("p", "h2", "h3", "h4", "caption"):
            self.lines.append(self.text)
        elif tag in ("th", "td"):
            self.rows[-1].append(self.text)
        elif tag == "pre":
            self.samples.append(self.text)


@pytest.fixture(scope="module")
def page(contract_page):
    """The contract's page: its lines around the table, the rows of the table, its sample's lines."""
    head, rest = contract_page.split("jobs| Name ", 1)
    table, rest = rest.split("Response Formats\n", 1)
    formats, sample = rest.split("\n", 1)
    cells = [" ".join(cell.split()) for cell in table.split("|---|---|---|---|\n", 1)[1].split("|")]
    cells += [""] * (-len(cells) % 5)
    rows = [cells[i + 1:i + 5] for i in range(0, len(cells), 5)]
    assert len(rows) == 58
    return head.splitlines() + ["jobs", "Response Formats", formats], rows, sample.splitlines()


def pattern(lines):
    """The lines without indentation, each GUID by the place of its first occurrence: two texts with one pattern differ in
    GUIDs alone, and repeat them at the same places."""
    seen = {}
    return [GUID.sub(lambda m: f"<{seen.setdefault(m.group(), len(seen))}>", line.strip()) for line in lines]


def test_help_page_is_the_contracts(loaded, page):
    answer = loaded.get("/Help/Api/GET-api-Jobs")
    assert answer.status == 200 and answer.headers["Content-Type"] == "text/html; charset=utf-8"
    shown = Page(answer.body.decode())
    lines, rows, sample = page
    assert shown.lines == lines
    assert shown.rows[0] == ["Name", "Description", "Type", "Additional information"]
    assert shown.rows[1:] == rows
    assert shown.ids == [row[0] for row in rows]
    assert len(shown.samples) == 1
    assert pattern(shown.samples[0].splitlines()) == pattern(sample)
    json.loads(shown.samples[0])


def test_help_index_leads_everywhere(loaded):
    answer = loaded.get("/Help")
    links = re.findall(r'href="([^"]+)"', answer.body.decode())
    for name in SETS:
        for route in ("GET-api-{}", "GET-api-{}(id)", "GET-api-{}-$count", "POST-api-{}", "PUT-api-{}(id)", "DELETE-api-{}(id)"):
            assert (f"/Help/Api/{route.format(name)}" in links) == (name not in READ_ONLY or route.startswith("GET"))
    assert {"/Help/Api/PUT-api-Jobs-ChangeToVirtualStatus", "/Help/Api/GET-api-Jobs-$changes"} <= set(links)
    for link in links:
        linked = loaded.get(link)
        assert linked.status == 200, link
        if linked.headers["Content-Type"].startswith("text/html"):
            shown = Page(linked.body.decode())
            assert len(set(shown.ids)) == len(shown.ids)
            links += [l for l in re.findall(r'href="([^"]+)"', linked.body.decode()) if l not in links]


def test_96_metadata_names_every_property(loaded, page):
    answer = loaded.get("/api/$metadata")
    assert answer.status == 200
    assert answer.headers["Content-Type"].startswith("application/xml")
    assert answer.headers["OData-Version"] == "4.0"
    schema = tree.fromstring(answer.body).find(f".//{EDM}Schema")
    namespace = schema.get("Namespace")
    types = {e.get("Name"): e for e in schema if e.tag in (EDM + "EntityType", EDM + "ComplexType")}
    jobs = types["jobs"]
    assert jobs.find(f"{EDM}Key/{EDM}PropertyRef").get("Name") == "id"
    members = {e.get("Name"): e for e in jobs if e.get("Name")}
    assert list(members) == [row[0] for row in page[1]]
    for name, _, kind, rules in page[1]:
        length = re.search(r"Max length: (\d+)", rules)
        assert members[name].get("Type") == TYPES.get(kind, f"{namespace}.{kind}"), name
        assert members[name].get("MaxLength") == (length.group(1) if length else None), name
    check_types(loaded.get(f"/api/Jobs({SAMPLE_ID})").json(), "jobs", types, namespace)
    sets = {e.get("Name"): e.get("EntityType") for e in schema.iter(EDM + "EntitySet")}
    assert sets == {name: f"{namespace}.{kind}" for name, kind in SETS.items()}
    # What is read alone says so to clients that know the vocabulary, and nothing else does.
    for element in schema.iter(EDM + "EntitySet"):
        terms = {a.get("Term"): a.find(f"{EDM}Record/{EDM}PropertyValue").attrib for a in element.iter(EDM + "Annotation")}
        assert terms == ({f"Capabilities.{what}Restrictions": {"Property": able, "Bool": "false"}
                          for what, able in (("Insert", "Insertable"), ("Update", "Updatable"), ("Delete", "Deletable"))}
                         if element.get("Name") in READ_ONLY else {}), element.get("Name")
    # OData CSDL 4.0 part 3, 7.2: where the navigation property may be null, so must be what a constraint ties to it; ids never are.
    for navigation in schema.iter(EDM + "NavigationProperty"):
        assert navigation.get("Nullable") != "false" and navigation.find(EDM + "ReferentialConstraint") is None, navigation.get("Name")


def check_types(answer, name, types, namespace):
    """Every member of an answer stands in its type, in the same order, as what JSON shows; embedded entities too."""
    declared = {e.get("Name"): e.get("Type") for e in types[name] if e.get("Name")}
    members = [member for member in answer if not member.startswith("@")]
    assert members == [member for member in declared if member in answer]
    python = {"Edm.Int32": int, "Edm.Boolean": bool, "Edm.Decimal": float}
    for member in members:
        kind = declared[member].removeprefix("Collection(").removesuffix(")")
        for value in answer[member] if kind != declared[member] else [answer[member]]:
            if kind.startswith(namespace):
                check_types(value, kind.removeprefix(namespace + "."), types, namespace)
            else:
                assert type(value) is python.get(kind, str), member


def test_96_service_document(loaded):
    for path in ("/api", "/api/"):
        answer = loaded.get(path)
        assert answer.status == 200 and answer.headers["OData-Version"] == "4.0"
        assert answer.json() == {
            "@odata.context": f"http://{loaded.http}/api/$metadata",
            "value": [{"name": name, "kind": "EntitySet", "url": name} for name in SETS],
        }


def test_openapi_refers_to_what_it_holds(loaded):
    document = loaded.get("/openapi.json").json()
    assert document["openapi"] == "3.1.0"
    paths = {"/": ["get"], "/$metadata": ["get"], "/Jobs/ChangeToVirtualStatus": ["put"], "/Jobs/$changes": ["get"]}
    for name in SETS:
        paths[f"/{name}"] = ["get"] if name in READ_ONLY else ["get", "post"]
        paths[f"/{name}({{id}})"] = ["get"] if name in READ_ONLY else ["delete", "get", "patch", "put"]
        for path in (f"/{name}({{id}})/{{member}}", f"/{name}({{id}})/{{member}}/$value", f"/{name}/$count"):
            paths[path] = ["get"]
    assert {path: sorted(methods) for path, methods in document["paths"].items()} == paths
    for reference in re.findall(r'"\$ref": "#/([^"]+)"', json.dumps(document)):
        at = document
        for key in reference.split("/"):
            at = at[key]
    jobs = document["components"]["schemas"]["jobs"]["properties"]
    assert jobs["name"]["maxLength"] == 255 and jobs["modified_dateutc"]["readOnly"]
    shown = loaded.get(f"/api/Jobs({SAMPLE_ID})").json()
    assert [m for m in jobs if m != "_parent_job"] == [m for m in shown if not m.startswith("@")]


def test_openapi_tells_of_what_is_taken(server):
    """$format, bodies as text/json, null in them, $select and $expand of an embedded entity: in the document, and in fact."""
    document = server.get("/openapi.json").json()
    components = document["components"]

    def names(path, method="get"):
        given = [components["parameters"][parameter["$ref"].split("/")[-1]] for parameter in document["paths"][path][method]["parameters"]]
        return {parameter["name"] for parameter in given}

    assert all("$format" in names(path) for path in document["paths"] if path not in ("/Jobs/$changes", "/Jobs/ChangeToVirtualStatus"))
    assert {"$select", "$expand"} <= names("/Jobs({id})/{member}") and "Prefer" in names("/Skill")
    made = document["paths"]["/Jobs"]["post"]["requestBody"]["content"]
    assert set(made) == {"application/json", "text/json"}
    answer = server.request("POST", "/api/Jobs?$format=text/json", json.dumps(made["text/json"]["example"]).encode(), {"Content-Type": "text/json"})
    assert answer.status == 201 and answer.headers["Content-Type"].split(";")[0] in document["paths"]["/Jobs"]["post"]["responses"]["201"]["content"]
    job = answer.json()
    node = server.get(f"/api/Jobs({job['id']})/project?$select=name&$expand=equipment_model")
    assert node.status == 200 and "name" in node.json()
    # Each member of a change may be null where the document says so.
    changed = document["paths"]["/Jobs({id})"]["patch"]["requestBody"]["content"]["text/json"]["schema"]["$ref"].split("/")[-1]
    members = components["schemas"][changed]["properties"]

    def may_be_null(schema):
        return "null" in schema.get("type", []) or {"type": "null"} in schema.get("anyOf", [])

    nullable = [name for name in members if may_be_null(members[name])]
    assert "description" in nullable and "skill" in nullable and len(nullable) > 50
    assert not any(map(may_be_null, components["schemas"]["jobs"]["properties"].values()))
    for name in nullable:
        answer = server.request("PATCH", f"/api/Jobs({job['id']})", {name: None})
        assert answer.status in (200, 400), answer.body
        # What a job has to have says so, by its name.
        assert answer.status == 200 or "must be provided" in answer.json()["error"]["message"], answer.body


def test_16_nulls_in_filters_are_as_documented(server):
    """A deliberate difference from OData, told where integrators read: nothing that is stored is null, and `not` turns around."""
    told = "not contains(suggested_user/lastname,'x') also takes jobs without a user"
    assert told in server.get("/Help").body.decode().replace("&#39;", "'")
    assert told in server.get("/openapi.json").json()["components"]["parameters"]["filter"]["description"]
    given = {"name": "n", "project": {"reference_back_office": "P"}, "job_type": {"code": "T"}, "job_status_code": "Open"}
    assert server.request("POST", "/api/Jobs", given).status == 201

    def count(text):
        return int(server.get("/api/Jobs/$count?" + urllib.parse.urlencode({"$filter": text})).body)

    everything = count("true")
    assert count("suggested_user eq null") >= 1
    assert count("not contains(suggested_user/lastname,'x')") == count("suggested_user/lastname ne 'x'") == everything
    assert count("contains(suggested_user/lastname,'x')") == count("suggested_user/lastname gt ''") - count("not contains(suggested_user/lastname,'x') and suggested_user/lastname gt ''")
    assert count("suggested_user ne null and not contains(suggested_user/lastname,'x')") == everything - count("suggested_user eq null")
    assert count("description eq null") == 0 and count("description eq ''") == everything


def lines_of(server, query):
    """The documents of a stream of changes up to its first bookmark."""
    request = urllib.request.Request(f"http://{server.http}/api/Jobs/$changes?{query}", headers={"Accept": "application/x-ndjson"})
    with urllib.request.urlopen(request, timeout=60) as stream:
        for line in stream:
            document = json.loads(line)
            yield document
            if document["event"] == "bookmark":
                return


def test_the_stream_is_as_documented(server):
    """What /openapi.json and the help page say of GET api/Jobs/$changes, each parameter and each member of an event."""
    document = server.get("/openapi.json").json()
    described = document["paths"]["/Jobs/$changes"]["get"]
    assert set(described["responses"]["200"]["content"]) == {"text/event-stream", "application/x-ndjson"}
    help_page = server.get("/Help/Api/GET-api-Jobs-$changes")
    shown = Page(help_page.body.decode())
    assert [f"uri-{parameter['name']}" for parameter in described["parameters"]] == [id for id in shown.ids if id.startswith("uri-")]
    for parameter in described["parameters"]:
        name = parameter["name"]
        headers = {name: "?"} if parameter["in"] == "header" else {}
        refused = server.get("/api/Jobs/$changes" + ("" if headers else f"?{name}=%3F"), **headers)
        # The header holds a token; an unknown member is named itself (41).
        said = {"Last-Event-ID": "resume_token", "$select": "property named '?'", "$expand": "property named '?'"}.get(name, name)
        assert refused.status == 400 and said in refused.json()["error"]["message"], name
    old = server.get("/api/Jobs/$changes?snapshot=true&since=2026-01-29T07:13:40Z")
    assert old.status == 400 and str(old.status) in described["responses"]
    job = {"name": "first", "project": {"reference_back_office": "P", "name": "P"}, "job_type": {"code": "T", "name": "T"}, "job_status_code": "Open"}
    id = server.request("POST", "/api/Jobs", job).json()["id"]
    server.request("PUT", f"/api/Jobs({id})", {"name": "second"})
    server.request("DELETE", f"/api/Jobs({id})")
    server.request("POST", "/api/Jobs", job)
    schemas = document["components"]["schemas"]
    seen = [event for query in ("since=2020-01-01T00:00:00Z&entity_changes=true&heartbeat=5", "snapshot=true&view=full&heartbeat=5")
            for event in lines_of(server, query)]
    samples = [json.loads(sample.removeprefix("event: bookmark\nid: AgAB\ndata: ")) for sample in shown.samples]
    assert len(samples) == 2
    rows = {row[0]: set(row[1].split(", ")) for row in shown.rows if len(row) == 3}
    assert set(rows) - {"Event"} == set(schemas["change_event"]["properties"]["event"]["enum"])
    assert {event["event"] for event in seen} == {"opened", "changes", "snapshot", "synced", "bookmark"}
    for event in seen + samples:
        assert set(event) <= set(schemas["change_event"]["properties"]) and set(event) - {"event", "resume_token"} == rows[event["event"]]
    changes = [change for event in seen for change in event.get("changes", [])]
    assert {change["kind"] for change in changes} == {"CREATED", "UPDATED", "DELETED"} and any("entity" in change for change in changes)
    for change in changes:
        assert set(schemas["change"]["required"]) <= set(change) <= set(schemas["change"]["properties"])
        assert change["kind"] in schemas["change"]["properties"]["kind"]["enum"]


def test_members_stand_alone(loaded):
    job = loaded.get(f"/api/Jobs({SAMPLE_ID})").json()
    for member in [m for m in job if not m.startswith("@")]:
        answer = loaded.get(f"/api/Jobs({SAMPLE_ID})/{member}")
        bare = loaded.get(f"/api/Jobs({SAMPLE_ID})/{member}/$value")
        if isinstance(job[member], dict):
            assert answer.status == 200 and answer.json()["id"] == job[member]["id"] and bare.status == 501
            continue
        assert answer.json() == {
            "@odata.context": f"http://{loaded.http}/api/$metadata#Jobs({SAMPLE_ID})/{member}", "value": job[member]}
        assert bare.body.decode() == str(job[member])
        assert bare.headers["Content-Type"] == "text/plain; charset=utf-8"


@pytest.mark.parametrize("path", ["/api/Jobs", f"/api/Jobs({SAMPLE_ID})", "/api/$metadata", "/Help/Api/GET-api-Jobs"])
def test_95_answers_are_coded_when_asked(loaded, path):
    plain = loaded.get(path)
    assert plain.headers["Content-Encoding"] is None and plain.headers["Vary"] == "Accept-Encoding"
    for name, decode in (("gzip", gzip.decompress), ("deflate", zlib.decompress)):
        answer = loaded.get(path, **{"Accept-Encoding": name})
        assert answer.headers["Content-Encoding"] == name and answer.headers["Vary"] == "Accept-Encoding"
        assert len(answer.body) < len(plain.body) / 2
        assert decode(answer.body) == plain.body
        head = loaded.request("HEAD", path, headers={"Accept-Encoding": name})
        assert head.body == b"" and head.headers["Content-Length"] == str(len(answer.body))
    for refused in ("br", "gzip;q=0, deflate;q=0", "identity, *;q=0"):
        assert loaded.get(path, **{"Accept-Encoding": refused}).body == plain.body
    assert loaded.get(path, **{"Accept-Encoding": "identity;q=0"}).status == 406


def test_95_bodies_are_decoded(server):
    job = {"name": "coded", "project": {"reference_back_office": "P"}, "job_type": {"code": "T", "name": "T"},
           "job_status_code": "Open"}
    text = json.dumps(job).encode()
    raw = zlib.compressobj(wbits=-15)
    for coding, body in (("gzip", gzip.compress(text)), ("deflate", zlib.compress(text)),
                         ("deflate", raw.compress(text) + raw.flush())):
        answer = server.request("POST", "/api/Jobs", body, {"Content-Encoding": coding})
        assert answer.status == 201 and answer.json()["name"] == "coded", answer.body
    bomb = gzip.compress(b"{" + b" " * (64 << 20) + b"}")
    assert server.request("POST", "/api/Jobs", bomb, {"Content-Encoding": "gzip"}).status == 413
    assert server.request("POST", "/api/Jobs", text, {"Content-Encoding": "gzip"}).status == 400
    unknown = server.request("POST", "/api/Jobs", text, {"Content-Encoding": "br"})
    assert unknown.status == 415 and unknown.headers["Accept-Encoding"] == "gzip, deflate"
