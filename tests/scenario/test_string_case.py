"""Statement 37: strings compare with their case, unless the setting --string-case says otherwise. On every door."""

import json
import urllib.parse

import pytest
from google.protobuf import empty_pb2

from conftest import Server, run
from jobgate.v1 import job_service_pb2 as api, job_service_pb2_grpc

NAMES = ["Äpfel", "äpfel", "Boiler", "boiler room", "BOILER", "carpet", "Zebra", "O'Brien"]
CODE = {"Äpfel": "Ab", "Boiler": "aB"}


def job(index):
    return {"id": f"00000000-0000-4000-8000-{index + 1:012}", "name": NAMES[index], "reference_back_office": f"Ref-{index}",
            "project": {"id": f"00000000-0000-4000-8000-{index + 101:012}", "reference_back_office": f"P-{index}", "name": NAMES[index]},
            "job_type": {"code": CODE.get(NAMES[index], "other")}, "job_status_code": "Open"}


@pytest.fixture(scope="module", params=["sensitive", "insensitive"])
def data(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp(request.param)
    store = f"sqlite:{folder}/jobgate.db"
    run("import", "--store", store, "-", stdin="".join(json.dumps(job(i)) + "\n" for i in range(len(NAMES))).encode())
    flags = [] if request.param == "sensitive" else ["--string-case", "insensitive"]
    server = Server(folder, *flags, store=store)
    yield server, request.param == "insensitive"
    server.stop()


def names(server, **options):
    path, found = "/api/Jobs?" + urllib.parse.urlencode({"$" + name: value for name, value in options.items()}), []
    while path:
        answer = server.get(path)
        assert answer.status == 200, answer.body
        found += [row["name"] for row in answer.json()["value"]]
        path = answer.json().get("@odata.nextLink")
    return found


def fold(text, insensitive):
    return text.lower() if insensitive else text


CASES = [
    ("name eq 'BOILER'", lambda n, f: f(n) == f("BOILER")),
    ("name ne 'boiler'", lambda n, f: f(n) != f("boiler")),
    ("'ÄPFEL' eq name", lambda n, f: f(n) == f("ÄPFEL")),
    ("name eq 'o''brien'", lambda n, f: f(n) == f("o'brien")),
    ("contains(name,'OIL')", lambda n, f: f("OIL") in f(n)),
    ("startswith(name,'bOI') or endswith(name,'RA')", lambda n, f: f(n).startswith(f("bOI")) or f(n).endswith(f("RA"))),
    ("indexof(name,'Room') gt 0", lambda n, f: f(n).find(f("Room")) > 0),
    ("name gt 'boiler'", lambda n, f: f(n).encode() > f("boiler").encode()),
    ("project/name eq 'zebra'", lambda n, f: f(n) == f("zebra")),
    ("job_type_code eq 'AB'", lambda n, f: f(CODE.get(n, "other")) == f("AB")),
    ("tolower(name) eq 'boiler'", lambda n, f: n.lower() == "boiler"),
    ("length(name) eq 6", lambda n, f: len(n) == 6),
]


@pytest.mark.parametrize("text, wanted", CASES, ids=[text for text, _ in CASES])
def test_37_filters(data, text, wanted):
    server, insensitive = data
    expected = [name for name in NAMES if wanted(name, lambda value: fold(value, insensitive))]
    assert names(server, filter=text) == expected
    count = server.get("/api/Jobs/$count?" + urllib.parse.urlencode({"$filter": text})).body
    assert int(count) == len(expected)
    with server.channel() as channel:
        page = job_service_pb2_grpc.JobServiceStub(channel).ListJobs(api.ListJobsRequest(filter=text))
        assert [job.name for job in page.jobs] == expected


def test_37_orders(data):
    server, insensitive = data
    expected = sorted(NAMES, key=lambda name: fold(name, insensitive).encode())
    assert names(server, orderby="name") == expected
    assert names(server, orderby="name", top="1000") == expected
    # Page by page, where a page ends between spellings of one name.
    path, found = "/api/Jobs?$orderby=name%20desc&$top=3", []
    page = server.get(path).json()["value"]
    found += [row["name"] for row in page]
    rest = server.get("/api/Jobs?$orderby=name%20desc&$skip=3").json()["value"]
    found += [row["name"] for row in rest]
    backward = sorted(NAMES, key=lambda name: fold(name, insensitive).encode(), reverse=True)
    assert [fold(name, insensitive) for name in found] == [fold(name, insensitive) for name in backward]
    assert sorted(found) == sorted(NAMES)


def test_37_streams(data):
    server, insensitive = data
    with server.channel() as channel:
        stub = job_service_pb2_grpc.JobServiceStub(channel)
        stream = stub.WatchJobs(api.WatchJobsRequest(filter="name eq 'BOILER'", snapshot=empty_pb2.Empty()))
        seen = []
        for message in stream:
            seen += [job.name for job in message.snapshot.jobs] if message.HasField("snapshot") else []
            if message.HasField("synced"):
                break
        stream.cancel()
        assert seen == [name for name in NAMES if fold(name, insensitive) == fold("BOILER", insensitive)]
