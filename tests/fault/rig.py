"""Real Redis servers that a test starts, stops and spoils, and a way to know what a right answer is."""

import contextlib
import json
import os
import pathlib
import random
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
import uuid

import grpc

ROOT = pathlib.Path(__file__).resolve().parents[2]
from scenario import CONTRACT, JOBGATE, Server, run, sample  # noqa: F401  (conftest.py makes the name)

from jobgate.v1 import entity_service_pb2 as entity_api, entity_service_pb2_grpc
from jobgate.v1 import equipment_family_pb2, equipment_model_pb2, job_service_pb2 as job_api, job_service_pb2_grpc
from jobgate.v1 import project_pb2, skill_pb2

# Debian's package redis-tools holds the server too, under this name; what it is called decides what it does.
PROGRAM = "/usr/bin/redis-check-rdb"
WAIT_SECONDS = 30
PASSWORD = "s3cret-f0r-redis"
# For tests of what Redis has, not of how soon: a busy machine may need longer than the default.
PATIENT = ("--cache-budget-ms", "5000")
# A read may cost the time budget three times (then the breaker is open), what it builds itself, and a busy machine's pauses.
SLOWEST_SECONDS = 3


def wait_until(what, condition, seconds=WAIT_SECONDS):
    """Polls; fails with `what` when the time is over."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < deadline, f"waited in vain: {what}"
        time.sleep(0.01)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Client:
    """As much of Redis' protocol as the tests need."""

    def __init__(self, port, password=None):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=WAIT_SECONDS)
        self.file = self.socket.makefile("rb")
        if password:
            self.do("AUTH", password)

    def close(self):
        self.file.close()
        self.socket.close()

    def send(self, *words):
        parts = [word if isinstance(word, bytes) else str(word).encode() for word in words]
        self.socket.sendall(b"*%d\r\n" % len(parts) + b"".join(b"$%d\r\n%s\r\n" % (len(p), p) for p in parts))

    def reply(self):
        line = self.file.readline()
        if not line.endswith(b"\r\n"):
            raise ConnectionError("the connection ended")
        kind, rest = line[:1], line[1:-2]
        if kind == b"$":
            return None if rest == b"-1" else self.file.read(int(rest) + 2)[:-2]
        if kind == b"*":
            return None if rest == b"-1" else [self.reply() for _ in range(int(rest))]
        if kind == b"-":
            raise RuntimeError(rest.decode())
        return int(rest) if kind == b":" else rest.decode()

    def do(self, *words):
        self.send(*words)
        return self.reply()


