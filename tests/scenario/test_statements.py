"""Statements of the legacy contract that want a test of their own over HTTP; their numbers are in the names."""

import json
import re
import urllib.parse

import pytest

from conftest import ROOT, SAMPLE_ID, Server, run, sample

ZERO = "00000000-0000-0000-0000-000000000000"


def body(**members):
    return {"name": "Repair", "project": {"reference_back_office": "P-1", "name": "Site"},
            "job_type": {"code": "JT", "name": "Type"}, "job_status_code": "Open", **members}


def post(server, given, status=201):
    answer = server.request("POST", "/api/Jobs", given)
    assert answer.status == status, answer.body
    return answer


def read(server, job):
    """The text of a job as it is read back."""
    answer = server.get(f"/api/Jobs({job['id']})")
    assert answer.status == 200
    return answer.body.decode()


def literal(server, job, member):
    """The text of a member's value, as it stands in the answer."""
    text = server.get(f"/api/Jobs({job['id']})?$select={member}").body.decode()
    return re.fullmatch(r'{"@odata\.context":"[^"]*","%s":(.*)}' % member, text, re.DOTALL).group(1)


@pytest.mark.parametrize("given, shown", [("49", "49.0"), ("50.8503463", "50.8503463"), ("-0.127758", "-0.127758"),
                                          ("50.850300", "50.8503"), ("0", "0.0"), ("-180.0", "-180.0"), ("1e-7", "0.0000001")])
def test_9_10_coordinates_keep_their_digits(server, given, shown):
    text = json.dumps(body())[:-1] + f',"db_address_latitude_decimal":{given},"db_address_longitude_decimal":"{given}"}}'
    job = post(server, text.encode()).json()
    assert literal(server, job, "db_address_latitude_decimal") == literal(server, job, "db_address_longitude_decimal") == shown


def test_10_decimals_are_strings_where_numbers_are_doubles(server):
    """2.8: "never quoted (unless IEEE754Compatible=true)"; OData JSON format 4.0, 3.2: counts too, and Content-Type says so."""
    parent = post(server, body()).json()["id"]
    job = post(server, body(_parent_id=parent, name='"db_address_latitude_decimal":7', db_address_latitude_decimal=49.1)).json()["id"]
    accept = {"Accept": "application/json;IEEE754Compatible=true"}

    def get(path, method="GET", content=None, headers=accept):
        answer = server.request(method, path, content, headers)
        assert answer.status in (200, 201), answer.body
        compatible = "IEEE754Compatible=true" in answer.headers["Content-Type"]
        assert compatible == ("$value" not in path and headers is not None), answer.headers
        return answer.body.decode()

    plain, one = get(f"/api/Jobs({job})", headers=None), get(f"/api/Jobs({job})")
    assert '"db_address_latitude_decimal":49.1,"db_address_longitude_decimal":0.0,' in plain
    assert one == plain.replace(":49.1,", ':"49.1",').replace("longitude_decimal\":0.0,", "longitude_decimal\":\"0.0\",")
    assert json.loads(one)["name"] == '"db_address_latitude_decimal":7'
    page = json.loads(get(f"/api/Jobs?$filter=id%20in%20({job},{parent})&$count=true&$expand=_parent_job&$orderby=db_address_latitude_decimal%20desc"))
    assert page["@odata.count"] == "2" and page["value"][0]["db_address_latitude_decimal"] == "49.1"
    assert page["value"][0]["_parent_job"]["db_address_longitude_decimal"] == "0.0"
    assert isinstance(page["value"][0]["working_sequence"], int)  # Edm.Int32
    assert json.loads(get(f"/api/Jobs({job})/db_address_latitude_decimal"))["value"] == "49.1"
    assert json.loads(get(f"/api/Jobs({job})/_parent_job/db_address_latitude_decimal"))["value"] == "0.0"
    assert get(f"/api/Jobs({job})/db_address_latitude_decimal/$value") == "49.1"
    assert json.loads(get("/api/Jobs?$format=application/json;IEEE754Compatible=true&$top=1", headers={}))["value"]
    changed = get(f"/api/Jobs({job})", "PATCH", {"db_address_latitude_decimal": "50.25"})
    assert json.loads(changed)["db_address_latitude_decimal"] == "50.25"
    # The next reader gets what it always got.
    assert '"db_address_latitude_decimal":50.25,' in get(f"/api/Jobs({job})", headers=None)


def test_12_guids_are_lower_case(server):
    upper = "2044B92D-AAAA-4BBB-8CCC-DDDDEEEEFFFF"
    job = post(server, body(id=upper, contact_id=upper)).json()
    assert job["id"] == job["contact_id"] == upper.lower()
    assert literal(server, job, "contact_id") == f'"{upper.lower()}"'


