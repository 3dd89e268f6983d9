"""Authentication and tenants, statements 92 to 94: who gets in through either door, and what they see."""

import base64
import json
import os
import pty
import re
import subprocess
import time

import grpc
import pytest
from google.protobuf import empty_pb2
from grpc.health.v1 import health_pb2, health_pb2_grpc
from grpc.reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from conftest import JOBGATE, Server, WAIT_SECONDS, run, sample
from jobgate.v1 import job_service_pb2 as api, job_service_pb2_grpc

ADA, BOB = ("ada", "s3:cr@t", "North"), ("bob", "pässwort", "SOUTH")
REMEMBERED_SECONDS = 60


def basic(name, password, domain):
    return "Basic " + base64.b64encode(f"{name}:{password}@{domain}".encode()).decode()


def user_add(store, name, password, domain, *flags):
    run("user", "add", f"{name}@{domain}", "--store", store, "--password-file", "-", *flags, stdin=password.encode() + b"\n")


def as_user(user, *args, stdin=None, check=True):
    """A command of the program that calls as the user; the password comes by the environment."""
    result = subprocess.run([JOBGATE, *args, "--user", f"{user[0]}@{user[2]}"], input=stdin, capture_output=True,
                            timeout=300, env={**os.environ, "JOBGATE_PASSWORD": user[1]})
    assert not check or result.returncode == 0, result.stderr
    return result


def metadata(user):
    return (("authorization", basic(*user)),)


def code_of(call):
    with pytest.raises(grpc.RpcError) as error:
        call()
    return error.value.code()


@pytest.fixture(scope="module")
def guarded(tmp_path_factory):
    """A server with authentication, two domains with a user each, and five jobs in the first one."""
    folder = tmp_path_factory.mktemp("guarded")
    store = f"sqlite:{folder}/jobgate.db"
    user_add(store, *ADA)  # makes the database
    server = Server(folder, "--auth", "on", store=store)
    user_add(store, *BOB)  # beside the server
    as_user(ADA, "import", "--server", server.grpc, "-", stdin=sample(5))
    server.jobs = [json.loads(line)["id"] for line in sample(5).splitlines()]
    yield server
    server.stop()


@pytest.fixture
def guarded_stub(guarded):
    with guarded.channel() as channel:
        yield job_service_pb2_grpc.JobServiceStub(channel)


def refusals():
    """Nothing, what is malformed, and what is wrong."""
    name, password, domain = ADA
    plain = base64.b64encode(f"{name}:{password}".encode()).decode()
    return [{}] + [{"Authorization": value} for value in (
        "", "Basic", "Basic !", "Bearer x", "Basic " + plain, basic(name, "wrong", domain), basic("nobody", password, domain),
        basic(name, password, BOB[2]), basic(name, password, "nowhere"), basic(name.upper(), password, domain),
        basic(*ADA).rstrip("="), basic(*ADA) + ", " + basic(*ADA))]


def test_rest_refuses_strangers_alike(guarded):
    """92, before routes, methods, queries and bodies are looked at."""
    bodies = set()
    for headers in refusals():
        for method, path, body in (("GET", "/api/Jobs", None), ("POST", "/api/Jobs", b"{not json"), ("GET", "/nope", None),
                                   ("GET", f"/api/Jobs({guarded.jobs[0]})", None), ("PATCH", "/api/Jobs?$top=x", b"{}"),
                                   ("GET", "/api/$metadata", None)):
            answer = guarded.request(method, path, body, headers)
            assert answer.status == 401, (headers, method, path)
            assert answer.headers["WWW-Authenticate"] == 'Basic realm="jobgate", charset="UTF-8"'
            bodies.add(answer.body)
    assert len(bodies) == 1
    assert json.loads(bodies.pop())["error"]["message"]


def test_grpc_refuses_strangers(guarded, guarded_stub):
    for headers in refusals():
        pairs = tuple((key.lower(), value) for key, value in headers.items())
        assert code_of(lambda: guarded_stub.ListJobs(api.ListJobsRequest(), metadata=pairs)) == grpc.StatusCode.UNAUTHENTICATED
        assert code_of(lambda: next(guarded_stub.WatchJobs(api.WatchJobsRequest(), metadata=pairs))) \
            == grpc.StatusCode.UNAUTHENTICATED
    with guarded.channel() as channel:
        assert health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest()).status \
            == health_pb2.HealthCheckResponse.SERVING
        reflection = reflection_pb2_grpc.ServerReflectionStub(channel).ServerReflectionInfo
        ask = [reflection_pb2.ServerReflectionRequest(list_services="")]
        assert code_of(lambda: next(reflection(iter(ask)))) == grpc.StatusCode.UNAUTHENTICATED
        assert next(reflection(iter(ask), metadata=metadata(ADA))).list_services_response.service
        unknown = channel.unary_unary("/jobgate.v1.JobService/Nope")
        assert code_of(lambda: unknown(b"")) == grpc.StatusCode.UNAUTHENTICATED
        assert code_of(lambda: unknown(b"", metadata=metadata(ADA))) == grpc.StatusCode.UNIMPLEMENTED


