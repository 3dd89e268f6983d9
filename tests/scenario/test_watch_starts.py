"""WatchJobs from outside: where a stream starts, and how it ends: snapshots, times, lost history, slow clients, age, retention."""

import asyncio
import json
import math
import pathlib
import subprocess
import threading
import time

import grpc
import pytest
from google.protobuf import field_mask_pb2, timestamp_pb2
from google.rpc import error_details_pb2, status_pb2

from conftest import JOBGATE, Server, WAIT_SECONDS, run, sample
from jobgate.v1 import job_pb2, job_service_pb2 as api, job_service_pb2_grpc, job_type_pb2, project_pb2

FILLER = "x" * 3990  # nearly as long as a description may be


def request(start="now", value=None, **members):
    made = api.WatchJobsRequest(**members)
    if value is None:
        getattr(made, start).SetInParent()
    elif isinstance(value, str):
        made.resume_token = value
    else:
        made.since.CopyFrom(value)
    return made


def error_of(stream):
    """What ended it: the error, its ErrorInfo and its RetryInfo in seconds."""
    with pytest.raises(grpc.RpcError) as caught:
        if hasattr(stream, "result"):
            stream.result()
        for _ in stream:
            pass
    info, retry = error_details_pb2.ErrorInfo(), error_details_pb2.RetryInfo()
    for key, text in caught.value.trailing_metadata():
        if key == "grpc-status-details-bin":
            for detail in status_pb2.Status.FromString(text).details:
                detail.Unpack(info) or detail.Unpack(retry)
    return caught.value, info, retry.retry_delay.seconds + retry.retry_delay.nanos / 1e9


class View:
    """What a client has: the jobs by id, with their revisions, over as many streams as it takes."""

    def __init__(self, stub, **members):
        self.stub, self.members = stub, members
        self.jobs, self.token, self.synced, self.newest, self.parts = {}, None, None, 0, 0

    def read(self, until, start="snapshot"):
        """Opens a stream where the last one ended and reads it until the condition holds."""
        opening = request("resume_token", self.token, **self.members) if self.token else request(start, **self.members)
        stream = self.stub.WatchJobs(opening, timeout=WAIT_SECONDS)
        for message in stream:
            self.take(message)
            if until(message):
                stream.cancel()
                return message
        raise AssertionError("the stream ended")

    def take(self, message):
        kind = message.WhichOneof("event")
        event = getattr(message, kind)
        assert message.ByteSize() <= 3 << 20
        if kind == "snapshot":
            self.parts += 1
            for job in event.jobs:
                assert job.id not in self.jobs  # a job comes once
                self.jobs[job.id] = job.revision
        elif kind == "changes":
            for change in event.changes:
                assert change.revision > self.newest
                self.newest = change.revision
                if change.kind in (api.CHANGE_KIND_DELETED, api.CHANGE_KIND_LEFT):
                    del self.jobs[change.job.id]
                else:
                    self.jobs[change.job.id] = change.revision
        elif kind == "synced":
            assert self.synced is None
            self.synced = event.revision
        elif kind == "reset":
            self.jobs, self.newest = {}, 0
        if kind not in ("reset", "drain"):
            self.token = event.resume_token or self.token


def new_job():
    return job_pb2.Job(name="new", project=project_pb2.Project(reference_back_office="P-1"),
                       job_type=job_type_pb2.JobType(code="JT"), job_status_code="Open")


def list_all(stub, **members):
    jobs, token = {}, ""
    while True:
        page = stub.ListJobs(api.ListJobsRequest(page_size=1000, page_token=token, **members))
        jobs.update((job.id, job.revision) for job in page.jobs)
        token = page.next_page_token
        if not token:
            return jobs


def serve(tmp_path, *flags, jobs=0):
    store = f"sqlite:{tmp_path}/jobgate.db"
    if jobs:
        run("import", "--store", store, "-", stdin=sample(jobs))
    return Server(tmp_path, *flags, store=store)


@pytest.fixture
def start(tmp_path):
    """Starts a server with flags and so many jobs; gives it and a stub."""
    running = []

    def make(*flags, jobs=0):
        server = serve(tmp_path, *flags, jobs=jobs)
        channel = server.channel()
        running.append((server, channel))
        return server, job_service_pb2_grpc.JobServiceStub(channel)

    yield make
    for server, channel in running:
        channel.close()
        server.stop()


def change(stub, job_id, text):
    return stub.UpdateJob(api.UpdateJobRequest(job=job_pb2.Job(id=job_id, description=text),
                                               update_mask=field_mask_pb2.FieldMask(paths=["description"])))