@pytest.mark.parametrize("given, shown", [
    ("2026-01-29T07:13:40.7184075+00:00", "2026-01-29T07:13:40.7184075+00:00"), ("2026-01-29T07:13:40.5Z", "2026-01-29T07:13:40.5+00:00"),
    ("2026-01-29T07:13:40.000Z", "2026-01-29T07:13:40+00:00"), ("2026-01-29T07:13:40.350Z", "2026-01-29T07:13:40.35+00:00"),
    ("2026-01-29T09:13:40+02:00", "2026-01-29T07:13:40+00:00"), ("1980-01-01T00:00:00.000Z", "1980-01-01T00:00:00+00:00")])
def test_13_14_dates_are_the_same_instant_in_utc(server, given, shown):
    job = post(server, body(due_date=given)).json()
    assert job["due_date"] == shown and literal(server, job, "due_date") == f'"{shown}"'


def test_14_dates_of_style_z_are_cut(tmp_path):
    """What --help and the README of bridge/rest say of --date-style z: milliseconds are shown, and all digits are kept."""
    server = Server(tmp_path, "--date-style", "z")
    try:
        job = post(server, body(due_date="2026-01-29T07:13:40.7184075Z")).json()
        assert job["due_date"] == "2026-01-29T07:13:40.718Z"

        def found(text):
            return [row["id"] for row in server.get("/api/Jobs?" + urllib.parse.urlencode({"$filter": text})).json()["value"]]

        assert found("due_date eq '2026-01-29T07:13:40.718Z'") == []
        assert found("due_date gt '2026-01-29T07:13:40.718Z'") == [job["id"]] == found("due_date eq '2026-01-29T07:13:40.7184075Z'")
    finally:
        server.stop()


def test_15_date_built_has_no_time(server):
    project = {"reference_back_office": "P-2", "name": "Site", "date_built": "2020-05-06T22:33:44.5678Z"}
    job = post(server, body(project=project)).json()
    assert job["project"]["date_built"] == "2020-05-06T00:00:00+00:00"
    assert '"date_built":"2020-05-06T00:00:00+00:00"' in read(server, job)


def test_16_what_is_not_set_has_its_default(server):
    job = post(server, body()).json()
    text = read(server, job)
    assert "null" not in text
    types = {row.split("\t")[2]: row.split("\t")[3] for row in (ROOT / "tests/schema/entities.tsv").read_text().splitlines()[1:]
             if row.startswith("job\t")}
    given = {"id", "name", "id2", "date_create", "date_update", "modified_dateutc", "project_id", "project_reference_back_office",
             "job_type_id", "job_type_code", "job_status_id", "job_status_code"}
    defaults = {"guid": f'"{ZERO}"', "string": '""', "integer": "0", "decimal": "0.0", "datetime": '"1980-01-01T00:00:00+00:00"'}
    unset = [name for name, kind in types.items() if name not in given and kind in defaults]
    assert len(unset) == 40
    for name in unset:
        assert literal(server, job, name) == defaults[types[name]], name
    for node in ("job_priority", "suggested_user", "skill"):
        assert f'"{node}":' not in text
    assert '"is_mobile_installation":false' in text


SPECIAL = 'quote " back \\ slash / less < amp & tab \t bell \x07 del \x7f é \x85 \u2028 \u2029 😀'
ESCAPED = {
    "json": r'"quote \" back \\ slash / less < amp & tab \t bell \u0007 del ' + "\x7f é" + r' \u0085 \u2028 \u2029 😀"',
    "odata": r'"quote \" back \\ slash / less < amp & tab \t bell \u0007 del ' + "\x7f" + r' \u00e9 \u0085 \u2028 \u2029 \ud83d\ude00"',
}


@pytest.mark.parametrize("style", ["json", "odata"])
def test_17_18_19_escapes(tmp_path, style):
    server = Server(tmp_path, "--escape", style)
    try:
        plain = json.dumps(body(description=SPECIAL), ensure_ascii=False).encode()
        units = "".join(f"\\u{int.from_bytes(SPECIAL.encode('utf-16-be')[i:i + 2], 'big'):04X}"
                        for i in range(0, len(SPECIAL.encode("utf-16-be")), 2))
        spelled = json.dumps(body()).encode()[:-1] + f',"description":"{units}"}}'.encode()
        for text in (plain, spelled):
            job = post(server, text).json()
            assert job["description"] == SPECIAL
            assert literal(server, job, "description") == ESCAPED[style]
    finally:
        server.stop()


