"""OData delta over the log of changes: Prefer: odata.track-changes, deltaLinks, $deltatoken; and ListJobChanges, which is behind it."""

import random
import urllib.parse
import uuid

import grpc
import pytest

from conftest import Server, run, sample
from jobgate.v1 import job_service_pb2 as api, job_service_pb2_grpc

TRACK = {"Prefer": "odata.track-changes"}
NOBODY = "00000000-0000-4000-8000-000000000001"


def query(**options):
    return "/api/Jobs?" + urllib.parse.urlencode({f"${name}": value for name, value in options.items()})


def create(server, **members):
    answer = server.request("POST", "/api/Jobs", {"name": "job", "project": {"reference_back_office": "P", "name": "place"},
                                                  "job_type": {"code": "T"}, "job_status_code": "Open", **members})
    assert answer.status == 201, answer.body
    return answer.json()["id"]


def change(server, id, **members):
    answer = server.request("PATCH", f"/api/Jobs({id})", members)
    assert answer.status == 200, answer.body


def delete(server, id):
    assert server.request("DELETE", f"/api/Jobs({id})").status == 204


def follow(server, url, between=None, **headers):
    """All rows from that URL on, over its nextLinks, and the deltaLink at the end."""
    rows = []
    while True:
        answer = server.request("GET", url, headers=headers)
        assert answer.status == 200, answer.body
        page = answer.json()
        rows += page["value"]
        assert ("@odata.nextLink" in page) != ("@odata.deltaLink" in page), list(page)
        if "@odata.deltaLink" in page:
            return rows, page["@odata.deltaLink"]
        url, headers = page["@odata.nextLink"], {}
        if between is not None:
            between()


class Model:
    """What a client has that began with a collection and follows its delta links."""

    def __init__(self, server, url, between=None):
        self.server = server
        rows, self.link = follow(server, url, between, **TRACK)
        self.jobs = {row["id"]: row for row in rows}

    def catch_up(self, between=None):
        rows, self.link = follow(self.server, self.link, between)
        for row in rows:
            if "@removed" in row:
                self.jobs.pop(row["id"], None)
            else:
                self.jobs[row["id"]] = row
        return rows


def everything(server, **options):
    rows, url = [], query(**options)
    while url:
        page = server.get(url).json()
        rows, url = rows + page["value"], page.get("@odata.nextLink")
    return {row["id"]: row for row in rows}


def test_a_collection_ends_with_a_delta_link(server):
    first, second, third = create(server), create(server), create(server)
    answer = server.request("GET", "/api/Jobs", headers=TRACK)
    assert answer.headers["Preference-Applied"] == "odata.track-changes"
    page = answer.json()
    assert list(page) == ["@odata.context", "value", "@odata.deltaLink"] and len(page["value"]) == 3
    change(server, second, name="other")
    delete(server, third)
    fourth = create(server)
    fifth = create(server)
    delete(server, fifth)
    answer = server.get(page["@odata.deltaLink"])
    assert answer.headers["OData-Version"] == "4.0" and answer.headers["Preference-Applied"] is None
    delta = answer.json()
    assert list(delta) == ["@odata.context", "value", "@odata.deltaLink"]
    assert delta["@odata.context"] == f"http://{server.http}/api/$metadata#Jobs/$delta"
    shown = server.get(f"/api/Jobs({second})").json()
    del shown["@odata.context"]
    assert delta["value"][0] == shown  # as a read shows it, embedded entities too
    assert delta["value"][1]["id"] == fourth
    assert delta["value"][2:] == [{"@removed": {"reason": "deleted"}, "id": third}, {"@removed": {"reason": "deleted"}, "id": fifth}]
    # A client that reads 4.0 and no later version gets that one's form (its JSON format, 14.2), of the same link.
    old = server.get(page["@odata.deltaLink"], **{"OData-MaxVersion": "4.0"}).json()
    assert old == {**delta, "value": delta["value"][:2] + [
        {"@odata.context": "#Jobs/$deletedEntity", "id": f"Jobs({id})", "reason": "deleted"} for id in (third, fifth)]}
    assert server.get(page["@odata.deltaLink"], **{"OData-MaxVersion": "4.01"}).json() == delta
    again = server.get(delta["@odata.deltaLink"]).json()
    assert again["value"] == [] and again["@odata.deltaLink"] == delta["@odata.deltaLink"]
    assert first not in [row["id"] for row in delta["value"]]


