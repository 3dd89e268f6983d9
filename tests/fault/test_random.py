"""Random changes, restarts and faults of Redis, while another process writes nonsense into it: every read is compared with the
record itself, as `jobgate export` tells it without any Redis."""

import json
import multiprocessing
import random
import time

import pytest

from rig import PASSWORD, SLOWEST_SECONDS, Client, measured, run, total, wait_for_breaker

STEPS = 40


def spoil(port, seed, stop):
    """Another process: garbage, truncated values, values of other keys, other types, under the very keys of jobgate."""
    numbers = random.Random(seed)
    client = None
    while not stop.is_set():
        try:
            client = client or Client(port, PASSWORD)
            client.do("SELECT", 1)
            keys = client.do("KEYS", "jobgate:*:*:*")
            for key in numbers.sample(keys, min(len(keys), 20)):
                kind = numbers.randrange(5)
                value = client.do("GET", key) if kind != 3 else b""
                if kind == 0:
                    client.do("SET", key, numbers.randbytes(numbers.randrange(4000)))
                elif kind == 1 and value:
                    client.do("SET", key, value[:numbers.randrange(len(value))])
                elif kind == 2:
                    client.do("SET", key, client.do("GET", numbers.choice(keys)) or b"")
                elif kind == 3:
                    client.do("DEL", key)
                    client.do("LPUSH", key, "not a string")
                elif value:
                    at = numbers.randrange(len(value))
                    client.do("SET", key, value[:at] + bytes([value[at] ^ (1 << numbers.randrange(8))]) + value[at + 1:])
            stop.wait(0.005)
        except RuntimeError:
            pass  # another type stands there
        except OSError:
            client = None
            stop.wait(0.02)


@pytest.fixture
def vandal(redis):
    stop = multiprocessing.Event()
    process = multiprocessing.Process(target=spoil, args=(redis.port, 11, stop), daemon=True)
    process.start()
    yield process
    stop.set()
    process.join(10)
    if process.is_alive():
        process.kill()
        process.join()


def record(world):
    """{id: job} as the record has it."""
    return {job["id"]: job for job in map(json.loads, run("export", "--store", world.store).stdout.splitlines())}


def without_context(job):
    return {name: value for name, value in job.items() if not name.startswith("@")}


def compare(world, numbers):
    """Everything read now against the record; nobody writes meanwhile."""
    truth = record(world)
    slowest = 0

    def get(path):
        nonlocal slowest
        started = time.monotonic()
        answer = world.server.get(path)
        slowest = max(slowest, time.monotonic() - started)
        assert answer.status == 200
        return answer.json()

    for skip in numbers.sample(range(0, len(world.jobs) - 100), 2):
        for job in get(f"/api/Jobs?$skip={skip}")["value"]:
            assert job == truth[job["id"]]
    for job in numbers.sample(world.jobs, 5):
        assert without_context(get(f"/api/Jobs({job})")) == truth[job]
    return slowest


def test_every_read_is_the_record(world, serve, redis, proxy, vandal):
    numbers = random.Random(20261126)
    server = serve(proxy.port, "--cache-bytes", str(1 << 20))
    entities = sorted(world.kinds)
    paused = False
    slowest = 0
    for _ in range(STEPS):
        for entity in numbers.sample(entities, numbers.randrange(1, 6)):
            world.update(entity)
        fault = numbers.choice(["none", "none", "kill", "flush", "cut", "garbage", "slow", "pass", "pause", "resume", "restart"])
        if fault in ("cut", "garbage", "slow", "pass"):
            proxy.set(fault)
        elif fault == "restart":
            server.stop()
            server.start()
        elif fault == "resume" or paused:
            redis.resume()
            paused = False
        elif fault == "kill":
            redis.kill()
            redis.start()
        elif fault == "flush":
            redis.do("FLUSHALL")
        elif fault == "pause":
            redis.pause()
            paused = True
        slowest = max(slowest, compare(world, numbers))
    proxy.set("pass")
    redis.resume()
    wait_for_breaker(server, read="closed", write="closed")
    for _ in range(3):
        world.update(numbers.choice(entities))
        compare(world, numbers)
    assert total(server, "jobgate_cache_hits_total", 'level="redis"') > 0
    assert total(server, "jobgate_cache_refused_total") > 0
    measured.append(f"random: {STEPS} steps of 7 reads, slowest {slowest * 1e3:.0f} ms")
    assert slowest < SLOWEST_SECONDS