@pytest.mark.parametrize("count", [99, 100, 101, 200])
def test_23_no_link_behind_the_last_row(tmp_path, count):
    store = f"sqlite:{tmp_path}/jobgate.db"
    run("import", "--store", store, "-", stdin=sample(count))
    server = Server(tmp_path, store=store)
    try:
        pages, path = [], "/api/Jobs?$select=id"
        while path:
            answer = server.get(path).json()
            pages.append(len(answer["value"]))
            path = answer.get("@odata.nextLink")
        assert pages == [100] * (count // 100) + ([count % 100] if count % 100 else [])
    finally:
        server.stop()


def test_30_options_apply_in_their_order(loaded):
    everything, path = [], "/api/Jobs"
    while path:
        page = loaded.get(path).json()
        everything += page["value"]
        path = page.get("@odata.nextLink")
    wanted = sorted((job for job in everything if job["id2"] % 3 == 0), key=lambda job: (-job["estimated_time"], job["id"]))
    # However the options stand in the URL.
    options = ["$select=id2,estimated_time", "$top=7", "$skip=5", "$orderby=estimated_time desc", "$count=true", "$filter=id2 mod 3 eq 0"]
    for order in (options, options[::-1]):
        answer = loaded.get("/api/Jobs?" + "&".join(urllib.parse.quote(option, safe="$=,") for option in order)).json()
        assert answer["@odata.count"] == len(wanted)
        assert answer["value"] == [{"id2": job["id2"], "estimated_time": job["estimated_time"]}
                                   if list(job).index("id2") < list(job).index("estimated_time") else
                                   {"estimated_time": job["estimated_time"], "id2": job["id2"]} for job in wanted[5:12]]


def test_35_plus_is_a_space_unless_it_is_escaped(loaded):
    one = loaded.get("/api/Jobs?$top=1&$orderby=modified_dateutc").json()["value"][0]
    moment = one["modified_dateutc"].removesuffix("+00:00")
    count = lambda text: int(loaded.get("/api/Jobs/$count?$filter=" + text).body)
    for offset in ("%2B00:00", "Z", "+00:00", ""):
        assert count(f"modified_dateutc+eq+{moment}{offset}") >= 1, offset
    assert count(f"modified_dateutc%20eq%20{moment}%2B02:00") == 0
    assert count("name+eq+'a%2Bb'") == 0


def test_38_doubled_quotes(server):
    post(server, body(name="O'Brien's"))
    post(server, body(name="OBriens"))
    for text in ("name eq 'O''Brien''s'", "contains(name,'''')", "startswith(name,'O''')"):
        found = server.get("/api/Jobs?" + urllib.parse.urlencode({"$filter": text})).json()["value"]
        assert [job["name"] for job in found] == ["O'Brien's"]
    assert server.get("/api/Jobs?" + urllib.parse.urlencode({"$filter": "name eq 'O'Brien's'"})).status == 400


def test_54_55_ids_of_the_client(server):
    id = "12345678-9abc-4def-8123-456789abcdef"
    assert post(server, body(id=id)).json()["id"] == id
    again = post(server, body(id=id.upper()), status=409)
    assert "id" in again.json()["error"]["message"]
    for nothing in (ZERO, "", None):
        made = post(server, body(id=nothing)).json()["id"]
        assert made not in (ZERO, id) and re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", made)


LIMITS = [row.split("\t")[:3] for row in (ROOT / "tests/schema/limits.tsv").read_text().splitlines()[1:]]
LIMITS = [(entity, name, int(most)) for entity, name, most in LIMITS if int(most) > 0]


def test_57_every_maximum(server):
    """Of every entity: as long as it may be is taken, one unit more is refused by name."""
    assert len(LIMITS) == 13 + 29
    for index, (entity, name, most) in enumerate(LIMITS):
        path = "/api/" + ("Jobs" if entity == "job" else "".join(word.capitalize() for word in entity.split("_")))
        given = body() if entity == "job" else {"name": "n", "code": f"K{index}", "is_closed": True}
        fits = "é" * (most - 8) + f"{index:08}"
        answer = server.request("POST", path, {**given, name: fits})
        assert answer.status == 201 and answer.json()[name] == fits, (entity, name, answer.body)
        answer = server.request("POST", path, {**given, "code": f"L{index}", name: fits + "x"})
        assert answer.status == 400 and name in answer.json()["error"]["message"], (entity, name, answer.body)


def test_57_lengths_count_utf_16_units(server):
    post(server, body(name="😀" * 127 + "x"))
    post(server, body(name="é" * 255))
    for name in ("😀" * 128, "é" * 256, "😀" * 127 + "xy"):
        assert "name" in post(server, body(name=name), status=400).json()["error"]["message"]


def test_56_58_required_members_are_named(server):
    for name in (None, "", " \t", "\u2003"):
        assert "name" in post(server, body(name=name), status=400).json()["error"]["message"]
    for group in (("project_id", "project_reference_back_office", "project"), ("job_type_id", "job_type_code", "job_type"),
                  ("job_status_id", "job_status_code")):
        given = {name: value for name, value in body().items() if name not in group}
        for nothing in ({}, {group[0]: ZERO}, {group[0]: ZERO, group[1]: ""}):  # 59
            message = post(server, {**given, **nothing}, status=400).json()["error"]["message"]
            assert all(name in message for name in group), message
    assert server.get("/api/Jobs").json()["value"] == []


def test_60_61_62_members_are_read_kindly(server):
    text = json.dumps(body())[:-1] + ',"@odata.context":"x","@odata.type":"#jobs","nope":{"a":[1,null]},"DESCRIPTION":"d",' \
        '"Customer_Reference":"c","internal_memo":null,"skill":null,"due_date":null,"working_sequence":"22"}'
    job = post(server, text.encode()).json()
    assert (job["description"], job["customer_reference"], job["internal_memo"]) == ("d", "c", "")
    assert job["working_sequence"] == 22 and job["due_date"].startswith("1980") and "nope" not in job
    # What was read is taken back as it is.
    again = server.request("PUT", f"/api/Jobs({job['id']})", read(server, job).encode())
    assert again.status == 200, again.body
    same = {name: value for name, value in again.json().items() if name not in ("date_update", "modified_dateutc")}
    assert same == {name: value for name, value in job.items() if name not in ("date_update", "modified_dateutc")}
    cleared = server.request("PUT", f"/api/Jobs({job['id']})", {"description": None}).json()
    assert cleared["description"] == "d"


def test_66_87_the_server_stamps(server):
    job = post(server, body(date_create="2001-01-01T00:00:00Z")).json()
    assert job["date_create"] == job["date_update"] == job["modified_dateutc"]
    last = job
    for change in ({}, {"name": job["name"]}, {"modified_dateutc": "2001-01-01T00:00:00Z"}):
        put = server.request("PUT", f"/api/Jobs({job['id']})", change)
        assert put.status == 200, put.body
        assert put.json()["modified_dateutc"] > last["modified_dateutc"] and put.json()["date_update"] > last["date_update"]
        assert put.json()["date_create"] == job["date_create"]
        last = put.json()
    changed = {"date_update", "modified_dateutc"}
    assert {name for name in job if job[name] != last[name]} - {"@odata.context"} == changed


PROTOCOL = [
    ("GET", "/api/Jobs", None, {}, 200), ("GET", "/api", None, {}, 200), ("GET", "/api/$metadata", None, {}, 200),
    ("GET", "/api/Jobs/$count", None, {}, 200), ("GET", f"/api/Jobs({SAMPLE_ID})", None, {}, 200),
    ("GET", f"/api/Jobs({SAMPLE_ID})/name", None, {}, 200), ("GET", f"/api/Jobs({SAMPLE_ID})/name/$value", None, {}, 200),
    ("GET", "/api/Jobs?$filter=(", None, {}, 400), ("GET", "/api/Jobs?$nope=1", None, {}, 400), ("GET", "/api/%zz", None, {}, 400),
    ("GET", "/api/Jobs(1)", None, {}, 404), ("GET", f"/api/Jobs({SAMPLE_ID[::-1]})", None, {}, 404), ("GET", "/api/Nope", None, {}, 404),
    ("PATCH", "/api/Jobs", b"{}", {}, 405), ("GET", "/api/Jobs", None, {"Accept": "application/xml"}, 406),
    ("POST", "/api/Jobs", b"{}", {}, 400), ("POST", "/api/Jobs", b"[", {}, 400), ("POST", "/api/Jobs", b"x" * (1 << 20), {}, 400),
    ("POST", "/api/Jobs", b"x" * ((1 << 20) + 1), {}, 413), ("POST", "/api/Jobs", b"<a/>", {"Content-Type": "text/xml"}, 415),
    ("POST", "/api/Jobs", json.dumps(body(skill_id=SAMPLE_ID)).encode(), {}, 422), ("POST", "/api/Jobs", json.dumps(body(id=SAMPLE_ID)).encode(), {}, 409),
    ("GET", "/api/Jobs", None, {"X-Long": "x" * 20000}, 431), ("GET", "/api/Jobs?$search=x", None, {}, 501),
    ("GET", "/api/$batch", None, {}, 501), ("GET", "/api/Jobs?" + "x" * 20000, None, {}, 414),
]


@pytest.mark.parametrize("method, path, given, headers, status", PROTOCOL, ids=[f"{row[0]} {row[4]} {row[1][:24]}" for row in PROTOCOL])
def test_90_97_every_answer_is_odata(loaded, method, path, given, headers, status):
    answer = loaded.request(method, path, given, headers)
    assert answer.status == status, answer.body
    assert answer.headers.get_all("OData-Version") == ["4.0"]
    if status >= 400:
        assert answer.headers["Content-Type"].startswith("application/json")
        error = answer.json()
        assert list(error) == ["error"] and list(error["error"]) == ["code", "message"] and error["error"]["code"] == ""
        assert error["error"]["message"] and "stack" not in answer.body.decode()
