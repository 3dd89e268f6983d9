"""Pages of 100 expanded jobs, each job with entities of its own: out of the record, out of Redis, out of the process. Each first
look is made by a server that was just started. Prints a table of README.md."""

import http.client
import json
import os
import pathlib
import random
import socket
import statistics
import subprocess
import tempfile
import time
import urllib.request
import uuid

ROOT = pathlib.Path(__file__).resolve().parents[2]
JOBGATE = pathlib.Path(os.environ.get("JOBGATE", ROOT / "out" / "jobgate"))
# Debian's redis-tools: what it is called decides what it does.
REDIS = "/usr/bin/redis-check-rdb"
ROUNDS = int(os.environ.get("ROUNDS", "5"))
JOBS = 2000
PAGE = 100
PROBE_KEYS = 100


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Redis:
    def __init__(self, folder):
        self.port = free_port()
        self.process = subprocess.Popen(["redis-server", "--port", str(self.port), "--bind", "127.0.0.1", "--save", "",
                                         "--dir", str(folder)], executable=REDIS, stdout=subprocess.DEVNULL)
        while True:
            try:
                self.socket = socket.create_connection(("127.0.0.1", self.port))
                break
            except OSError:
                assert self.process.poll() is None
                time.sleep(0.01)
        self.file = self.socket.makefile("rb")

    def send(self, *commands):
        self.socket.sendall(b"".join(b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(w), w) for w in words)
                                     for words in commands))

    def reply(self):
        line = self.file.readline()
        kind, rest = line[:1], line[1:-2]
        if kind == b"$":
            return None if rest == b"-1" else self.file.read(int(rest) + 2)[:-2]
        if kind == b"*":
            return [self.reply() for _ in range(int(rest))]
        assert kind != b"-", line
        return rest

    def do(self, *words):
        self.send(words)
        return self.reply()

    def stop(self):
        self.process.terminate()
        self.process.wait(60)


class Server:
    def __init__(self, store, cache):
        self.process = subprocess.Popen(
            [JOBGATE, "serve", "--store", store, "--grpc", "127.0.0.1:0", "--http", "127.0.0.1:0", "--admin",
             "127.0.0.1:0", "--log-level", "warn", "--cache", cache, "--cache-budget-ms", "1000"], stdout=subprocess.PIPE)
        self.ready = json.loads(self.process.stdout.readline())

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(60)
        self.process.stdout.close()

    def metric(self, start):
        text = urllib.request.urlopen(f"http://{self.ready['admin']}/metrics").read().decode()
        return sum(float(line.rsplit(" ", 1)[1]) for line in text.splitlines() if line.startswith(start))

    def all_pages(self):
        """Seconds and bytes of every page, one after the other on one connection."""
        connection = http.client.HTTPConnection(*self.ready["http"].split(":"))
        connection.connect()
        total = 0
        started = time.perf_counter()
        for skip in range(0, JOBS, PAGE):
            connection.request("GET", f"/api/Jobs?$skip={skip}")
            answer = connection.getresponse()
            total += len(answer.read())
            assert answer.status == 200
        seconds = time.perf_counter() - started
        connection.close()
        return seconds, total


def make_record(folder):
    """2,000 jobs, each with a project of its own; models, families and skills are shared."""
    numbers = random.Random(1)
    new = lambda: str(uuid.UUID(int=numbers.getrandbits(128), version=4))
    text = lambda: "".join(numbers.choice("abcdefghij klmnop") for _ in range(900))
    families = [{"id": new(), "code": f"F{i}", "description": text()} for i in range(10)]
    models = [{"id": new(), "code": f"M{i}", "description": text(), "equipment_family": families[i % 10]} for i in range(100)]
    skills = [{"id": new(), "code": f"S{i}", "description": text()} for i in range(20)]
    lines = [json.dumps({"id": new(), "name": f"job {i}", "description": text(), "skill": skills[i % 20],
                         "project": {"id": new(), "reference_back_office": f"P{i}", "description": text(),
                                     "equipment_model": models[i % 100]},
                         "job_type": {"code": "T"}, "job_status_code": "Open"}) for i in range(JOBS)]
    store = f"sqlite:{folder}/jobgate.db"
    subprocess.run([JOBGATE, "import", "--store", store, "-"], input="\n".join(lines).encode(), check=True, capture_output=True)
    return store


def one_round(store, redis):
    """{what: jobs a second}, and bytes."""
    cache = f"redis://127.0.0.1:{redis.port}"
    rates, sizes = {}, {}
    with Server(store, "memory:") as server:
        rates["cold, no Redis"] = JOBS / server.all_pages()[0]
    redis.do(b"FLUSHALL")
    with Server(store, cache) as server:
        seconds, sizes["answered"] = server.all_pages()
        rates["cold, Redis empty"] = JOBS / seconds
        deadline = time.monotonic() + 60
        while server.metric("jobgate_cache_shared_bytes_total{direction=\"written\"}") == 0 and time.monotonic() < deadline:
            time.sleep(0.01)
    with Server(store, cache) as server:
        rates["warm in Redis"] = JOBS / server.all_pages()[0]
        sizes["read"] = server.metric("jobgate_cache_shared_bytes_total{direction=\"read\"}")
        sizes["built"] = server.metric("jobgate_expand_builds_total")
        rates["warm in process"] = JOBS / server.all_pages()[0]
    return rates, sizes


def ways_to_get(redis):
    """Keys a second: one GET at a time, GETs in one flight, MGET."""
    keys = redis.do(b"KEYS", b"jobgate:*:2:*")[:PROBE_KEYS]  # projects
    rates = {}

    def timed(name, run):
        times = []
        for _ in range(50):
            started = time.perf_counter()
            run()
            times.append(time.perf_counter() - started)
        rates[name] = len(keys) / statistics.median(times)

    def flight():
        redis.send(*[(b"GET", key) for key in keys])
        for _ in keys:
            redis.reply()

    timed("GET, one at a time", lambda: [redis.do(b"GET", key) for key in keys])
    timed("GET, pipelined", flight)
    timed("MGET", lambda: redis.do(b"MGET", *keys))
    return rates, statistics.mean(len(redis.do(b"GET", key)) for key in keys)


def main():
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        store = make_record(folder)
        redis = Redis(folder)
        try:
            rounds = [one_round(store, redis) for _ in range(ROUNDS)]
            rates = {what: statistics.median(rates[what] for rates, _ in rounds) for what in rounds[0][0]}
            sizes = rounds[-1][1]
            print(f"| pages of {PAGE} expanded jobs, {JOBS:,} jobs, one client | jobs/s | of warm in process |\n|---|---|---|")
            for what, rate in rates.items():
                print(f"| {what} | {rate:,.0f} | {rate / rates['warm in process']:.2f} x |")
            print(f"\nWarm in Redis: {sizes['answered']:,.0f} B answered, {sizes['read']:,.0f} B read from Redis "
                  f"({sizes['read'] / sizes['answered']:.2f} x), {sizes['built']:.0f} entities built from the record.\n")
            ways, mean = ways_to_get(redis)
            print(f"| {PROBE_KEYS} values of {mean:,.0f} B, Python client | keys/s | of one at a time |\n|---|---|---|")
            for what, rate in ways.items():
                print(f"| {what} | {rate:,.0f} | {rate / ways['GET, one at a time']:.1f} x |")
        finally:
            redis.stop()


main()