def test_the_contracts_example(tmp_path):
    """93."""
    server = Server(tmp_path, "--auth", "on")
    try:
        user_add(server.store, "APIUser", "123456", "TESTAPI")
        header = "Basic QVBJVXNlcjoxMjM0NTZAVEVTVEFQSQ=="
        assert basic("APIUser", "123456", "TESTAPI") == header
        assert server.get("/api/Jobs", Authorization=header).status == 200
        assert server.get("/api/Jobs", Authorization=basic("APIUser", "123456", "testapi")).status == 200
    finally:
        server.stop()


def test_tenants_do_not_see_each_other(guarded, guarded_stub):
    """94: another tenant's job is 404, never 403, whatever is asked of it."""
    job, ada, bob = guarded.jobs[0], {"Authorization": basic(*ADA)}, {"Authorization": basic(*BOB)}
    path = f"/api/Jobs({job})"
    assert guarded.request("GET", path, headers=ada).status == 200
    missing = guarded.request("GET", "/api/Jobs(00000000-0000-0000-0000-000000000001)", headers=bob)
    for method, body in (("GET", None), ("PUT", {"name": "x"}), ("PATCH", {"name": "x"}), ("DELETE", None)):
        answer = guarded.request(method, path, body, bob)
        assert answer.status == 404
        if method == "GET":
            assert answer.body == missing.body.replace(b"00000000-0000-0000-0000-000000000001", job.encode())
    assert guarded.request("GET", "/api/Jobs", headers=bob).json()["value"] == []
    assert len(guarded.request("GET", "/api/Jobs", headers=ada).json()["value"]) == 5
    calls = (lambda m: guarded_stub.GetJob(api.GetJobRequest(id=job), metadata=m),
             lambda m: guarded_stub.DeleteJob(api.DeleteJobRequest(id=job), metadata=m))
    for call in calls:
        assert code_of(lambda: call(metadata(BOB))) == grpc.StatusCode.NOT_FOUND
    assert len(guarded_stub.ListJobs(api.ListJobsRequest(), metadata=metadata(ADA)).jobs) == 5
    assert not guarded_stub.ListJobs(api.ListJobsRequest(), metadata=metadata(BOB)).jobs
    # Answers that were read once may be kept ready: for whom they were read alone.
    assert guarded_stub.GetJob(api.GetJobRequest(id=job), metadata=metadata(ADA)).id == job
    assert code_of(lambda: calls[0](metadata(BOB))) == grpc.StatusCode.NOT_FOUND
    assert guarded.request("GET", path, headers=ada).status == 200


def test_tokens_are_a_tenants_own(guarded, guarded_stub):
    """A page token and a resume token of another tenant are refused at once, not answered with its jobs."""
    page = guarded_stub.ListJobs(api.ListJobsRequest(page_size=2), metadata=metadata(ADA))
    assert page.next_page_token
    stolen = api.ListJobsRequest(page_size=2, page_token=page.next_page_token)
    assert code_of(lambda: guarded_stub.ListJobs(stolen, metadata=metadata(BOB))) == grpc.StatusCode.INVALID_ARGUMENT
    stream = guarded_stub.WatchJobs(api.WatchJobsRequest(now=empty_pb2.Empty()), metadata=metadata(ADA))
    token = next(stream).opened.resume_token
    stream.cancel()
    stolen = api.WatchJobsRequest(resume_token=token)
    assert code_of(lambda: next(guarded_stub.WatchJobs(stolen, metadata=metadata(BOB)))) == grpc.StatusCode.INVALID_ARGUMENT


