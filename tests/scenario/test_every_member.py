"""Statement 100: equal content through gRPC GetJob and REST GET for every member; generated from the schema's 240 rows.

Two jobs are imported: one in which every member of every entity has a value of its own, one that has none but ids and keys.
"""

import datetime
import json
import uuid

import pytest

from conftest import ROOT, Server, run
from jobgate.v1 import job_service_pb2 as api, job_service_pb2_grpc

ROWS = [line.split("\t") for line in (ROOT / "tests/schema/entities.tsv").read_text().splitlines()[1:]]
MEMBERS = {}
for _entity, _position, _name, _type in ROWS:
    MEMBERS.setdefault(_entity, []).append((_name, _type))
# Where each entity stands in a job; "0" is the first item of a list.
PATHS = {
    "job": [], "project": ["project"], "equipment_family": ["project", "equipment_family"],
    "equipment_model": ["project", "equipment_model"], "equipment_brand": ["project", "equipment_model", "equipment_brand"],
    "translation": ["project", "equipment_model", "translations", 0], "project_status": ["project", "project_status"],
    "job_type": ["job_type"], "job_priority": ["job_priority"], "user": ["suggested_user"], "skill": ["skill"],
    "sales_organization": ["job_priority", "sales_organization"],
}
DEFAULTS = {"guid": str(uuid.UUID(int=0)), "string": "", "integer": 0, "bool": False, "datetime": "1980-01-01T00:00:00+00:00",
            "decimal": 0.0, "translation[]": []}
MADE = ("id2", "date_create", "date_update", "modified_dateutc")
STATUS = "8ba9da71-ef32-423a-bb50-ae767315f55c"
counter = iter(range(1, 1000000))


def value(name, kind):
    """A value that no other member has."""
    n = next(counter)
    if kind == "guid":
        return str(uuid.UUID(int=n << 64 | 0x8000_0000_0000_0000))
    if kind == "string":
        return f"é{n}"
    if kind == "integer":
        return n
    if kind == "bool":
        return True
    if kind == "decimal":
        return n + 0.125
    if name == "date_built":
        return (datetime.date(2020, 1, 1) + datetime.timedelta(days=n)).isoformat() + "T00:00:00+00:00"
    return f"2026-01-29T07:13:40.{n:06d}1+00:00"


def make(entity, full):
    """An entity in legacy JSON; relations agree with their nodes."""
    made = {}
    for name, kind in MEMBERS[entity]:
        if kind == "translation[]":
            made[name] = [make("translation", True)] if full else []
        elif kind in MEMBERS:
            made[name] = make(kind, full)
        elif full or name in ("id", "code", "reference_back_office"):
            made[name] = value(name, kind)
    for name, kind in MEMBERS[entity]:
        if kind in MEMBERS:
            node = made[name]
            made[name + "_id"] = node["id"]
            for key in ("code", "reference_back_office"):
                if name + "_" + key in dict(MEMBERS[entity]):
                    made[name + "_" + key] = node[key]
    if entity == "job":
        made["job_status_id"], made["job_status_code"] = STATUS, "Open"
    return made


def as_json(message):
    """A protobuf message as the contract's JSON, by its descriptor alone."""
    result = {}
    for field in message.DESCRIPTOR.fields:
        if field.number >= 100 or field.json_name == "_parent_job":
            continue
        item = getattr(message, field.name)
        if field.message_type is None:
            result[field.json_name] = item
        elif field.label == field.LABEL_REPEATED:
            result[field.json_name] = [as_json(each) for each in item]
        elif field.message_type.full_name == "google.protobuf.Timestamp":
            result[field.json_name] = timestamp(item) if message.HasField(field.name) else DEFAULTS["datetime"]
        elif message.HasField(field.name):
            result[field.json_name] = as_json(item)
    return result


def timestamp(item):
    moment = datetime.datetime(1970, 1, 1) + datetime.timedelta(seconds=item.seconds)
    fraction = f".{item.nanos:09d}".rstrip("0").rstrip(".")
    return moment.strftime("%Y-%m-%dT%H:%M:%S") + fraction + "+00:00"


@pytest.fixture(scope="module")
def answers(tmp_path_factory):
    folder = tmp_path_factory.mktemp("members")
    jobs = {"full": make("job", True), "bare": make("job", False)}
    store = f"sqlite:{folder}/jobgate.db"
    run("import", "--store", store, "-", stdin=json.dumps(list(jobs.values())).encode())
    server = Server(folder, store=store)
    result = {}
    with server.channel() as channel:
        stub = job_service_pb2_grpc.JobServiceStub(channel)
        for name, job in jobs.items():
            result[name] = (job, as_json(stub.GetJob(api.GetJobRequest(id=job["id"]))),
                            server.get(f"/api/Jobs({job['id']})").json())
    server.stop()
    return result


def at(job, path):
    for step in path:
        job = job[step]
    return job


@pytest.mark.parametrize("entity, name, kind", [(row[0], row[2], row[3]) for row in ROWS])
def test_100_every_member_on_both_doors(answers, entity, name, kind):
    for which in ("full", "bare"):
        if which == "bare" and entity == "translation":
            continue  # a bare model has no translations
        given, grpc_job, rest_job = (at(job, PATHS[entity]) for job in answers[which])
        if kind in MEMBERS:
            assert list(rest_job[name]) == [member for member, _ in MEMBERS[kind]]
            assert rest_job[name]["id"] == grpc_job[name]["id"] == given[name]["id"]
            continue
        # What the server makes when it is not given has only to be the same on both doors.
        expected = given.get(name, rest_job[name] if entity == "job" and name in MADE else DEFAULTS[kind])
        if kind == "guid":
            assert grpc_job[name] == (expected if expected != DEFAULTS["guid"] else "")
        else:
            assert grpc_job[name] == expected
        assert rest_job[name] == expected
        assert type(rest_job[name]) is type(expected)


def test_two_hundred_and_forty_members():
    assert len(ROWS) == 240