class Writer(threading.Thread):
    """Changes, deletes and makes jobs until it is stopped."""

    def __init__(self, stub, ids):
        super().__init__()
        self.stub, self.ids, self.go_on, self.count = stub, list(ids), True, 0

    def run(self):
        while self.go_on:
            at = self.count * 7919 % len(self.ids)
            if self.count % 10 == 3:
                self.delete(self.ids.pop(at))
            elif self.count % 10 == 7:
                self.ids.append(self.stub.CreateJob(api.CreateJobRequest(job=new_job())).id)
            else:
                change(self.stub, self.ids[at], str(self.count))
            self.count += 1

    def delete(self, job_id):
        try:
            self.stub.DeleteJob(api.DeleteJobRequest(id=job_id))
        except grpc.RpcError as error:
            assert error.code() == grpc.StatusCode.FAILED_PRECONDITION  # another job's parent
            self.ids.append(job_id)

    def stop(self):
        self.go_on = False
        self.join()


def test_snapshot_then_live_is_the_record(start):
    """With writers all the time, and clients that break off in the middle."""
    _, stub = start(jobs=1500)
    filtered = View(stub, filter="description eq null or length(description) gt 1")
    views = [View(stub), View(stub), View(stub, view=api.JOB_VIEW_FULL), filtered]
    writer = Writer(stub, list_all(stub))
    writer.start()
    for number, view in enumerate(views):
        if number % 2 == 1:  # three times from where it was
            for _ in range(3):
                view.read(lambda message: message.HasField("snapshot"))
        view.read(lambda message: message.HasField("synced"))
        assert view.parts > 2 and view.synced > 1500
    writer.stop()
    assert writer.count > 20
    last = change(stub, writer.ids[0], "the last one").revision
    for view in views:
        view.read(lambda message: view.newest >= last)
    everything = list_all(stub)
    for view in views[:3]:
        assert view.jobs == everything
    assert filtered.jobs == list_all(stub, filter=filtered.members["filter"])
    assert set(filtered.jobs) <= set(everything)


def test_snapshot_of_nothing_is_synced_at_once(start):
    _, stub = start()
    view = View(stub)
    assert view.read(lambda message: message.HasField("synced")).synced.revision == 0
    assert view.jobs == {} and view.parts == 0


def test_since_a_time(start):
    _, stub = start(jobs=3)
    ids = list(list_all(stub))
    stream = stub.WatchJobs(request(), timeout=WAIT_SECONDS)
    assert next(stream).HasField("opened")
    made = [change(stub, ids[number % 3], str(number)).revision for number in range(5)]
    changes = []
    while len(changes) < 5:
        changes += next(stream).changes.changes
    stream.cancel()
    for number in range(5):
        again = stub.WatchJobs(request("since", changes[number].commit_time), timeout=WAIT_SECONDS)
        assert next(again).opened.revision == made[number] - 1
        got = []
        while len(got) < 5 - number:
            got += next(again).changes.changes
        assert [each.revision for each in got] == made[number:]
        again.cancel()


def lose_history(server, stub, job_id, token):
    """Writes until the log no longer reaches back to the token."""
    deadline = time.monotonic() + WAIT_SECONDS
    while time.monotonic() < deadline:
        for number in range(20):
            change(stub, job_id, FILLER + str(number))
        stream = stub.WatchJobs(request("resume_token", token), timeout=WAIT_SECONDS)
        try:
            next(stream)
            stream.cancel()
        except grpc.RpcError:
            return
    raise AssertionError("nothing was trimmed")


def metric(server, name):
    """Its first series; 0 if there is none yet."""
    lines = server.request("GET", "/metrics", address=server.admin).body.decode().splitlines()
    return next((float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith(name)), 0)


def test_lost_history_is_told_or_begun_anew(start):
    server, stub = start("--retention-bytes", "20000", jobs=20)
    ids = list(list_all(stub))
    stream = stub.WatchJobs(request(), timeout=WAIT_SECONDS)
    token = next(stream).opened.resume_token
    stream.cancel()
    lose_history(server, stub, ids[0], token)
    error, info, retry = error_of(stub.WatchJobs(request("resume_token", token), timeout=WAIT_SECONDS))
    assert error.code() == grpc.StatusCode.OUT_OF_RANGE and info.reason == "HISTORY_LOST"
    oldest, newest = int(info.metadata["oldest_revision"]), int(info.metadata["newest_revision"])
    assert 20 < oldest <= newest + 1 and 0.1 <= retry <= 6.4
    assert metric(server, "jobgate_log_oldest_revision") >= oldest
    view = View(stub, snapshot_on_reset=True)
    view.token = token
    kinds = []
    view.read(lambda message: kinds.append(message.WhichOneof("event")) or message.HasField("synced"))
    assert kinds[:2] == ["opened", "reset"] and kinds[-1] == "synced" and set(kinds[2:-1]) == {"snapshot"}
    assert view.jobs == list_all(stub)
    # The same by time.
    error, info, _ = error_of(stub.WatchJobs(request("since", timestamp_pb2.Timestamp(seconds=0)), timeout=WAIT_SECONDS))
    assert error.code() == grpc.StatusCode.OUT_OF_RANGE and info.reason == "HISTORY_LOST"