class Redis:
    """One process: a server, or a Sentinel."""

    def __init__(self, folder, *settings, port=None, sentinel=False, password=PASSWORD):
        self.port = port or free_port()
        self.folder = pathlib.Path(folder) / f"redis-{self.port}"
        self.folder.mkdir()
        self.password = None if sentinel else password
        self.sentinel = sentinel
        self.config = self.folder / "redis.conf"
        lines = [f"port {self.port}", "bind 127.0.0.1", f"dir {self.folder}", f"logfile {self.folder}/log", *settings]
        if not sentinel:
            lines += ['save ""', "appendonly no"]
        if self.password:
            lines += [f"requirepass {password}", f"masterauth {password}"]
        self.config.write_text("\n".join(lines) + "\n")
        self.process = None
        self.start()

    def start(self):
        arguments = ["redis-server", str(self.config)] + (["--sentinel"] if self.sentinel else [])
        self.process = subprocess.Popen(arguments, executable=PROGRAM, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_until("redis answers", self.answers)

    def answers(self):
        assert self.process.poll() is None, (self.folder / "log").read_text()[-2000:]
        try:
            return self.do("PING")
        except (OSError, RuntimeError, ConnectionError):
            return False

    @contextlib.contextmanager
    def client(self):
        client = Client(self.port, self.password)
        try:
            yield client
        finally:
            client.close()

    def do(self, *words):
        with self.client() as client:
            return client.do(*words)

    def keys(self):
        """Those of values, not of probes; jobgate is told to use database 1."""
        with self.client() as client:
            client.do("SELECT", 1)
            return [key for key in client.do("KEYS", "jobgate:*") if key.split(b":")[5] != b"0"]

    def pause(self):
        self.process.send_signal(signal.SIGSTOP)

    def resume(self):
        self.process.send_signal(signal.SIGCONT)

    def kill(self):
        self.process.kill()
        self.process.wait(WAIT_SECONDS)

    def stop(self):
        if self.process.poll() is None:
            self.kill()  # also one that is paused


class Proxy:
    """Stands between jobgate and Redis, and spoils what passes: `mode` is pass, cut, hole, slow, garbage or
    twice (what Redis says in small pieces)."""

    def __init__(self, port):
        self.target = port
        self.mode = "pass"
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.sockets, self.lock, self.numbers = set(), threading.Lock(), random.Random(7)
        threading.Thread(target=self.accept, daemon=True).start()

    def set(self, mode):
        """Cutting ends what is open; the others change what passes from now on."""
        self.mode = mode
        if mode == "cut":
            with self.lock:
                for one in self.sockets:
                    with contextlib.suppress(OSError):
                        one.shutdown(socket.SHUT_RDWR)

    def stop(self):
        self.set("cut")
        self.listener.close()

    def accept(self):
        while True:
            try:
                near, _ = self.listener.accept()
            except OSError:
                return
            if self.mode == "cut":
                near.close()
                continue
            try:
                far = socket.create_connection(("127.0.0.1", self.target), timeout=WAIT_SECONDS)
            except OSError:
                near.close()
                continue
            with self.lock:
                self.sockets |= {near, far}
            for source, sink, answers in ((near, far, False), (far, near, True)):
                threading.Thread(target=self.pump, args=(source, sink, answers), daemon=True).start()

    def pump(self, source, sink, answers):
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                if self.mode == "hole":
                    continue
                if self.mode == "slow":
                    time.sleep(0.2)
                if self.mode == "garbage" and answers:
                    data = self.numbers.randbytes(len(data))
                if self.mode == "twice" and answers and len(data) < 4096:
                    data += data
                sink.sendall(data)
        for one in (source, sink):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
        with self.lock:
            self.sockets -= {source, sink}
        source.close()


class Teller:
    """Answers as an empty Redis would, and says something more behind each MGET; or says what `nonsense()` returns, whatever it is
    asked, once `mad` is set."""

    def __init__(self, surplus=b"", nonsense=None):
        self.surplus, self.said, self.nonsense, self.mad = surplus, 0, nonsense, False
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def stop(self):
        self.listener.close()

    def accept(self):
        while True:
            try:
                near, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.answer, args=(near,), daemon=True).start()

    def answer(self, near):
        with contextlib.suppress(OSError, ValueError), near, near.makefile("rb") as file:
            while line := file.readline():
                words = []
                for _ in range(int(line[1:])):
                    words.append(file.read(int(file.readline()[1:]) + 2)[:-2])
                if self.mad:
                    self.said += 1
                    near.sendall(self.nonsense())
                elif words[0] == b"MGET":
                    self.said += 1
                    near.sendall(b"*%d\r\n" % (len(words) - 1) + b"$-1\r\n" * (len(words) - 1) + self.surplus)
                else:
                    near.sendall(b"+OK\r\n")


def metrics(server):
    """{series: value} of the admin port."""
    with urllib.request.urlopen(f"http://{server.admin}/metrics", timeout=WAIT_SECONDS) as answer:
        lines = answer.read().decode().splitlines()
    return {line.rsplit(" ", 1)[0]: float(line.rsplit(" ", 1)[1]) for line in lines if not line.startswith("#")}


def total(server, name, *labels):
    """The sum of a metric's series that have these labels."""
    return sum(value for series, value in metrics(server).items()
               if series.split("{")[0] == name and all(label in series for label in labels))


