"""GET api/Jobs/$changes: the change stream as server-sent events and as lines of JSON, from outside."""

import base64
import contextlib
import http.client
import json
import socket
import subprocess
import threading
import urllib.parse
import uuid

import pytest

from conftest import ROOT, SAMPLE_ID, WAIT_SECONDS, Server, run, sample

NODE = ROOT / "out" / "clients" / "node"
PATH = "/api/Jobs/$changes"
npm = pytest.mark.skipif(not (NODE / "node_modules" / "eventsource").is_dir(),
                         reason="clients of npm: not in out/clients; see tests/clients/install.sh")


class Stream:
    """One stream: its head, then its events as (type, id, document)."""

    def __init__(self, server, query="", lines=False, method="GET", **headers):
        self.lines = lines
        self.connection = http.client.HTTPConnection(server.http, timeout=WAIT_SECONDS)
        accept = "application/x-ndjson" if lines else "text/event-stream"
        self.connection.request(method, PATH + query, headers={"Accept": accept, **headers})
        self.answer = self.connection.getresponse()
        self.status = self.answer.status

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.connection.close()

    def json(self):
        return json.loads(self.answer.read())

    def __iter__(self):
        return self

    def __next__(self):
        if self.lines:
            line = self.answer.readline()
            if not line:
                raise StopIteration
            document = json.loads(line)
            return document["event"], document.get("resume_token"), document
        fields = {}
        while (line := self.answer.readline()) != b"\n":
            if not line:
                raise StopIteration
            name, _, value = line.decode().rstrip("\n").partition(":")
            assert name not in fields, line
            fields[name] = value.removeprefix(" ")
        document = json.loads(fields["data"])
        assert document["event"] == fields["event"]
        assert document.get("resume_token") == fields.get("id")
        self.fields = fields
        return fields["event"], fields.get("id"), document

    def wait(self, event):
        """The next event of that type."""
        for kind, token, document in self:
            if kind == event:
                return token, document
        raise AssertionError("the stream ended")

    def changes(self, count):
        """At least so many changes, and the token behind them."""
        changes, token = [], None
        while len(changes) < count:
            token, document = self.wait("changes")
            changes += document["changes"]
        return changes, token


def create(server, **members):
    answer = server.request("POST", "/api/Jobs", {"name": "job", "project": {"reference_back_office": "P"},
                                                  "job_type": {"code": "T"}, "job_status_code": "Open", **members})
    assert answer.status == 201, answer.body
    return answer.json()


def change(server, id, **members):
    answer = server.request("PATCH", f"/api/Jobs({id})", members)
    assert answer.status == 200, answer.body


def query(**options):
    return "?" + urllib.parse.urlencode(options)


@pytest.mark.parametrize("lines", [False, True])
def test_changes_come_as_rest_shows_jobs(server, lines):
    parent = create(server)
    with Stream(server, lines=lines) as stream:
        assert stream.status == 200
        assert stream.answer.headers["Content-Type"].startswith("application/x-ndjson" if lines else "text/event-stream")
        assert stream.answer.headers["Cache-Control"] == "no-store"
        kind, opened, document = next(stream)
        assert kind == "opened" and opened and document["heartbeat_ms"] == 15000
        job = create(server)
        changes, _ = stream.changes(1)
        bare = {name: value for name, value in job.items() if name not in ("@odata.context", "project", "job_type")}
        assert changes[-1]["job"] == bare
        assert changes[-1]["kind"] == "CREATED" and changes[-1]["transaction_last"]
        change(server, job["id"], name="other", _parent_id=parent["id"])
        (updated,), _ = stream.changes(1)
        assert updated["kind"] == "UPDATED" and updated["job"]["name"] == "other"
        assert {"name", "_parent_id", "modified_dateutc"} <= set(updated["changed_fields"])
        assert server.request("DELETE", f"/api/Jobs({job['id']})").status == 204
        (deleted,), last = stream.changes(1)
        assert deleted["kind"] == "DELETED" and deleted["job"] == {"id": job["id"]}
        revisions = [changes[-1]["revision"], updated["revision"], deleted["revision"]]
        assert revisions == sorted(set(revisions))
    with Stream(server, query(resume_token=opened), lines=lines) as stream:
        again, token = stream.changes(3)
        assert [c["revision"] for c in again] == revisions and token == last