def test_4_01_spelling_and_no_preference(server):
    create(server)
    assert "@odata.deltaLink" not in server.get("/api/Jobs").json()
    answer = server.request("GET", "/api/Jobs", headers={"Prefer": "return=minimal, Track-Changes"})
    assert answer.headers["Preference-Applied"] == "track-changes" and "@odata.deltaLink" in answer.json()
    # A part of a collection is not tracked, nor what other entities bring; the preference is then ignored.
    for options in [{"top": "5"}, {"skip": "0"}, {"filter": "project/name eq 'place'"}, {"expand": "_parent_job"}]:
        answer = server.request("GET", query(**options), headers=TRACK)
        assert answer.status == 200 and answer.headers["Preference-Applied"] is None, options
        assert "@odata.deltaLink" not in answer.json()
    assert server.request("GET", query(filter="nothing eq 1"), headers=TRACK).status == 400


def test_selections_and_filters_stay_in_the_links(server):
    inside, outside = create(server, name="in"), create(server, name="out")
    model = Model(server, query(filter="name eq 'in' or name eq 'it''s'", select="name", expand="project($select=name)") + "&mine=a%20b")
    assert "mine=a%20b" in model.link
    assert list(model.jobs) == [inside]
    change(server, inside, name="out")
    change(server, outside, name="it's")
    rows = model.catch_up()
    assert rows == [{"id": outside, "name": "it's", "project": {"name": "place"}}, {"@removed": {"reason": "changed"}, "id": inside}]
    assert "mine=a%20b" in model.link


def test_aliases_go_along(server):
    inside = create(server, name="in")
    create(server, name="out")
    model = Model(server, "/api/Jobs?$filter=name%20eq%20@n&@n='in'")
    assert list(model.jobs) == [inside]
    other = create(server, name="in")
    assert [row["id"] for row in model.catch_up()] == [other]


def test_long_deltas_have_next_links(tmp_path):
    server = Server(tmp_path, "--page-size", "10")
    try:
        model = Model(server, "/api/Jobs")
        run("import", "--server", server.grpc, "-", stdin=sample(95))
        pages, url = [], model.link
        while url:
            page = server.get(url).json()
            pages.append(page["value"])
            url = page.get("@odata.nextLink")
        assert len(pages) >= 10 and all(len(rows) <= 10 for rows in pages)
        assert len({row["id"] for rows in pages for row in rows}) == 95
        model.catch_up()
        assert model.jobs == everything(server)
    finally:
        server.stop()


@pytest.mark.parametrize("filter", [None, "name eq 'in'"])
def test_deltas_applied_are_the_list(tmp_path, filter):
    """Writers go on between pages, of the collection and of the deltas; a restart and a kill come in between too."""
    server = Server(tmp_path, "--page-size", "7")
    dice = random.Random(f"delta {filter}")
    ids = []

    def write():
        for _ in range(dice.randrange(4)):
            what = dice.random()
            if what < 0.4 or not ids:
                ids.append(create(server, id=str(uuid.UUID(int=dice.getrandbits(128), version=4)), name=dice.choice(["in", "out"])))
            elif what < 0.8:
                change(server, dice.choice(ids), name=dice.choice(["in", "out", "other"]))
            else:
                delete(server, ids.pop(dice.randrange(len(ids))))

    try:
        for _ in range(15):
            write()
        options = {} if filter is None else {"filter": filter}
        model = Model(server, query(**options), between=write)
        for turn in range(12):
            write()
            model.catch_up(between=write)
            model.catch_up()
            assert model.jobs == everything(server, **options)
            if turn in (3, 7):
                old = server.http
                server.kill() if turn == 3 else server.terminate()
                server.process.stdout.close()
                server.start()
                model.link = model.link.replace(old, server.http)
    finally:
        server.stop()


