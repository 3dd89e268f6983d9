"""SIGTERM from outside: an idle server stops at once whoever keeps a connection to it, open calls end first, and no request fails on its way."""

import http.client
import json
import socket
import threading
import time
import uuid

import grpc
import pytest
from conftest import SAMPLE_ID, WAIT_SECONDS
from grpc.health.v1 import health_pb2, health_pb2_grpc
from jobgate.v1 import job_service_pb2 as api, job_service_pb2_grpc

# A quiet machine takes 0.02 to 0.15 s; what this file is about took 2 to 20.
QUICK_SECONDS = 1.2


def host_and_port(address):
    host, port = address.rsplit(":", 1)
    return host, int(port)


def stop_seconds(server):
    started = time.monotonic()
    assert server.terminate() == 0
    return time.monotonic() - started


def used_channel(server):
    # Nothing polls such a channel of the C core between calls, so it does not answer what the server says as it goes.
    channel = server.channel()
    job_service_pb2_grpc.JobServiceStub(channel).ListJobs(api.ListJobsRequest(), timeout=WAIT_SECONDS)
    return channel


def open_stream(server):
    channel = server.channel()
    request = api.WatchJobsRequest()
    request.now.SetInParent()
    stream = job_service_pb2_grpc.JobServiceStub(channel).WatchJobs(request)
    assert next(stream).WhichOneof("event") == "opened"
    return channel, stream


def read_stream(server):
    def read():
        try:
            for message in stream:
                seen.append(message.WhichOneof("event"))
        except grpc.RpcError as error:
            seen.append(error.code())

    channel, stream = open_stream(server)
    seen = []
    thread = threading.Thread(target=read, daemon=True)
    thread.start()
    return channel, thread, seen


def watched_health(server):
    channel = server.channel()
    stream = health_pb2_grpc.HealthStub(channel).Watch(health_pb2.HealthCheckRequest())
    assert next(stream).status == health_pb2.HealthCheckResponse.SERVING
    return channel, stream


def http_connection(address, path, **headers):
    connection = http.client.HTTPConnection(*host_and_port(address), timeout=WAIT_SECONDS)
    connection.request("GET", path, headers=headers)
    return connection


def kept_alive(address, path):
    connection = http_connection(address, path)
    answer = connection.getresponse()
    assert answer.status == 200 and answer.read()
    return connection


def event_stream(server):
    connection = http_connection(server.http, "/api/Jobs/$changes", Accept="text/event-stream")
    answer = connection.getresponse()
    assert answer.status == 200 and answer.readline()
    return connection, answer


def bare(address):
    return socket.create_connection(host_and_port(address), WAIT_SECONDS)


CONNECTIONS = {
    "none": lambda server: None,
    "gRPC channel that was used": used_channel,
    "gRPC connection that says nothing": lambda server: bare(server.grpc),
    "WatchJobs that is read": read_stream,
    "WatchJobs that is not read": open_stream,
    "health watch": watched_health,
    "HTTP kept alive": lambda server: kept_alive(server.http, "/api/Jobs"),
    "HTTP connection that says nothing": lambda server: bare(server.http),
    "server-sent events": event_stream,
    "scraper": lambda server: kept_alive(server.admin, "/metrics"),
}


@pytest.mark.parametrize("kind", CONNECTIONS)
def test_an_idle_server_stops_at_once(server, kind):
    kept = CONNECTIONS[kind](server)
    assert stop_seconds(server) < QUICK_SECONDS
    if kind == "WatchJobs that is read":
        _, thread, seen = kept
        thread.join(WAIT_SECONDS)
        assert seen == ["drain", grpc.StatusCode.UNAVAILABLE]


def test_all_of_them_at_once(server):
    kept = [connect(server) for connect in CONNECTIONS.values() for _ in range(5)]
    assert stop_seconds(server) < QUICK_SECONDS
    assert len(kept) == 5 * len(CONNECTIONS)


class Callers:
    """Threads that call again as soon as they are answered, until the server is gone; and how that ended."""

    def __init__(self, count, call):
        self.call = call
        self.done = 0
        self.failures = []
        self.threads = [threading.Thread(target=self.run, daemon=True) for _ in range(count)]
        for thread in self.threads:
            thread.start()

    def run(self):
        one_more = self.call()
        try:
            while True:
                failure = one_more()
                if failure is not None:
                    break
                self.done += 1
        except Exception as error:  # whatever it is, it is told
            failure = repr(error)
        self.failures.append(failure)

    def join(self):
        for thread in self.threads:
            thread.join(WAIT_SECONDS)
        assert len(self.failures) == len(self.threads)