def breaker(server, side):
    return ("closed", "half_open", "open")[int(metrics(server)[f'jobgate_cache_breaker_state{{side="{side}"}}'])]


def wait_for_breaker(server, **sides):
    wait_until(f"breakers {sides}", lambda: all(breaker(server, side) == state for side, state in sides.items()))


def breaker_lines(server):
    """[(side, state, reason)] in the order of the log."""
    found = []
    for line in (server.folder / "server.log").read_text().splitlines():
        if " cache_breaker " in line:
            words = dict(word.split("=", 1) for word in line.split() if "=" in word)
            found.append((words["side"], words["state"], words["reason"]))
    return found


KINDS = {"project": project_pb2.Project, "equipment_model": equipment_model_pb2.EquipmentModel,
         "equipment_family": equipment_family_pb2.EquipmentFamily, "skill": skill_pb2.Skill}


def embedded(job):
    """The entities of a job's JSON whose names are versions."""
    yield job["project"]
    yield job["project"]["equipment_model"]
    yield job["project"]["equipment_model"]["equipment_family"]
    yield job["skill"]


class World:
    """A record of jobs that share entities; each entity's name says how often it was changed, so that a read can be judged:
    never older than what was acknowledged before it, never newer than what was sent when it ended."""

    def __init__(self, folder, jobs=240, seed=1):
        self.folder = pathlib.Path(folder)
        self.store = f"sqlite:{self.folder}/jobgate.db"
        self.numbers = random.Random(seed)
        new = lambda: str(uuid.UUID(int=self.numbers.getrandbits(128), version=4))
        families = [{"id": new(), "code": f"F{i}", "name": "v0"} for i in range(3)]
        models = [{"id": new(), "code": f"M{i}", "name": "v0", "equipment_family": families[i % 3]} for i in range(8)]
        projects = [{"id": new(), "reference_back_office": f"P{i}", "name": "v0", "description": "d" * 3000,
                     "equipment_model": models[i % 8]} for i in range(jobs)]
        skills = [{"id": new(), "code": f"S{i}", "name": "v0"} for i in range(4)]
        self.jobs = [new() for _ in range(jobs)]
        lines = [json.dumps({"id": job, "name": f"job {i}", "project": projects[i], "skill": skills[i % 4],
                             "job_type": {"code": "T"}, "job_status_code": "Open"}) for i, job in enumerate(self.jobs)]
        run("import", "--store", self.store, "-", stdin="\n".join(lines).encode())
        self.kinds = {entity["id"]: kind for kind, entities in (
            ("project", projects), ("equipment_model", models), ("equipment_family", families), ("skill", skills))
            for entity in entities}
        self.sent = dict.fromkeys(self.kinds, 0)
        self.acknowledged = dict.fromkeys(self.kinds, 0)
        self.server = None

    def serve(self, *flags):
        self.server = Server(self.folder, *flags, store=self.store)
        return self.server

    def entities(self, kind):
        return sorted(one for one in self.kinds if self.kinds[one] == kind)

    def update(self, entity, stub=None):
        """Changes one entity; everything that embeds it must show it from now on."""
        if stub is None:
            with self.server.channel() as channel:
                return self.update(entity, entity_service_pb2_grpc.EntityServiceStub(channel))
        kind, version = self.kinds[entity], self.sent[entity] + 1
        self.sent[entity] = version
        message = entity_api.AnyEntity(**{kind: KINDS[kind](id=entity, name=f"v{version}")})
        stub.UpsertEntity(entity_api.UpsertEntityRequest(entity=message), timeout=WAIT_SECONDS)
        self.acknowledged[entity] = version
        return None

    def judge(self, jobs, floor):
        """What is wrong with the jobs of one answer, if anything."""
        seen = {}
        for job in jobs:
            for entity in embedded(job):
                version = int(entity["name"][1:])
                if not floor[entity["id"]] <= version <= self.sent[entity["id"]]:
                    return f"{entity['id']} is v{version}, acknowledged v{floor[entity['id']]}, sent v{self.sent[entity['id']]}"
                if seen.setdefault(entity["id"], version) != version:
                    return f"{entity['id']} is v{version} and v{seen[entity['id']]} in one answer"
        return None

    def read_page(self, skip=None):
        skip = self.numbers.randrange(len(self.jobs) - 100) if skip is None else skip
        floor = dict(self.acknowledged)
        answer = self.server.get(f"/api/Jobs?$skip={skip}")
        if answer.status != 200:
            return f"status {answer.status}: {answer.body[:200]}"
        return self.judge(answer.json()["value"], floor)

    def read_one(self, job=None):
        job = job or self.jobs[int(random.random() * len(self.jobs))]
        floor = dict(self.acknowledged)
        answer = self.server.get(f"/api/Jobs({job})")
        return self.judge([answer.json()], floor) if answer.status == 200 else f"status {answer.status}"

    def read_grpc(self, job=None):
        job = job or self.jobs[int(random.random() * len(self.jobs))]
        floor = dict(self.acknowledged)
        with self.server.channel() as channel:
            message = job_service_pb2_grpc.JobServiceStub(channel).GetJob(job_api.GetJobRequest(id=job), timeout=WAIT_SECONDS)
        project = message.project
        nodes = [project, project.equipment_model, project.equipment_model.equipment_family, message.skill]
        for node in nodes:
            if not floor[node.id] <= int(node.name[1:]) <= self.sent[node.id]:
                return f"{node.id} is {node.name} over gRPC, acknowledged v{floor[node.id]}"
        return None

    def read_all_doors(self, job=None):
        return self.read_page(0) or self.read_one(job) or self.read_grpc(job)