def token_of(link):
    return dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(link).query))["$deltatoken"]


def test_bad_tokens(server, tmp_path_factory):
    create(server)
    token = token_of(Model(server, "/api/Jobs").link)
    filtered = token_of(Model(server, query(filter="name eq 'in'")).link)
    other = Server(tmp_path_factory.mktemp("other"))
    try:
        foreign = token_of(Model(other, "/api/Jobs").link)
    finally:
        other.stop()
    cases = [({"deltatoken": "garbage"}, 400), ({"deltatoken": filtered}, 400), ({"deltatoken": token, "filter": "name eq 'in'"}, 400),
             ({"deltatoken": foreign}, 410), ({"deltatoken": token, "top": "5"}, 400), ({"deltatoken": token, "orderby": "name"}, 400),
             ({"deltatoken": token, "count": "true"}, 400), ({"deltatoken": token, "expand": "_parent_job"}, 501),
             ({"deltatoken": token, "filter": "project/name eq 'x'"}, 400)]
    for options, status in cases:
        answer = server.get(query(**options))
        assert answer.status == status, (options, answer.body)
        message = answer.json()["error"]["message"]
        assert ("$filter" if "project" in options.get("filter", "") else "$deltatoken") in message, message
    assert server.get(f"/api/Project?$deltatoken={token}").status == 501
    assert server.get(f"/api/Jobs({NOBODY})?$deltatoken={token}").status == 400


def test_one_token_for_all_doors(server):
    """A delta link's token begins a stream of either kind, and a stream's token a delta."""
    model = Model(server, "/api/Jobs")
    job = create(server)
    with server.channel() as channel:
        stub = job_service_pb2_grpc.JobServiceStub(channel)
        stream = stub.WatchJobs(api.WatchJobsRequest(resume_token=token_of(model.link)), timeout=60)
        message = next(message for message in stream if message.HasField("changes"))
        assert message.changes.changes[-1].job.id == job
        stream.cancel()
        change(server, job, name="other")
        answer = stub.ListJobChanges(api.ListJobChangesRequest(resume_token=message.changes.resume_token))
        assert [(j.id, j.name) for j in answer.jobs] == [(job, "other")] and not answer.more
        delete(server, job)
        gone = server.get(query(deltatoken=answer.resume_token)).json()["value"]
        assert gone == [{"@removed": {"reason": "deleted"}, "id": job}]
        now = stub.ListJobChanges(api.ListJobChangesRequest())
        assert not now.jobs and not stub.ListJobChanges(api.ListJobChangesRequest(resume_token=now.resume_token)).deleted_ids
        with pytest.raises(grpc.RpcError) as error:
            stub.ListJobChanges(api.ListJobChangesRequest(resume_token="garbage"))
        assert error.value.code() == grpc.StatusCode.INVALID_ARGUMENT


def test_history_that_is_lost_is_gone(tmp_path):
    """A restored record has another history: 410, which says to read anew."""
    store, copy = f"sqlite:{tmp_path}/jobgate.db", tmp_path / "copy.db"
    server = Server(tmp_path, store=store)
    create(server)
    model = Model(server, "/api/Jobs")
    run("backup", "--store", store, str(copy))
    server.stop()
    restored = f"sqlite:{tmp_path}/restored.db"
    run("restore", "--store", restored, str(copy))
    server = Server(tmp_path, store=restored)
    try:
        answer = server.get(query(deltatoken=token_of(model.link)))
        assert answer.status == 410 and "anew" in answer.json()["error"]["message"]
        assert len(Model(server, "/api/Jobs").jobs) == 1
    finally:
        server.stop()
