"""What a watch shows: filters, masks, entity changes, through Python's grpcio."""

import random
import uuid

import grpc
import pytest
from google.protobuf import field_mask_pb2

from conftest import WAIT_SECONDS
from jobgate.v1 import entity_service_pb2, entity_service_pb2_grpc, job_pb2, job_service_pb2 as api, job_type_pb2
from jobgate.v1 import equipment_brand_pb2, equipment_model_pb2, options_pb2, project_pb2

CREATED, UPDATED, DELETED, ENTERED, LEFT = (api.ChangeKind.Value(f"CHANGE_KIND_{kind}")
                                            for kind in ("CREATED", "UPDATED", "DELETED", "ENTERED", "LEFT"))


class Client:
    """Writes jobs, and opens streams."""

    def __init__(self, stub):
        self.stub = stub
        self.project = project_pb2.Project(reference_back_office=f"P-{uuid.uuid4()}")
        self.type = job_type_pb2.JobType(code="T")

    def create(self, **members):
        members.setdefault("name", "a job")
        members.setdefault("job_status_code", "Open")
        job = job_pb2.Job(project=self.project, job_type=self.type, **members)
        return self.stub.CreateJob(api.CreateJobRequest(job=job), timeout=WAIT_SECONDS)

    def update(self, job_id, **members):
        request = api.UpdateJobRequest(job=job_pb2.Job(id=job_id, **members),
                                       update_mask=field_mask_pb2.FieldMask(paths=list(members)))
        return self.stub.UpdateJob(request, timeout=WAIT_SECONDS)

    def delete(self, job_id):
        self.stub.DeleteJob(api.DeleteJobRequest(id=job_id), timeout=WAIT_SECONDS)

    def watch(self, token=None, paths=(), **members):
        """An open stream, and its first message."""
        request = api.WatchJobsRequest(**members)
        request.read_mask.paths.extend(paths)
        if token is None:
            request.now.SetInParent()
        else:
            request.resume_token = token
        stream = self.stub.WatchJobs(request, timeout=WAIT_SECONDS)
        return stream, next(stream).opened

    def ids(self, text):
        """The ids of a list with that filter."""
        request = api.ListJobsRequest(filter=text, page_size=1000)
        return {job.id for job in self.stub.ListJobs(request, timeout=WAIT_SECONDS).jobs}


@pytest.fixture
def client(stub):
    return Client(stub)


@pytest.fixture
def entities(server):
    with server.channel() as channel:
        yield entity_service_pb2_grpc.EntityServiceStub(channel)


def changes_until(stream, done):
    """The changes up to the first message after which done(changes) holds, and the last token."""
    changes, token = [], None
    for message in stream:
        changes += message.changes.changes
        token = message.changes.resume_token or token
        if done(changes):
            stream.cancel()
            return changes, token
    raise AssertionError("the stream ended")


def test_jobs_enter_and_leave(client):
    stream, _ = client.watch(filter="name eq 'in'")
    job = client.create(name="out")
    client.update(job.id, name="in")
    client.update(job.id, description="more")
    client.update(job.id, name="out")
    client.delete(job.id)
    client.delete(client.create(name="in").id)
    changes, _ = changes_until(stream, lambda seen: len(seen) == 5)
    assert [change.kind for change in changes] == [ENTERED, UPDATED, LEFT, CREATED, DELETED]
    entered, updated, left, created, deleted = changes
    assert entered.before.name == "out" and entered.job.name == "in" and "name" in entered.changed_fields.paths
    assert not updated.HasField("before") and updated.job.description == "more"
    assert left.before.name == "in" and left.job.name == "out" and left.job.description == "more"
    assert not created.HasField("before")
    assert deleted.before.name == "in" and deleted.job == job_pb2.Job(id=created.job.id)
    assert all(change.transaction_last for change in changes)


def test_a_stream_makes_the_set_that_a_list_shows(client):
    filters = ["name eq 'a'", "job_status_code eq 'Open'", "name ne 'a' and contains(description,'x')",
               "id2 mod 2 eq 0 or job_status_code eq 'Cancelled'"]
    streams = [client.watch(filter=text) for text in filters]
    dice, jobs = random.Random(4), []
    for _ in range(150):
        chance = dice.random()
        if not jobs or chance < 0.3:
            jobs.append(client.create(name=dice.choice("abc"), description=dice.choice("xy")).id)
        elif chance < 0.4:
            client.delete(jobs.pop(dice.randrange(len(jobs))))
        else:
            member = dice.choice(["name", "description", "job_status_code"])
            value = {"name": "abc", "description": "xy", "job_status_code": ["Open", "Cancelled", "Planned"]}[member]
            try:
                client.update(dice.choice(jobs), **{member: dice.choice(value)})
            except grpc.RpcError as error:  # not every status may follow every other one
                assert error.code() == grpc.StatusCode.FAILED_PRECONDITION
    # One that every filter takes, once the others do not matter any more.
    last = client.create(name="a", description="x").id
    client.update(last, name="b")
    while client.stub.GetJob(api.GetJobRequest(id=last)).id2 % 2:
        client.delete(last)
        last = client.create(name="b", description="x").id
    client.update(last, name="a")
    client.update(last, name="b")
    for text, (stream, _) in zip(filters, streams):
        shown = set()
        changes, _ = changes_until(stream, lambda seen: any(c.job.id == last for c in seen))
        for change in changes:
            if change.kind in (CREATED, ENTERED):
                assert change.job.id not in shown
                shown.add(change.job.id)
            elif change.kind == UPDATED:
                assert change.job.id in shown
            else:
                shown.remove(change.job.id)
        assert shown - {last} == client.ids(text) - {last}, text


