"""Fan-out of changes to many streams: jobgate, etcd and Redis pub/sub in turn, on one machine, in one run, under the same load
program (fanout/). Prints the rows of README.md."""

import json
import os
import pathlib
import re
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "out" / "stubs"))

from bench import JOBGATE, Process, free_port
from jobgate.v1 import entity_service_pb2, job_pb2, job_service_pb2 as api, job_type_pb2, project_pb2
from google.protobuf import empty_pb2

FANOUT = sys.argv[1]
ROUNDS = int(os.environ.get("ROUNDS", "3"))
SECONDS = int(os.environ.get("SECONDS_EACH", "4"))
MARK = "T0123456789abcdef"
PAYLOAD = MARK + "x" * 183


def varint(number):
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    return bytes(out + bytes([number]))


def field(number, value):
    """A length-delimited protobuf field."""
    return varint(number << 3 | 2) + varint(len(value)) + value


def resident_kib(pid):
    return int(re.search(r"VmRSS:\s+(\d+)", pathlib.Path(f"/proc/{pid}/status").read_text()).group(1))


class Peer:
    """A server under load: its process, its address and the load program's flags."""

    def __init__(self, folder):
        self.folder = folder

    def file(self, name, content):
        path = self.folder / name
        path.write_bytes(content)
        return str(path)

    def load(self, streams, connections, seconds=SECONDS, **flags):
        args = [FANOUT, "--address", self.address, "--streams", streams, "--connections", connections, "--seconds",
                seconds, *self.flags]
        for name, value in flags.items():
            args += ["--" + name, value]
        out = subprocess.run([str(a) for a in args], check=True, capture_output=True, timeout=180).stdout
        return json.loads(out.splitlines()[-1])

    def memory_per_stream(self, streams, connections):
        """Bytes that the server grows by for each idle stream."""
        args = [FANOUT, "--address", self.address, "--streams", streams, "--connections", connections, "--seconds", 0,
                *self.flags]
        before = resident_kib(self.pid)
        process = subprocess.Popen([str(a) for a in args], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        process.stdout.readline()
        after = resident_kib(self.pid)
        process.communicate(b"\n", timeout=60)
        return (after - before) * 1024 / streams


class Jobgate(Peer):
    name = "jobgate"

    def __enter__(self):
        self.server = Process(JOBGATE, "serve", "--store", f"sqlite:{self.folder}/jobgate.db", "--grpc", "127.0.0.1:0", "--http",
                              "127.0.0.1:0", "--admin", "127.0.0.1:0", "--log-level", "warn", stdout=subprocess.PIPE)
        process = self.server.__enter__()
        self.pid = process.pid
        self.address = json.loads(process.stdout.readline())["grpc"]
        job = job_pb2.Job(name=PAYLOAD, job_status_code="Open", project=project_pb2.Project(reference_back_office="P"),
                          job_type=job_type_pb2.JobType(code="JT"))
        watch = api.WatchJobsRequest(now=empty_pb2.Empty())
        # One job first: its project and type are then there, and each write makes one change.
        self.flags = ["--watch-path", "/jobgate.v1.JobService/WatchJobs", "--write-path", "/jobgate.v1.JobService/CreateJob",
                      "--watch-body", self.file("watch", watch.SerializeToString()),
                      "--write-body", self.file("write", api.CreateJobRequest(job=job).SerializeToString()),
                      "--events", "2.1", "--time", 2]
        return self

    def __exit__(self, *error):
        self.server.__exit__(*error)


class Etcd(Peer):
    name = "etcd"

    def __enter__(self):
        client, peer = free_port(), free_port()
        self.address = f"127.0.0.1:{client}"
        self.server = Process("etcd", "--data-dir", self.folder / "etcd", "--listen-client-urls", f"http://{self.address}",
                              "--advertise-client-urls", f"http://{self.address}", "--listen-peer-urls",
                              f"http://127.0.0.1:{peer}", "--initial-advertise-peer-urls", f"http://127.0.0.1:{peer}",
                              "--initial-cluster", f"default=http://127.0.0.1:{peer}", "--log-level", "error")
        self.pid = self.server.__enter__().pid
        deadline = time.monotonic() + 30
        while True:
            try:
                urllib.request.urlopen(f"http://{self.address}/health", timeout=1).read()
                break
            except OSError:
                assert time.monotonic() < deadline
                time.sleep(0.05)
        create = field(1, b"jobs/") + field(2, b"jobs0")
        put = field(1, b"jobs/a") + field(2, PAYLOAD.encode())
        self.flags = ["--watch-path", "/etcdserverpb.Watch/Watch", "--write-path", "/etcdserverpb.KV/Put", "--watch-body",
                      self.file("watch", field(1, create)), "--write-body", self.file("write", put), "--events", "11",
                      "--keep-open"]
        return self

    def __exit__(self, *error):
        self.server.__exit__(*error)


class Redis(Peer):
    name = "Redis pub/sub"

    def __enter__(self):
        port = free_port()
        self.address = f"127.0.0.1:{port}"
        self.server = Process("redis-server", "--port", port, "--bind", "127.0.0.1", "--save", "", "--dir", self.folder)
        self.pid = self.server.__enter__().pid
        deadline = time.monotonic() + 30
        while subprocess.run(["redis-cli", "-p", str(port), "ping"], capture_output=True).stdout != b"PONG\n":
            assert time.monotonic() < deadline
            time.sleep(0.05)
        publish = f"*3\r\n$7\r\nPUBLISH\r\n$2\r\nch\r\n${len(PAYLOAD)}\r\n{PAYLOAD}\r\n".encode()
        self.flags = ["--resp", "--watch-body", self.file("watch", b"*2\r\n$9\r\nSUBSCRIBE\r\n$2\r\nch\r\n"), "--write-body",
                      self.file("write", publish)]
        return self

    def __exit__(self, *error):
        self.server.__exit__(*error)


def on(peer, *args, **flags):
    """A fresh server for each measurement: nothing of the one before is left in it."""
    with tempfile.TemporaryDirectory() as name:
        with peer(pathlib.Path(name)) as server:
            server.load(1, 1, seconds=1, writers=4)
            return server.load(*args, **flags)


def median(values, key):
    return statistics.median(value[key] for value in values)


def bench_events():
    print("| events/s at full writing (64 writers) | etcd | Redis pub/sub | jobgate | jobgate / etcd | writes/s: etcd, jobgate |")
    print("|---|---|---|---|---|---|")
    for streams, connections in ((1, 1), (100, 1), (100, 10), (1000, 1), (1000, 10)):
        got = {peer: [] for peer in (Etcd, Redis, Jobgate)}
        for _ in range(ROUNDS):
            for peer, values in got.items():
                values.append(on(peer, streams, connections, writers=64))
        rates = {peer: median(values, "events_per_s") for peer, values in got.items()}
        print(f"| {streams} streams, {connections} connections | {rates[Etcd]:,.0f} | {rates[Redis]:,.0f} | {rates[Jobgate]:,.0f} | "
              f"{rates[Jobgate] / rates[Etcd]:.1f} x | {median(got[Etcd], 'writes_per_s'):,.0f}, "
              f"{median(got[Jobgate], 'writes_per_s'):,.0f} |", flush=True)


def bench_latency():
    print("\n| 500 writes/s | writers' p50, p99 | commit -> event p50, p99 | write -> event p50, p99 |")
    print("|---|---|---|---|")
    # Stalled streams are open and read nothing.
    for peer, streams, stalled in ((Jobgate, 0, 0), (Jobgate, 1000, 0), (Jobgate, 100, 0), (Jobgate, 100, 100), (Etcd, 0, 0),
                                   (Etcd, 1000, 0), (Etcd, 100, 0), (Redis, 1000, 0)):
        values = [on(peer, streams, 10, writers=1000, rate=500, **({"stalled": stalled} if stalled else {})) for _ in range(ROUNDS)]
        number = lambda key: f"{median(values, key):.2f}"
        events = streams > 0
        also = f" and {stalled} stalled" if stalled else ""
        print(f"| {peer.name}, {streams} streams{also} | {number('write_p50_ms')}, {number('write_p99_ms')} ms | " +
              (f"{number('commit_p50_ms')}, {number('commit_p99_ms')} ms" if events and peer is Jobgate else "") + " | " +
              (f"{number('event_p50_ms')}, {number('event_p99_ms')} ms" if events else "") + " |", flush=True)


def bench_memory():
    print("\n| memory for each of 1,000 idle streams | 1 connection | 10 connections | 1,000 connections |")
    print("|---|---|---|---|")
    for peer in (Etcd, Jobgate):
        cells = []
        for connections in (1, 10, 1000):
            with tempfile.TemporaryDirectory() as name, peer(pathlib.Path(name)) as server:
                server.load(1, 1, seconds=1, writers=4)
                cells.append(f"{server.memory_per_stream(1000, connections) / 1000:.1f} kB")
        print(f"| {peer.name} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    for part in sys.argv[2:] or ("events", "latency", "memory"):
        {"events": bench_events, "latency": bench_latency, "memory": bench_memory}[part]()