def grpc_caller(server):
    def begin():
        # Connections of their own, and no waiting for a server that is gone.
        stub = job_service_pb2_grpc.JobServiceStub(
            grpc.insecure_channel(server.grpc, options=[("grpc.use_local_subchannel_pool", 1)]))

        def call():
            try:
                stub.ListJobs(api.ListJobsRequest(), timeout=WAIT_SECONDS)
            except grpc.RpcError as error:
                assert error.code() == grpc.StatusCode.UNAVAILABLE, error
                return "refused" if "failed to connect" in error.details().lower() else error.details()

        return call

    return begin


def http_caller(server, keep):
    """A connection for many requests, until an answer says that it ends; or one for each."""
    address = host_and_port(server.http)

    def begin():
        state = {"connection": None}

        def call():
            if state["connection"] is None:
                connection = http.client.HTTPConnection(*address, timeout=WAIT_SECONDS)
                try:
                    connection.connect()
                except ConnectionRefusedError:
                    return "refused"
                state["connection"] = connection
            connection = state["connection"]
            connection.request("GET", "/api/Jobs?$top=1")
            answer = connection.getresponse()
            assert answer.status == 200 and answer.read()
            if not keep or answer.will_close:
                connection.close()
                state["connection"] = None

        return call

    return begin


@pytest.mark.parametrize("kind", ["gRPC", "HTTP kept alive", "HTTP"])
def test_no_request_on_its_way_fails(server, kind):
    call = grpc_caller(server) if kind == "gRPC" else http_caller(server, kind == "HTTP kept alive")
    callers = Callers(6, call)
    while callers.done < 300:
        time.sleep(0.01)
    assert server.terminate() == 0
    callers.join()
    # The last call of each never reached the server: its client may try it elsewhere. A client that is kept from the processor
    # just when it has begun to send on a connection that waits may find that closed (RFC 9112 9.3.1): not more than one did.
    assert len(callers.failures) == 6
    assert callers.failures.count("refused") >= (5 if kind == "HTTP kept alive" else 6), callers.failures


def test_open_calls_end_before_the_server(server):
    """An upload and an import that began before the signal go on after it and are durable."""
    go_on = threading.Event()

    def imported():
        yield api.ImportJobsRequest(json=json.dumps({"id": str(uuid.uuid4()), "name": "before"}).encode())
        assert go_on.wait(WAIT_SECONDS)
        yield api.ImportJobsRequest(json=json.dumps({"id": str(uuid.uuid4()), "name": "after"}).encode())

    with server.channel() as channel:
        future = job_service_pb2_grpc.JobServiceStub(channel).ImportJobs.future(imported(), timeout=WAIT_SECONDS)
        body = json.dumps({"id": SAMPLE_ID, "name": "posted", "job_status_code": "Open",
                           "project": {"reference_back_office": "P"}, "job_type": {"code": "T"}}).encode()
        upload = bare(server.http)
        upload.sendall(b"POST /api/Jobs HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
                       % len(body) + body[:10])
        # It counts from when it has arrived.
        deadline = time.monotonic() + WAIT_SECONDS
        while 'grpc_server_started_total{grpc_method="ImportJobs"} 1' not in server.request(
                "GET", "/metrics", address=server.admin).body.decode():
            assert time.monotonic() < deadline
        stopper = threading.Thread(target=server.terminate)
        stopper.start()
        deadline = time.monotonic() + WAIT_SECONDS
        while server.request("GET", "/readyz", address=server.admin).status == 200:
            assert time.monotonic() < deadline
        upload.sendall(body[10:])
        answer = http.client.HTTPResponse(upload)
        answer.begin()
        assert answer.status == 201 and answer.getheader("Connection") == "close"
        go_on.set()
        assert future.result().created == 2
        stopper.join(WAIT_SECONDS)
    assert server.process.returncode == 0
    server.start()
    assert server.get(f"/api/Jobs({SAMPLE_ID})").json()["name"] == "posted"
    assert len(server.get("/api/Jobs").json()["value"]) == 3