def test_full_views_and_selections(server):
    job = create(server)
    with Stream(server, query(view="full")) as full, Stream(server, "?$select=name&$expand=project") as some:
        next(full), next(some)
        change(server, job["id"], name="n")
        shown = {name: value for name, value in server.get(f"/api/Jobs({job['id']})").json().items() if name != "@odata.context"}
        (whole,), _ = full.changes(1)
        assert whole["job"] == shown
        assert list(whole["job"]) == list(shown)  # in the contract's order
        (part,), _ = some.changes(1)
        assert part["job"] == {"id": job["id"], "name": "n", "project": shown["project"]}


def test_curl_hears_events(server):
    curl = subprocess.Popen(["curl", "-sNi", f"http://{server.http}{PATH}"], stdout=subprocess.PIPE)
    head = []
    while (line := curl.stdout.readline().strip()):
        head.append(line.decode())
    assert head[0] == "HTTP/1.1 200 OK" and "Transfer-Encoding: chunked" in head
    assert curl.stdout.readline() == b"event: opened\n"
    create(server)
    while curl.stdout.readline() != b"event: changes\n":
        pass
    assert curl.stdout.readline().startswith(b"id: ")
    assert curl.stdout.readline().startswith(b'data: {"event":"changes","changes":[{"revision":')
    curl.terminate()
    curl.wait(WAIT_SECONDS)
    curl.stdout.close()


def test_http_1_0_reads_to_the_end(server):
    with socket.create_connection(server.http.split(":"), WAIT_SECONDS) as client:
        client.sendall(f"GET {PATH} HTTP/1.0\r\n\r\n".encode())
        reader = client.makefile("rb")
        head = [line.strip().lower() for line in iter(reader.readline, b"\r\n")]
        assert b"connection: close" in head and not any(line.startswith(b"transfer-encoding") for line in head)
        assert reader.readline() == b"event: opened\n"


def test_refusals_before_the_first_byte(server, tmp_path_factory):
    other = Server(tmp_path_factory.mktemp("other"))
    try:
        with Stream(other) as stream:
            foreign, _ = stream.wait("opened")
    finally:
        other.stop()
    with Stream(server, query(**{"$filter": "id2 gt 0"})) as stream:
        filtered, _ = stream.wait("opened")
    cases = [(query(resume_token="garbage"), {}, 400), (query(resume_token=foreign), {}, 410), ("", {"Last-Event-ID": foreign}, 410),
             ("", {"Last-Event-ID": filtered}, 400), (query(snapshot="true", now="true"), {}, 400), (query(since="soon"), {}, 400),
             (query(heartbeat="1"), {}, 400), (query(**{"$filter": "nothing eq 1"}), {}, 400),
             (query(**{"$filter": "project/name eq 'x'"}), {}, 400), (query(**{"$top": "1"}), {}, 400),
             ("", {"Accept": "application/json"}, 406), ("", {"OData-Version": "3.0"}, 400)]
    for text, headers, status in cases:
        with Stream(server, text, **headers) as stream:
            assert stream.status == status, (text, headers)
            assert stream.answer.headers["Content-Type"].startswith("application/json")
            assert stream.json()["error"]["message"]
    assert server.request("POST", PATH, {}).status == 405


def test_head_opens_nothing_that_stays(server):
    with Stream(server, method="HEAD") as stream:
        assert stream.status == 200 and stream.answer.headers["Content-Type"].startswith("text/event-stream")
    with Stream(server, query(resume_token="garbage"), method="HEAD") as stream:
        assert stream.status == 400


def test_a_snapshot_then_changes_is_the_list(server):
    run("import", "--server", server.grpc, "-", stdin=sample(150))
    jobs, text = {}, "name ne 'out' and id2 gt 50"
    with Stream(server, query(snapshot="true", **{"$filter": text})) as stream:
        stream.wait("opened")
        for kind, token, document in stream:
            if kind == "synced":
                break
            for job in document.get("jobs", []):
                assert job["id"] not in jobs
                jobs[job["id"]] = job
        rows = server.get("/api/Jobs" + query(**{"$top": 1000, "$filter": text})).json()["value"]
        assert set(jobs) == {row["id"] for row in rows} and 0 < len(jobs) < 150
        job = create(server, name="out")
        assert job["id"] not in jobs
        change(server, job["id"], name="in")
        (entered,), _ = stream.changes(1)
        assert entered["kind"] == "ENTERED" and entered["job"]["id"] == job["id"]
        assert entered["before"] == {"name": "out"}
        change(server, job["id"], name="out")
        (left,), _ = stream.changes(1)
        assert left["kind"] == "LEFT" and left["revision"] > entered["revision"]