def test_a_reset_outlives_broken_connections(start):
    """The connection breaks behind each message: a client that was to forget what it has still hears so."""
    server, stub = start(jobs=5)
    view = View(stub, snapshot_on_reset=True)
    view.jobs = {"no such job": 1}
    view.token = token_of_another_record(server)
    kinds = []
    while view.synced is None:
        for count in (1, 2, 3):  # No stream gets further in the first rounds.
            seen = []
            view.read(lambda message: seen.append(message.WhichOneof("event")) or len(seen) == count or view.synced)
            kinds.append(seen[:])
            if view.synced:
                break
    assert kinds[0] == ["opened"] and "reset" in sum(kinds, [])
    assert view.jobs == list_all(stub)


def test_the_watch_command_keeps_a_reset_that_it_was_not_told(start):
    server, stub = start(jobs=5)
    token = token_of_another_record(server)
    for _ in range(2):
        watch = subprocess.Popen([JOBGATE, "watch", "--server", server.grpc, "--resume-token", token, "--snapshot-on-reset"],
                                 stdout=subprocess.PIPE)
        opened = json.loads(watch.stdout.readline())
        reset = json.loads(watch.stdout.readline())
        watch.terminate()
        watch.communicate()
        assert opened["event"] == "opened" and reset["event"] == "reset"
        token = opened["resume_token"]


@pytest.mark.parametrize("flags", [
    ["--since", "nope"], ["--since", "2026-01-01T00:00:00Z", "--snapshot"], ["--resume-token", "T", "--snapshot"],
    ["--resume-token", "T", "--since", "2026-01-01T00:00:00Z"], ["--until-synced"],
    ["--until-synced", "--since", "2026-01-01T00:00:00Z"], ["--resume-token", ""]])
def test_the_watch_command_starts_at_one_place(flags):
    result = run("watch", "--server", "127.0.0.1:1", *flags, check=False)
    assert result.returncode == 2 and flags[0].encode() in result.stderr, result.stderr


@pytest.mark.parametrize("flags", [[], ["--snapshot"], ["--resume-token", "T"]])
def test_the_watch_command_says_that_nobody_is_there(flags):
    result = run("watch", "--server", "127.0.0.1:1", *flags, check=False)
    assert result.returncode == 1 and b"cannot reach" in result.stderr


def watch_lines(server, *flags):
    result = run("watch", "--server", server.grpc, *flags)
    return [json.loads(line) for line in result.stdout.splitlines()]


def test_the_watch_command_takes_a_few_at_a_time(start):
    """Changes that come in one message: who ends among them goes on behind the last one."""
    server, stub = start(jobs=3)
    ids = list(list_all(stub))
    stream = stub.WatchJobs(request(), timeout=WAIT_SECONDS)
    began = token = next(stream).opened.resume_token
    stream.cancel()
    made = [change(stub, ids[number % 3], str(number)).revision for number in range(10)]
    taken = []
    while len(taken) < 10:
        lines = [line for line in watch_lines(server, "--resume-token", token, "--count", "3" if len(taken) < 9 else "1")
                 if line["event"] == "change"]
        taken += [line["revision"] for line in lines]
        token = lines[-1]["resume_token"]
    assert taken == made
    # Changes that are gathered are one: a token among them would cut what it says of a job.
    lines = watch_lines(server, "--resume-token", began, "--count", "3", "--coalesce", "2000")
    assert [("resume_token" in line) for line in lines if line["event"] == "change"] == [False, False, True]