def test_a_token_is_bound_to_its_filter(client):
    stream, opened = client.watch(filter="name eq 'in'")
    stream.cancel()
    job = client.create(name="in")
    stream, _ = client.watch(opened.resume_token, filter="(name  eq 'in')", view=api.JOB_VIEW_FULL)
    changes, _ = changes_until(stream, lambda seen: seen)
    assert changes[0].job.id == job.id and changes[0].job.project.id == job.project_id
    for text in ("", "name eq 'out'"):
        with pytest.raises(grpc.RpcError) as error:
            client.watch(opened.resume_token, filter=text)
        assert error.value.code() == grpc.StatusCode.INVALID_ARGUMENT
        assert "resume_token" in error.value.details()


@pytest.mark.parametrize("text, code, word", [
    ("name eq", grpc.StatusCode.INVALID_ARGUMENT, "filter"),
    ("project/name eq 'x'", grpc.StatusCode.INVALID_ARGUMENT, "project"),
    ("job_type_code eq 'x'", grpc.StatusCode.INVALID_ARGUMENT, "job_type_code"),
    ("modified_dateutc gt now()", grpc.StatusCode.INVALID_ARGUMENT, "now()"),
    ("name has 'x'", grpc.StatusCode.UNIMPLEMENTED, "filter"),
])
def test_filters_that_no_stream_can_have(client, text, code, word):
    with pytest.raises(grpc.RpcError) as error:
        client.watch(filter=text)
    assert error.value.code() == code and word in error.value.details()


def test_a_mask_cuts_jobs(client):
    stream, _ = client.watch(paths=["name", "revision"])
    job = client.create(name="short")
    changes, _ = changes_until(stream, lambda seen: seen)
    assert changes[0].job == job_pb2.Job(id=job.id, name="short", revision=job.revision)
    assert changes[0].kind == CREATED
    with pytest.raises(grpc.RpcError) as error:
        client.watch(paths=["nonsense"])
    assert error.value.code() == grpc.StatusCode.INVALID_ARGUMENT and "read_mask" in error.value.details()


def test_entities_change_beside_the_jobs(client, entities):
    job = client.create()
    basic, _ = client.watch(entity_changes=True, filter="name eq 'none'")
    full, _ = client.watch(entity_changes=True, view=api.JOB_VIEW_FULL)
    model = equipment_model_pb2.EquipmentModel(
        code="M", name="a model", equipment_brand=equipment_brand_pb2.EquipmentBrand(code="B", name="a brand"))
    upsert = entity_service_pb2.UpsertEntityRequest(entity=entity_service_pb2.AnyEntity(equipment_model=model))
    made = entities.UpsertEntity(upsert, timeout=WAIT_SECONDS).equipment_model
    client.update(job.id, description="d")
    entities.DeleteEntity(entity_service_pb2.DeleteEntityRequest(kind=options_pb2.ENTITY_KIND_EQUIPMENT_MODEL, id=made.id),
                          timeout=WAIT_SECONDS)
    shown, _ = changes_until(basic, lambda seen: len(seen) == 3)
    assert [(c.kind, c.entity.WhichOneof("entity")) for c in shown] == [
        (CREATED, "equipment_brand"), (CREATED, "equipment_model"), (DELETED, "equipment_model")]
    assert shown[1].entity.equipment_model.equipment_brand_code == "B"
    assert not shown[1].entity.equipment_model.HasField("equipment_brand")
    assert not shown[1].HasField("job") and [c.transaction_last for c in shown] == [False, True, True]
    assert shown[2].entity.equipment_model == equipment_model_pb2.EquipmentModel(id=made.id)
    everything, _ = changes_until(full, lambda seen: len(seen) == 4)
    assert everything[1].entity.equipment_model == made
    assert everything[2].job.id == job.id
    revisions = [change.revision for change in everything]
    assert revisions == sorted(set(revisions)) and revisions[:2] == [c.revision for c in shown[:2]]


def test_changes_of_a_job_come_as_one(client):
    gathered, opened = client.watch(coalesce_window={"seconds": 1}, filter="name ne 'none'")
    job, other = client.create(name="a"), client.create(name="b")
    client.update(job.id, name="c")
    client.update(job.id, description="d")
    client.delete(other.id)
    last = client.create(name="last")
    changes, token = changes_until(gathered, lambda seen: any(c.job.id == last.id for c in seen))
    # How many windows these fall into is up to the clock; what they add up to is not.
    state = {}
    for change in changes:
        assert (change.job.id in state) == (change.kind in (UPDATED, DELETED))
        state[change.job.id] = change.job
        if change.kind == DELETED:
            del state[change.job.id]
    assert {job_id: (shown.name, shown.description) for job_id, shown in state.items()} == {
        job.id: ("c", "d"), last.id: ("last", "")}
    # From the log it is one window of a minute.
    again, _ = client.watch(opened.resume_token, coalesce_window={"seconds": 60}, filter="name ne 'none'")
    changes, _ = changes_until(again, lambda seen: any(c.job.id == last.id for c in seen))
    assert [(c.kind, c.job.id) for c in changes] == [(CREATED, job.id), (CREATED, last.id)]
    # The token is one for streams that gather nothing, too.
    plain, _ = client.watch(token, filter="name ne 'none'")
    client.update(last.id, name="more")
    changes, _ = changes_until(plain, lambda seen: seen)
    assert [(c.kind, c.job.name) for c in changes] == [(UPDATED, "more")]


@pytest.mark.parametrize("seconds, nanos", [(61, 0), (60, 1), (-1, 0)])
def test_windows_have_limits(client, seconds, nanos):
    with pytest.raises(grpc.RpcError) as error:
        client.watch(coalesce_window={"seconds": seconds, "nanos": nanos})
    assert error.value.code() == grpc.StatusCode.INVALID_ARGUMENT and "coalesce_window" in error.value.details()
