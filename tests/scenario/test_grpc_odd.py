"""What clients do wrong at the gRPC door, through Python's grpcio: each gets the status that says so, never UNKNOWN or INTERNAL."""

import grpc
import pytest
from conftest import WAIT_SECONDS, run
from jobgate.v1 import job_pb2, job_service_pb2 as api

LIST = "/jobgate.v1.JobService/ListJobs"
GET = "/jobgate.v1.JobService/GetJob"
CREATE = "/jobgate.v1.JobService/CreateJob"
WATCH = "/jobgate.v1.JobService/WatchJobs"
IMPORT = "/jobgate.v1.JobService/ImportJobs"
CODE = grpc.StatusCode


@pytest.fixture(scope="module")
def channel(loaded):
    with loaded.channel() as channel:
        yield channel


def call(channel, path, message=b"", shape="unary_unary", timeout=WAIT_SECONDS, **more):
    """The code and the message of a call of raw bytes."""
    multi = getattr(channel, shape)(path, request_serializer=None, response_deserializer=None)
    try:
        answer = multi(iter(message) if shape.startswith("stream") else message, timeout=timeout, **more)
        if shape.endswith("stream"):
            list(answer)
    except grpc.RpcError as error:
        return error.code(), error.details()
    return CODE.OK, ""


def create(length):
    return api.CreateJobRequest(job=job_pb2.Job(name="x" * length)).SerializeToString()


def imported(length):
    return [api.ImportJobsRequest(json=b" " * length).SerializeToString()]


@pytest.mark.parametrize("path, part", [
    ("/jobgate.v1.JobService/Nothing", "has no method '/jobgate.v1.JobService/Nothing'"),
    ("/jobgate.v1.JobService/listJobs", "has no method '/jobgate.v1.JobService/listJobs'"),
    ("/jobgate.v2.JobService/ListJobs", "no such service: '/jobgate.v2.JobService/ListJobs'"),
    ("/x", "no such service: '/x'")])
@pytest.mark.parametrize("shape", ["unary_unary", "unary_stream", "stream_unary", "stream_stream"])
def test_what_the_server_has_not_is_named(channel, path, part, shape):
    code, message = call(channel, path, [b"a", b"b"] if shape.startswith("stream") else b"a", shape)
    assert code == CODE.UNIMPLEMENTED and part in message


@pytest.mark.parametrize("path, message, shape, code, part", [
    (CREATE, create(1_500_000), "unary_unary", CODE.INVALID_ARGUMENT, "larger than the method's limit of 1048576 bytes"),
    (CREATE, create(5_000_000), "unary_unary", CODE.RESOURCE_EXHAUSTED, "larger than max"),
    (WATCH, api.WatchJobsRequest(filter="x" * 2_000_000).SerializeToString(), "unary_stream", CODE.INVALID_ARGUMENT, "1048576 bytes"),
    (IMPORT, imported(2_000_000), "stream_unary", CODE.INVALID_ARGUMENT, "1048576 bytes"),
    (IMPORT, imported(5_000_000), "stream_unary", CODE.RESOURCE_EXHAUSTED, "larger than max"),
    (LIST, [], "stream_unary", CODE.INVALID_ARGUMENT, "the request message is missing")],
    ids=["method", "server", "stream's request", "client stream, method", "client stream, server", "none"])
def test_messages_of_a_wrong_size(channel, path, message, shape, code, part):
    got, details = call(channel, path, message, shape)
    assert got == code and part in details
    assert call(channel, LIST) == (CODE.OK, "")


@pytest.mark.parametrize("path, message, part", [
    (LIST, b"\x0a\x01", "malformed"),
    (LIST, b"\xff\xff\xff", "malformed"),
    (GET, b"\x0a\x03a\xff\xfe", "id must be valid UTF-8"),
    (GET, b"\x0a\x03a\x00b", "id must not contain a NUL character"),
    (CREATE, b"\x0a\x04\x22\x02\xff\xfe", "must be valid UTF-8"),
    (GET, b"\x08\x01", "id must be a GUID")],
    ids=["cut off", "garbage", "not UTF-8", "NUL", "not UTF-8 inside", "another type"])