def test_the_watch_command_shows_old_values_and_traces(start):
    server, stub = start(jobs=1)
    (job_id,) = list_all(stub)
    stub.UpdateJob(api.UpdateJobRequest(job=job_pb2.Job(id=job_id, description="old", customer_reference=""),
                                        update_mask=field_mask_pb2.FieldMask(paths=["description", "customer_reference"])))
    flags = ["--filter", "description ne 'gone' or customer_reference eq ''"]
    stream = stub.WatchJobs(request(filter=flags[1]), timeout=WAIT_SECONDS)
    token = next(stream).opened.resume_token
    parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    stub.UpdateJob(api.UpdateJobRequest(job=job_pb2.Job(id=job_id, description="new", customer_reference="n"),
                                        update_mask=field_mask_pb2.FieldMask(paths=["description", "customer_reference"])),
                   metadata=[("traceparent", parent)])
    (sent,) = next(stream).changes.changes
    stream.cancel()
    *_, line = watch_lines(server, "--resume-token", token, *flags, "--count", "1")
    assert line["before"] == {"description": "old"}  # As everywhere a member without a value is not sent.
    assert line["traceparent"] == sent.traceparent and sent.traceparent.split("-")[1] == parent.split("-")[1]


def test_streams_that_read_go_on_while_the_log_goes(start):
    server, stub = start("--retention-bytes", "20000", jobs=5)
    ids = list(list_all(stub))
    stream = stub.WatchJobs(request(), timeout=WAIT_SECONDS)
    assert next(stream).HasField("opened")
    revisions, deadline = [], time.monotonic() + WAIT_SECONDS
    first = None
    while time.monotonic() < deadline:
        made = [change(stub, ids[number % 5], FILLER + str(number)).revision for number in range(20)]
        first = first or made[0]
        while not revisions or revisions[-1] < made[-1]:
            revisions += [each.revision for each in next(stream).changes.changes]
        if metric(server, "jobgate_log_oldest_revision") > first + 20:
            break
    stream.cancel()
    assert revisions == list(range(first, first + len(revisions)))
    assert metric(server, "jobgate_log_oldest_revision") > first + 20


def token_of_another_record(server):
    """Dead here: its epoch is another one."""
    folder = pathlib.Path(server.folder) / "other"
    folder.mkdir()
    other = Server(folder)
    try:
        with other.channel() as channel:
            stream = job_service_pb2_grpc.JobServiceStub(channel).WatchJobs(request(), timeout=WAIT_SECONDS)
            return next(stream).opened.resume_token
    finally:
        other.stop()


def test_a_dead_token_is_one_at_every_door(start):
    """Streams over gRPC and HTTP, ListJobChanges and delta: each refusal waits for longer than the one before, at whatever door."""
    server, stub = start(jobs=1)
    token = token_of_another_record(server)

    def over_grpc(call):
        _, info, retry = error_of(call)
        return info.metadata["oldest_revision"], info.metadata["newest_revision"], retry

    def over_http(path):
        answer = server.get(path)
        assert answer.status == 410
        inner = answer.json()["error"]["innererror"]
        assert inner["reason"] == "HISTORY_LOST"
        assert int(answer.headers["Retry-After"]) == math.ceil(inner["retry_delay_ms"] / 1000)
        return str(inner["oldest_revision"]), str(inner["newest_revision"]), inner["retry_delay_ms"] / 1000

    doors = [lambda: over_grpc(stub.WatchJobs(request("resume_token", token), timeout=WAIT_SECONDS)),
             lambda: over_http("/api/Jobs/$changes?resume_token=" + token),
             lambda: over_http("/api/Jobs?$deltatoken=" + token),
             lambda: over_grpc(stub.ListJobChanges.future(api.ListJobChangesRequest(resume_token=token)))]
    before = 0
    for number in range(7):
        began = time.monotonic()
        oldest, newest, retry = doors[number % len(doors)]()
        assert (oldest, newest) == ("1", str(newest)) and int(newest) > 0
        assert retry == pytest.approx(0.1 * 2 ** number if number < 7 else 6.4)
        assert time.monotonic() - began >= before * 0.9  # It was held back for as long as the one before had said.
        before = retry