def test_watch_shows_the_tenants_changes_alone(guarded, guarded_stub):
    streams = {user: guarded_stub.WatchJobs(api.WatchJobsRequest(now=empty_pb2.Empty()), metadata=metadata(user),
                                            timeout=WAIT_SECONDS)
               for user in (ADA, BOB)}
    for stream in streams.values():
        assert next(stream).WhichOneof("event") == "opened"
    made = {}
    for user in (ADA, BOB):
        body = {"name": user[0], "project": {"reference_back_office": "P-1"}, "job_type": {"code": "JT"},
                "job_status_code": "Open"}
        answer = guarded.request("POST", "/api/Jobs", body, {"Authorization": basic(*user)})
        assert answer.status == 201, answer.body
        made[user] = answer.json()["id"]
    for user, stream in streams.items():
        event = next(e for e in stream if e.WhichOneof("event") == "changes")
        assert [change.job.id for change in event.changes.changes] == [made[user]]
        stream.cancel()
        path = f"/api/Jobs({made[user]})"
        assert guarded.request("DELETE", path, headers={"Authorization": basic(*user)}).status == 204


def test_commands_call_as_a_user(guarded, tmp_path):
    secret = tmp_path / "secret"
    secret.write_text(ADA[1] + "\n")
    lines = as_user(ADA, "list", "--server", guarded.grpc).stdout.splitlines()
    assert len(lines) == 5
    by_file = run("list", "--server", guarded.grpc, "--user", "ada@NORTH", "--password-file", str(secret))
    assert by_file.stdout.splitlines() == lines
    assert as_user(ADA, "get", guarded.jobs[1], "--server", guarded.grpc).stdout.strip() in lines
    assert as_user(BOB, "list", "--server", guarded.grpc).stdout == b""
    for user in (("ada", "wrong", "north"), ("nobody", "x", "north")):
        result = as_user(user, "list", "--server", guarded.grpc, check=False)
        assert result.returncode == 1 and b"credential" in result.stderr
    result = run("watch", "--server", guarded.grpc, check=False)  # ends: it is no use to try again
    assert result.returncode == 1 and b"credential" in result.stderr
    result = as_user(("ada", "x", ""), "list", "--server", guarded.grpc, check=False)
    assert result.returncode == 2 and b"NAME@DOMAIN" in result.stderr
    result = run("import", "--server", guarded.grpc, "--user", "ada@north", "--password-file", "-", "-", check=False)
    assert result.returncode == 2 and b"both" in result.stderr
    # A domain is a tenant of the record: its jobs come out by its name, in any case.
    assert run("export", "--store", guarded.store, "--tenant", "NORTH").stdout.splitlines() == lines


def test_user_command(tmp_path):
    store = f"sqlite:{tmp_path}/users.db"

    def fails(code, word, *args, stdin=None):
        result = run("user", *args, "--store", store, stdin=stdin, check=False)
        assert result.returncode == code and word in result.stderr.decode(), result.stderr

    fails(1, "does not exist", "list")
    fails(1, "does not exist", "remove", "ada@north")
    user_add(store, *ADA)
    user_add(store, *BOB)
    fails(1, "--replace", "add", "ada@NORTH", "--password-file", "-", stdin=b"other\n")
    user_add(store, "ada", "other", "north", "--replace")
    listed = run("user", "list", "--store", store).stdout.decode()
    assert [line.split("\t")[0] for line in listed.splitlines()] == ["ada@north", "bob@south"]
    assert re.search(r"\t20\d\d-\d\d-\d\dT[0-9:.]+Z\n", listed)
    fails(1, "no such user", "remove", "nobody@north")
    fails(1, "no such tenant", "remove", "ada@nowhere")
    run("user", "remove", "ada@North", "--store", store)
    assert run("user", "list", "--store", store).stdout.startswith(b"bob@south\t")
    for wrong in ("ada", "@north", "ada@", "a:b@north", "a\n@north", "x" * 256 + "@north"):
        fails(2, "NAME@DOMAIN", "add", wrong, "--password-file", "-", stdin=b"x\n")
    for wrong in (b"", b"\n", b"x" * 256 + b"\n", b"a\x01b\n", b"\xff\n"):
        fails(2, "password", "add", "eve@north", "--password-file", "-", stdin=wrong)
    fails(2, "nofile", "add", "eve@north", "--password-file", f"{tmp_path}/nofile")
    fails(2, "user add", "nonsense")
    fails(2, "user add", "add")
    fails(2, "user add", "list", "x")
    with open(tmp_path / "users.db", "rb") as file:
        data = file.read()
    assert b"$y$" in data and ADA[1].encode() not in data and b"123456" not in data