def test_a_snapshot_goes_on_where_it_broke_off(server):
    """The same URL with Last-Event-ID, as an EventSource asks again: what was seen does not come again."""
    run("import", "--server", server.grpc, "-", stdin=sample(1500))
    jobs, last = {}, None
    for turn in range(100):
        with Stream(server, query(snapshot="true", view="full"), **({"Last-Event-ID": last} if last else {})) as stream:
            assert stream.status == 200
            for kind, token, document in stream:
                assert kind in ("opened", "snapshot", "changes", "synced")
                last = token or last
                for job in document.get("jobs", []):
                    assert job["id"] not in jobs
                    jobs[job["id"]] = job
                if kind in ("snapshot", "synced"):
                    break  # It breaks off behind each part.
        if kind == "synced":
            break
        if turn < 3:
            create(server)  # Behind all that was sent: it comes with a later part, or as a change.
    assert kind == "synced"
    rows, path = {}, "/api/Jobs?$top=1000000"
    while path:
        page = server.get(path).json()
        rows.update((row["id"], row) for row in page["value"])
        path = page.get("@odata.nextLink")
    for id in set(rows) - set(jobs):  # Those that came as changes are not among the parts.
        assert rows[id]["name"] == "job"
    assert {id: rows[id] for id in jobs} == jobs and len(jobs) >= 1500


def test_a_stream_from_a_time_on(server):
    with Stream(server) as stream:
        stream.wait("opened")
        create(server)
        first, _ = stream.changes(1)
        job = create(server)
        second, _ = stream.changes(1)
    with Stream(server, query(since=second[0]["commit_time"])) as stream:
        again, _ = stream.changes(1)
        assert [c["revision"] for c in again] == [c["revision"] for c in second] and again[0]["job"]["id"] == job["id"]
    with Stream(server, query(since=first[0]["commit_time"].replace("+00:00", "Z"))) as stream:
        again, _ = stream.changes(2)
        assert [c["revision"] for c in again] == [c["revision"] for c in first + second]


def test_filters_have_aliases(server):
    with Stream(server, "?" + urllib.parse.urlencode({"$filter": "name eq @n", "@n": "'in'"})) as stream:
        stream.wait("opened")
        create(server, name="out")
        job = create(server, name="in")
        changes, token = stream.changes(1)
        assert [c["job"]["id"] for c in changes] == [job["id"]]
    with Stream(server, query(**{"$filter": "name eq 'in'", "resume_token": token})) as stream:
        assert stream.status == 200  # One filter, however it is spelled.


def test_changes_of_embedded_entities(server):
    job = create(server)
    with Stream(server, query(entity_changes="true"), lines=True) as stream:
        stream.wait("opened")
        answer = server.request("PATCH", f"/api/Project({job['project_id']})", {"name": "moved"})
        assert answer.status == 200
        changes, token = stream.changes(1)
        (entity,) = changes
        assert entity["entity_kind"] == "project" and entity["kind"] == "UPDATED" and "job" not in entity
        shown = server.get(f"/api/Project({job['project_id']})").json()
        del shown["@odata.context"]
        assert entity["entity"] == shown and "name" in entity["changed_fields"]


class Model:
    """The ids that a client of the stream has."""

    def __init__(self, *ids):
        self.ids = set(ids)

    def take(self, kind, document):
        if kind == "reset":
            self.ids = set()
        self.ids |= {job["id"] for job in document.get("jobs", [])}
        for change in document.get("changes", []):
            (self.ids.discard if change["kind"] in ("DELETED", "LEFT") else self.ids.add)(change["job"]["id"])


def check_a_reset_outlives_breaks(server, token, ids):
    """As an EventSource, or one that reads lines and keeps the last token, whose connection breaks behind the n-th event."""
    for lines in (False, True):
        for count in (1, 2, 3):
            model, last = Model("no such job"), token
            with Stream(server, query(snapshot_on_reset="true"), lines=lines, **{"Last-Event-ID": last}) as stream:
                for _ in range(count):
                    kind, id, document = next(stream)
                    model.take(kind, document)
                    last = id or last
            with Stream(server, query(snapshot_on_reset="true"), lines=lines, **{"Last-Event-ID": last}) as stream:
                while kind != "synced":
                    kind, _, document = next(stream)
                    model.take(kind, document)
            assert model.ids == ids, (lines, count)


def check_a_cut_connection_loses_no_reset(server, token, ids):
    """An EventSource behind a proxy that cuts the first connection right behind `opened`."""
    if not (NODE / "node_modules" / "eventsource").is_dir():
        return
    proxy = CuttingProxy(server.http, token)
    source = subprocess.Popen(["node", str(ROOT / "tests" / "clients" / "sse.mjs"), str(NODE),
                               f"http://{proxy.address}{PATH}?snapshot_on_reset=true"], stdout=subprocess.PIPE)
    model, kinds = Model("no such job"), []
    while "synced" not in kinds:
        line = json.loads(source.stdout.readline())
        kinds.append(line["type"])
        model.take(line["type"], line.get("data") or {})
    source.terminate()
    source.communicate()
    proxy.close()
    assert kinds[:2] == ["opened", "error"] and model.ids == ids, kinds