measured = []  # what the summary shows


class Load:
    """Readers and a writer until the block ends; `wrong` then says what was, and `seconds` how long each read took."""

    def __init__(self, world, readers=3):
        self.world, self.wrong, self.seconds, self.write_seconds = world, [], [], []
        self.stopping = threading.Event()
        self.threads = [threading.Thread(target=self.read, daemon=True) for _ in range(readers)]
        self.threads.append(threading.Thread(target=self.write, daemon=True))

    def read(self):
        world = self.world
        while not self.stopping.is_set():
            for look in (world.read_page, world.read_one, world.read_one):
                started = time.monotonic()
                try:
                    wrong = look()
                except Exception as error:  # whatever it is, the test must hear of it
                    wrong = repr(error)
                self.seconds.append(time.monotonic() - started)
                if wrong:
                    self.wrong.append(wrong)

    def write(self):
        numbers = random.Random(5)
        entities = sorted(self.world.kinds)
        with self.world.server.channel() as channel:
            stub = entity_service_pb2_grpc.EntityServiceStub(channel)
            while not self.stopping.is_set():
                started = time.monotonic()
                try:
                    self.world.update(numbers.choice(entities), stub)
                except grpc.RpcError as error:
                    self.wrong.append(f"a write failed: {error.code()}")
                self.write_seconds.append(time.monotonic() - started)
                self.stopping.wait(0.02)

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.stopping.set()
        for thread in self.threads:
            thread.join(WAIT_SECONDS)

    def run_for(self, reads):
        """So many more reads; bounded, so that a read that hangs is found."""
        wanted = len(self.seconds) + reads
        wait_until(f"{reads} more reads", lambda: len(self.seconds) >= wanted)

    def check(self, what):
        assert self.wrong == [], self.wrong[:5]
        ordered = sorted(self.seconds)
        p50, p99 = ordered[len(ordered) // 2], ordered[len(ordered) * 99 // 100]
        measured.append(f"{what}: {len(ordered)} reads, p50 {p50 * 1e3:.1f} ms, p99 {p99 * 1e3:.1f} ms, "
                        f"slowest {ordered[-1] * 1e3:.0f} ms; {len(self.write_seconds)} writes, "
                        f"slowest {max(self.write_seconds) * 1e3:.0f} ms")
        assert max(ordered[-1], max(self.write_seconds)) < SLOWEST_SECONDS