def type_password(store, *typed):
    """`user add` at a terminal: answers its questions, returns the exit code and all that the terminal showed."""
    pid, fd = pty.fork()
    if pid == 0:
        os.execv(JOBGATE, [JOBGATE, "user", "add", "tty@north", "--store", store])
    shown = b""
    for question, text in zip((b"Password: ", b"Again: "), typed):
        while question not in shown:
            shown += os.read(fd, 1024)
        os.write(fd, text)
    try:
        while more := os.read(fd, 1024):
            shown += more
    except OSError:
        pass  # the other side is closed
    os.close(fd)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), shown


def test_password_at_a_terminal(tmp_path):
    store = f"sqlite:{tmp_path}/users.db"
    code, shown = type_password(store, b"geheim\n", b"geheim\n")
    assert code == 0 and b"geheim" not in shown
    code, shown = type_password(store, b"geheim\n", b"anders\n")
    assert code == 2 and b"not the same" in shown and b"geheim" not in shown
    assert type_password(store, b"ge\x03heim\n")[0] == 2  # Ctrl-C leaves the terminal as it was
    assert run("user", "list", "--store", store).stdout.startswith(b"tty@north\t")


def test_loopback_alone_needs_no_credential(tmp_path):
    """--auth is on beyond loopback unless it is given, and off there needs --insecure too."""
    opened = Server(tmp_path, "--http", "0.0.0.0:0")
    try:
        port = opened.http.rsplit(":", 1)[1]
        assert opened.request("GET", "/api/Jobs", address=f"127.0.0.1:{port}").status == 401
    finally:
        opened.stop()
    opened = Server(tmp_path, "--http", "0.0.0.0:0", "--auth", "off", "--insecure")
    try:
        port = opened.http.rsplit(":", 1)[1]
        assert opened.request("GET", "/api/Jobs", address=f"127.0.0.1:{port}").status == 200
    finally:
        opened.stop()


def test_no_secret_is_logged(tmp_path):
    server = Server(tmp_path, "--auth", "on", "--log-level", "debug")
    try:
        user_add(server.store, *ADA)
        assert server.get("/api/Jobs", Authorization=basic(*ADA)).status == 200
        assert server.get("/api/Jobs", Authorization=basic("ada", "wrong-one", "north")).status == 401
        metrics = server.request("GET", "/metrics", address=server.admin).body.decode()
        assert re.search(r'^jobgate_identity_refusals_total\{reason="wrong"\} 1$', metrics, re.M)
    finally:
        server.stop()
    log = (tmp_path / "server.log").read_text()
    for secret in (ADA[1], "wrong-one", basic(*ADA)[6:], "$y$"):
        assert secret not in log and secret not in metrics


def test_a_removed_user_ends(tmp_path):
    """Within 60 s: calls that are made, and streams that are open, over either door."""
    server = Server(tmp_path, "--auth", "on")
    try:
        user_add(server.store, *ADA)
        header = basic(*ADA)
        assert server.get("/api/Jobs", Authorization=header).status == 200
        begun = time.monotonic()
        watch = subprocess.Popen([JOBGATE, "watch", "--server", server.grpc, "--user", "ada@north", "--heartbeat", "5"],
                                 stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                 env={**os.environ, "JOBGATE_PASSWORD": ADA[1]})
        events = subprocess.Popen(["curl", "-sN", "-H", f"Authorization: {header}", "-H", "Accept: application/x-ndjson",
                                   f"http://{server.http}/api/Jobs/$changes?heartbeat=5"], stdout=subprocess.PIPE)
        try:
            assert json.loads(watch.stdout.readline())["event"] == "opened"
            assert json.loads(events.stdout.readline())["event"] == "opened"
            run("user", "remove", "ada@north", "--store", server.store)
            while server.get("/api/Jobs", Authorization=header).status == 200:
                assert time.monotonic() - begun < REMEMBERED_SECONDS + 5
                time.sleep(1)
            with server.channel() as channel:
                stub = job_service_pb2_grpc.JobServiceStub(channel)
                assert code_of(lambda: stub.ListJobs(api.ListJobsRequest(), metadata=metadata(ADA))) \
                    == grpc.StatusCode.UNAUTHENTICATED
            assert watch.wait(WAIT_SECONDS) == 1
            assert b"credential" in watch.stderr.read()
            *marks, last = [json.loads(line) for line in events.stdout]
            assert {mark["event"] for mark in marks} == {"bookmark"}
            assert last["event"] == "error" and last["status"] == 401 and "reason" not in last
            assert "credential" in last["error"]["message"]  # as over gRPC
            assert events.wait(WAIT_SECONDS) == 0
        finally:
            events.kill()
            events.communicate()
            watch.kill()
            watch.communicate()
    finally:
        server.stop()