class CuttingProxy:
    """Passes connections on; the first one asks with a Last-Event-ID and is cut when its first event has come."""

    def __init__(self, target, token):
        self.host, self.port = target.rsplit(":", 1)
        self.token, self.first = token, True
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.address = "127.0.0.1:%d" % self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.carry, args=(client, self.first), daemon=True).start()
            self.first = False

    def carry(self, client, cut):
        with client, socket.create_connection((self.host, int(self.port))) as server, contextlib.suppress(OSError):
            asked = client.recv(65536)
            if cut:
                head, _, rest = asked.partition(b"\r\n")
                asked = head + b"\r\nLast-Event-ID: " + self.token.encode() + b"\r\n" + rest
            server.sendall(asked)
            passed = b""
            while piece := server.recv(65536):
                passed += piece
                # The event, its empty line and the end of its chunk.
                end = passed.find(b"\n\n\r\n", passed.find(b"event: opened"))
                if cut and end >= 0:
                    client.sendall(passed[:end + 4])
                    return
                if not cut:
                    client.sendall(piece)

    def close(self):
        self.listener.close()


def test_a_lost_history_begins_anew_if_asked(tmp_path):
    store, copy, restored = f"sqlite:{tmp_path}/jobgate.db", tmp_path / "copy.db", f"sqlite:{tmp_path}/restored.db"
    server = Server(tmp_path, store=store)
    job = create(server)
    with Stream(server) as stream:
        token, _ = stream.wait("opened")
    run("backup", "--store", store, str(copy))
    server.stop()
    run("restore", "--store", restored, str(copy))
    server = Server(tmp_path, store=restored)
    try:
        with Stream(server, **{"Last-Event-ID": token}) as stream:
            assert stream.status == 410
        with Stream(server, query(snapshot_on_reset="true"), **{"Last-Event-ID": token}) as stream:
            _, reset = stream.wait("reset")
            assert reset["reason"] == "HISTORY_LOST"
            _, snapshot = stream.wait("snapshot")
            assert [j["id"] for j in snapshot["jobs"]] == [job["id"]]
            stream.wait("synced")
        check_a_reset_outlives_breaks(server, token, {job["id"]})
        check_a_cut_connection_loses_no_reset(server, token, {job["id"]})
    finally:
        server.stop()


def test_bookmarks_come_behind_a_comment(server):
    with Stream(server, query(heartbeat="5")) as stream:
        opened, _ = stream.wait("opened")
        assert int(stream.fields["retry"]) >= 1000
        token, document = stream.wait("bookmark")
        assert stream.fields[""] == "heartbeat" and document["time"] and token
    job = create(server)
    with Stream(server, **{"Last-Event-ID": token}) as stream:
        changes, _ = stream.changes(1)
        assert changes[-1]["job"]["id"] == job["id"]


def test_a_drain_says_where_to_go_on(server):
    with Stream(server) as stream:
        stream.wait("opened")
        stopper = threading.Thread(target=server.terminate)
        stopper.start()
        token, document = stream.wait("drain")
        assert document["retry_delay_ms"] > 0 and int(stream.fields["retry"]) == document["retry_delay_ms"]
        assert list(stream) == []  # a whole end, and no error behind it
        stopper.join()
    assert server.process.returncode == 0
    server.start()
    job = create(server)
    with Stream(server, **{"Last-Event-ID": token}) as stream:
        changes, _ = stream.changes(1)
        assert changes[-1]["job"]["id"] == job["id"]


def test_clients_that_go_leave_nothing(server):
    def streams():
        text = server.request("GET", "/metrics", address=server.admin).body.decode()
        return next(int(line.split()[-1]) for line in text.splitlines() if line.startswith("jobgate_watch_streams "))

    open_ones = [Stream(server) for _ in range(20)]
    for stream in open_ones:
        stream.wait("opened")
    assert streams() == 20
    for stream in open_ones:
        stream.connection.close()
        stream.answer.close()
    while streams() > 0:
        pass