def test_a_storm_of_dead_tokens(start):
    """1,000 clients that come back as soon as they are answered: each waits longer and longer, and others notice nothing."""
    server, stub = start(jobs=5)
    ids = list(list_all(stub))
    token = token_of_another_record(server)
    answered = [0] * 1000

    async def insist(there, number, until):
        while time.monotonic() < until:
            try:
                async for _ in there.WatchJobs(request("resume_token", token), timeout=WAIT_SECONDS):
                    pass
            except grpc.aio.AioRpcError as error:
                assert error.code() == grpc.StatusCode.OUT_OF_RANGE
                answered[number] += 1

    async def storm():
        async with grpc.aio.insecure_channel(server.grpc) as channel:
            there = job_service_pb2_grpc.JobServiceStub(channel)
            until = time.monotonic() + 3
            await asyncio.gather(*(insist(there, number, until) for number in range(1000)))

    def cpu():
        fields = pathlib.Path(f"/proc/{server.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / 100

    before, began = cpu(), time.monotonic()
    thread = threading.Thread(target=lambda: asyncio.run(storm()))
    thread.start()
    live = stub.WatchJobs(request(), timeout=WAIT_SECONDS)
    assert next(live).HasField("opened")
    for number in range(20):
        made = change(stub, ids[0], str(number)).revision
        assert [each.revision for each in next(live).changes.changes] == [made]
    thread.join()
    live.cancel()
    seconds = time.monotonic() - began
    print(f"{sum(answered)} answers to 1,000 clients in {seconds:.1f} s, {cpu() - before:.2f} s of the server's processor")
    assert all(count >= 1 for count in answered)
    # At 6.4 s each they get no more than a few; the first ones came at once.
    assert sum(answered) <= 3000
    assert cpu() - before < 3


def test_a_client_alone_waits_as_it_is_told(start):
    """The delay of an answer is what the answer before it said."""
    server, stub = start()
    dead = token_of_another_record(server)
    told = 0.0
    for _ in range(6):
        began = time.monotonic()
        error, info, retry = error_of(stub.WatchJobs(request("resume_token", dead), timeout=WAIT_SECONDS))
        took = time.monotonic() - began
        assert error.code() == grpc.StatusCode.OUT_OF_RANGE and info.reason == "HISTORY_LOST"
        assert took >= told * 0.9 - 0.02
        assert retry == pytest.approx(0.1 if told == 0 else told * 2)
        told = retry


def test_a_slow_client_is_ended_with_its_token(start):
    server, stub = start("--stream-stall", "2", jobs=50)
    ids = list(list_all(stub))
    live = stub.WatchJobs(request(), timeout=WAIT_SECONDS)
    newest = next(live).opened.revision
    with server.channel() as channel:
        slow = job_service_pb2_grpc.JobServiceStub(channel).WatchJobs(request(), timeout=WAIT_SECONDS)
        assert next(slow).HasField("opened")
        first, slowest = newest + 1, 0
        seen = []
        for number in range(2500):  # 10 MB and more, far beyond what the transport takes in advance
            began = time.monotonic()
            newest = change(stub, ids[number % 50], FILLER + str(number)).revision
            slowest = max(slowest, time.monotonic() - began)
            while not seen or seen[-1] < newest:
                seen += [each.revision for each in next(live).changes.changes]
        assert seen == list(range(first, newest + 1))
        assert slowest < 2
        deadline = time.monotonic() + WAIT_SECONDS
        while metric(server, "jobgate_watch_slow_consumers_total") == 0 and time.monotonic() < deadline:
            pass  # its time has to go by
        got = []
        error, info, retry = error_of(
            message for message in slow if got.extend(each.revision for each in message.changes.changes) is None)
        assert error.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
        assert info.reason == "SLOW_CONSUMER" and retry == 1
        rest = stub.WatchJobs(request("resume_token", info.metadata["resume_token"]), timeout=WAIT_SECONDS)
        for message in rest:
            got += [each.revision for each in message.changes.changes]
            if got and got[-1] >= newest:
                break
        rest.cancel()
        assert got == list(range(first, newest + 1))  # nothing is missing, nothing came twice
    live.cancel()


def test_old_streams_are_drained(start):
    _, stub = start("--stream-max-age", "2", jobs=20)
    writer = Writer(stub, list_all(stub))
    view = View(stub)
    writer.start()
    drains = 0
    for _ in range(3):
        stream = stub.WatchJobs(request("resume_token", view.token) if view.token else request("snapshot"),
                                timeout=WAIT_SECONDS)
        began, drain = time.monotonic(), None
        with pytest.raises(grpc.RpcError) as caught:
            for message in stream:
                view.take(message)
                if message.HasField("drain"):
                    drain = message.drain
        assert 1.5 < time.monotonic() - began < 4
        assert caught.value.code() == grpc.StatusCode.UNAVAILABLE and drain is not None
        assert drain.retry_delay.seconds + drain.retry_delay.nanos / 1e9 >= 0.5
        view.token = drain.resume_token
        drains += 1
    writer.stop()
    last = change(stub, writer.ids[0], "the last one").revision
    view.read(lambda message: view.newest >= last)
    assert drains == 3 and view.jobs == list_all(stub)