def test_messages_that_are_none(channel, path, message, part):
    code, details = call(channel, path, message)
    assert code == CODE.INVALID_ARGUMENT and part in details


@pytest.mark.parametrize("compression", [grpc.Compression.Gzip, grpc.Compression.Deflate])
@pytest.mark.parametrize("path, shape", [(LIST, "unary_unary"), (WATCH, "unary_stream"), (IMPORT, "stream_unary"),
                                         ("/jobgate.v1.JobService/Nothing", "unary_unary")])
def test_compressed_messages_are_refused(channel, compression, path, shape):
    message = api.ListJobsRequest(filter="name eq '" + "a" * 5000 + "'").SerializeToString()
    code, details = call(channel, path, [message] if shape == "stream_unary" else message, shape, compression=compression)
    # By the protocol UNIMPLEMENTED, with what is taken in grpc-accept-encoding: clients may send it again as it is.
    assert code == CODE.UNIMPLEMENTED and compression.name.lower() in details and "disabled" in details


@pytest.mark.parametrize("length, code, part", [
    (14_000, CODE.OK, ""),
    (17_000, CODE.INVALID_ARGUMENT, "the metadata is larger than 16384 bytes"),
    (200_000, CODE.INVALID_ARGUMENT, "the metadata is larger than 16384 bytes")])
def test_metadata_beyond_its_limit(channel, length, code, part):
    now = api.WatchJobsRequest()
    now.now.SetInParent()
    stream = channel.unary_stream(WATCH)(now.SerializeToString(), timeout=WAIT_SECONDS)
    assert next(stream)
    one = [("x-pad", "m" * length)]
    many = [(f"x-pad-{i}", "m" * 500) for i in range(length // 500)]
    for metadata in (one, many):
        got, details = call(channel, LIST, metadata=metadata)
        assert got == code and part in details
    # The connection and what else goes on it did not suffer.
    assert stream.is_active()
    stream.cancel()


def test_metadata_beyond_all_limits(loaded, channel):
    for count in (1, 2000):
        with grpc.insecure_channel(loaded.grpc, options=[("grpc.use_local_subchannel_pool", 1)]) as other:
            code, _ = call(other, LIST, metadata=[(f"x-pad-{i}", "m" * (2_000_000 // count)) for i in range(count)])
        # The core may end that connection for it, and no other one.
        assert code in (CODE.RESOURCE_EXHAUSTED, CODE.UNAVAILABLE)
        assert call(channel, LIST) == (CODE.OK, "")


def test_deadlines(channel):
    now = api.WatchJobsRequest()
    now.now.SetInParent()
    for timeout in (0.001, 0.05):
        assert call(channel, WATCH, now.SerializeToString(), "unary_stream", timeout)[0] == CODE.DEADLINE_EXCEEDED
        assert call(channel, LIST, timeout=timeout)[0] in (CODE.OK, CODE.DEADLINE_EXCEEDED)
    assert call(channel, LIST) == (CODE.OK, "")


def test_the_command_line_says_what_was_wrong(loaded):
    for args, part in ((["get", "nothing"], b"id must be a GUID"),
                       (["get", "x" * 100_000], b"id must be a GUID"),
                       (["list", "--filter", "x" * 2000], b"'xxx"),
                       (["list", "--filter", b"name eq '\xff'"], b"filter must be valid UTF-8")):
        result = run(*args, "--server", loaded.grpc, check=False)
        assert result.returncode == 1 and part in result.stderr and len(result.stderr) < 1000, result.stderr


def test_none_of_it_was_an_error_of_the_server(loaded, channel):
    assert call(channel, LIST) == (CODE.OK, "")
    metrics = loaded.request("GET", "/metrics", address=loaded.admin).body.decode()
    handled = [line for line in metrics.splitlines() if line.startswith("grpc_server_handled_total")]
    assert any('grpc_code="INVALID_ARGUMENT"' in line for line in handled)
    assert not any(f'grpc_code="{code}"' in line for line in handled for code in ("UNKNOWN", "INTERNAL", "DATA_LOSS"))