def test_a_client_that_does_not_read_holds_nobody(server):
    run("import", "--server", server.grpc, "-", stdin=sample(400))
    with socket.create_connection(server.http.split(":"), WAIT_SECONDS) as lazy:
        lazy.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        lazy.sendall(f"GET {PATH}?view=full&since=2000-01-01 HTTP/1.1\r\nHost: a\r\n\r\n".encode())
        with Stream(server) as stream:
            stream.wait("opened")
            for _ in range(50):
                job = create(server)
                changes, _ = stream.changes(1)
                assert changes[-1]["job"]["id"] == job["id"]


def basic(user):
    return {"Authorization": "Basic " + base64.b64encode(user.encode()).decode()}


def test_callers_are_asked_and_tenants_apart(tmp_path):
    store = f"sqlite:{tmp_path}/jobgate.db"
    for name in ("ada@north", "bob@south"):
        run("user", "add", name, "--store", store, "--password-file", "-", stdin=b"secret\n")
    server = Server(tmp_path, "--auth", "on", "--cors-origins", "http://app.example", store=store)
    try:
        ada, bob = basic("ada:secret@north"), basic("bob:secret@south")
        with Stream(server) as stream:
            assert stream.status == 401
        with Stream(server, **ada) as north, Stream(server, **bob) as south:
            token, _ = north.wait("opened")
            south.wait("opened")
            ids = []
            for headers in (bob, ada):
                answer = server.request("POST", "/api/Jobs", {"name": "n", "project": {"reference_back_office": "P"}, "job_type":
                                        {"code": "T"}, "job_status_code": "Open"}, headers=headers)
                ids.append(answer.json()["id"])
            assert [c["job"]["id"] for c in north.changes(1)[0]] == [ids[1]]
            assert [c["job"]["id"] for c in south.changes(1)[0]] == [ids[0]]
        with Stream(server, query(resume_token=token), **bob) as stream:
            assert stream.status == 400
        asked = server.request("OPTIONS", PATH, headers={"Origin": "http://app.example", "Access-Control-Request-Method": "GET",
                                                         "Access-Control-Request-Headers": "authorization"})
        assert asked.status == 204 and "Authorization" in asked.headers["Access-Control-Allow-Headers"]
        with Stream(server, Origin="http://app.example", **ada) as stream:
            assert stream.answer.headers["Access-Control-Allow-Origin"] == "http://app.example"
        with Stream(server, Origin="http://other.example", **ada) as stream:
            assert stream.answer.headers["Access-Control-Allow-Origin"] is None
    finally:
        server.stop()


@npm
def test_npm_eventsource_misses_nothing_across_restarts(server):
    """A writer goes on while the server is killed and stopped; the EventSource comes back with its Last-Event-ID by itself."""
    port = server.http.rsplit(":", 1)[1]
    program = ROOT / "tests" / "clients" / "sse.mjs"
    client = subprocess.Popen(["node", str(program), str(NODE), f"http://127.0.0.1:{port}{PATH}"], stdout=subprocess.PIPE, text=True)
    events = (json.loads(line) for line in client.stdout)
    heard = []

    def hear(count):
        while len(heard) < count:
            event = next(events)
            if event["type"] == "changes":
                heard.extend(event["data"]["changes"])

    try:
        assert next(events)["type"] == "opened"
        server.flags = ("--http", f"127.0.0.1:{port}")
        written = []
        for round in range(6):
            written += [create(server, id=str(uuid.uuid4()))["id"] for _ in range(20)]
            if round == 0:
                hear(20)  # It hears from the first one on; later it may be behind when the server goes.
            if round % 2 == 0:
                server.kill()
                server.process.stdout.close()
                server.log.close()
            else:
                server.stop()
            server.start()
        written.append(create(server, id=str(uuid.uuid4()))["id"])
        hear(len(written))
        revisions = [change["revision"] for change in heard]
        assert revisions == sorted(set(revisions))
        assert [change["job"]["id"] for change in heard] == written
    finally:
        client.terminate()
        client.wait(WAIT_SECONDS)
        client.stdout.close()


@npm
def test_npm_eventsource_stops_on_a_dead_token(server, tmp_path_factory):
    other = Server(tmp_path_factory.mktemp("other"))
    try:
        with Stream(other) as stream:
            foreign, _ = stream.wait("opened")
    finally:
        other.stop()
    program = ROOT / "tests" / "clients" / "sse.mjs"
    result = subprocess.run(["node", str(program), str(NODE), f"http://{server.http}{PATH}{query(resume_token=foreign)}"],
                            capture_output=True, text=True, timeout=WAIT_SECONDS)
    (error,) = [json.loads(line) for line in result.stdout.splitlines()]
    assert error["type"] == "error" and error["code"] == 410 and error["state"] == 2  # closed: no loop of retries
