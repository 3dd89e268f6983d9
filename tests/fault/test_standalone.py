"""One Redis that is killed, paused, cut off, flushed and spoiled while jobgate reads and writes."""

import itertools
import random
import time

import pytest

from rig import PATIENT, Load, Redis, Server, Teller, breaker, breaker_lines, metrics, total, wait_for_breaker, wait_until

# The process' own level is smaller than what is read, so that Redis is asked all the time.
SMALL = ("--cache-bytes", str(1 << 20))

FAULTS = {
    "killed": (lambda redis, proxy: redis.kill(), lambda redis, proxy: redis.start()),
    "paused": (lambda redis, proxy: redis.pause(), lambda redis, proxy: redis.resume()),
    "cut": (lambda redis, proxy: proxy.set("cut"), lambda redis, proxy: proxy.set("pass")),
    "silent": (lambda redis, proxy: proxy.set("hole"), lambda redis, proxy: proxy.set("pass")),
    "slow": (lambda redis, proxy: proxy.set("slow"), lambda redis, proxy: proxy.set("pass")),
    "garbage": (lambda redis, proxy: proxy.set("garbage"), lambda redis, proxy: proxy.set("pass")),
    "twice": (lambda redis, proxy: proxy.set("twice"), lambda redis, proxy: proxy.set("pass")),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_75_a_change_shows_at_the_next_read(world, serve, redis, proxy, fault):
    """Cache warm or cold in the process, Redis up or down: each door, each depth of embedding."""
    begin, end = FAULTS[fault]
    server = serve(proxy.port)
    changed = [world.entities(kind)[0] for kind in ("equipment_family", "equipment_model", "project", "skill")]
    for broken in (False, True, False):
        if broken:
            begin(redis, proxy)
        for cold in (False, True):
            if cold:
                server.stop()
                server.start()
            for entity in changed:
                world.update(entity)
                assert world.read_all_doors() is None
        if broken:
            end(redis, proxy)
            wait_for_breaker(server, read="closed", write="closed")


@pytest.mark.parametrize("fault", FAULTS)
def test_under_load(world, serve, redis, proxy, fault):
    begin, end = FAULTS[fault]
    server = serve(proxy.port, *SMALL)
    with Load(world) as load:
        for _ in range(2):
            load.run_for(100)
            begin(redis, proxy)
            wait_for_breaker(server, read="open")
            load.run_for(100)
            end(redis, proxy)
            wait_for_breaker(server, read="closed", write="closed")
        load.run_for(100)
    load.check(f"standalone, {fault}")
    assert total(server, "jobgate_cache_hits_total", 'level="redis"') > 0


def test_a_restarted_server_begins_warm(world, serve, redis):
    server = serve()
    world.read_page(0)
    built = total(server, "jobgate_expand_builds_total")
    assert built > 100
    assert metrics(server)["jobgate_cache_get_seconds_count"] <= 4  # a cold cache is not asked for each entity
    wait_until("the values are in Redis", lambda: len(redis.keys()) == built)
    server.stop()
    server.start()
    assert world.read_page(0) is None
    assert total(server, "jobgate_expand_builds_total") == 0
    assert total(server, "jobgate_cache_hits_total", 'level="redis"') >= 100
    assert total(server, "jobgate_cache_age_seconds_bucket", 'kind="project"', 'le="+Inf"') >= 100
    assert total(server, "jobgate_cache_shared_bytes_total", 'direction="read"') > 100 * 3000
    stats = redis.do("INFO", "commandstats").decode()
    assert "cmdstat_mget" in stats and "cmdstat_get:" not in stats  # C5
    assert "name=jobgate" in redis.do("CLIENT", "LIST").decode()
    with redis.client() as client:
        client.do("SELECT", 1)
        lives = [client.do("PTTL", key) for key in redis.keys()]
    assert all(0.85 * 86400e3 < ttl < 1.11 * 86400e3 for ttl in lives)
    assert max(lives) - min(lives) > 0.05 * 86400e3  # not all at once


@pytest.fixture
def one_line_each(world):
    """After the test: a breaker's lines alternate between open and closed, however often it was probed in between."""
    yield
    for side in ("read", "write"):
        states = [state for of, state, _ in breaker_lines(world.server) if of == side]
        assert all(a != b for a, b in zip(states, states[1:])), states


def reasons(server, side):
    return [reason for of, state, reason in breaker_lines(server) if of == side and state == "open"]


def test_full(world, serve, redis, one_line_each):
    server = serve()
    redis.do("CONFIG", "SET", "maxmemory", "1")
    for entity in world.entities("project")[:5]:
        world.update(entity)
        assert world.read_page() is None
    wait_for_breaker(server, read="closed", write="open")  # reads go on
    assert reasons(server, "write") == ["oom"] and reasons(server, "read") == []
    redis.do("CONFIG", "SET", "maxmemory", "0")
    wait_for_breaker(server, read="closed", write="closed")


def test_full_for_long(world, serve, redis, one_line_each):
    """A small value may fit where the next real one does not: that is no reason to begin again, every few seconds."""
    server = serve(None, *SMALL)
    wait_for_breaker(server, read="closed", write="closed")
    used = int(redis.do("INFO", "memory").decode().split("used_memory:")[1].split()[0])
    redis.do("CONFIG", "SET", "maxmemory", used + (300 << 10))
    deadline = time.monotonic() + 12
    for entity in itertools.cycle(world.entities("project")):
        world.update(entity)
        assert world.read_page() is None
        if time.monotonic() > deadline:
            break
    assert reasons(server, "write")[0] == "oom" and len(reasons(server, "write")) <= 3 and reasons(server, "read") == []
    redis.do("CONFIG", "SET", "maxmemory", "0")
    wait_for_breaker(server, read="closed", write="closed")


def test_read_only(world, serve, redis, tmp_path, one_line_each):
    other = Redis(tmp_path, "repl-diskless-sync-delay 0")
    try:
        server = serve()
        redis.do("REPLICAOF", "127.0.0.1", other.port)
        wait_until("it is a replica", lambda: "master_link_status:up" in redis.do("INFO", "replication").decode())
        for entity in world.entities("project"):
            world.update(entity)
            assert world.read_page() is None
        wait_for_breaker(server, read="closed", write="open")
        assert "read_only" in reasons(server, "write")
        redis.do("REPLICAOF", "NO", "ONE")
        wait_for_breaker(server, read="closed", write="closed")
        assert world.read_all_doors() is None
    finally:
        other.stop()


def test_no_permission(world, redis, one_line_each):
    redis.do("ACL", "SETUSER", "reader", "on", ">pw", "~jobgate:*", "+mget", "+select")
    server = world.serve("--cache", f"redis://reader:pw@127.0.0.1:{redis.port}/1", *PATIENT)
    assert world.read_all_doors() is None
    wait_for_breaker(server, read="closed", write="open")
    assert reasons(server, "write") == ["no_permission"]
    redis.do("ACL", "SETUSER", "reader", "~lease:jobgate:*", "+set")
    wait_for_breaker(server, read="closed", write="closed")


def test_wrong_password(world, serve, redis, one_line_each):
    server = serve(password="wr0ng-s3cret")
    assert world.read_all_doors() is None
    wait_for_breaker(server, read="open", write="open")
    assert reasons(server, "read") == ["auth"] and reasons(server, "write") == ["auth"]
    redis.do("CONFIG", "SET", "requirepass", "wr0ng-s3cret")
    wait_for_breaker(server, read="closed", write="closed")
    assert world.read_all_doors() is None
    everything = (server.folder / "server.log").read_text() + str(server.request("GET", "/metrics", address=server.admin).body)
    assert "s3cret" not in everything


def test_flushed_and_restarted(world, serve, redis, one_line_each):
    server = serve()
    for spoil in (lambda: redis.do("FLUSHALL"), lambda: (redis.kill(), redis.start()), lambda: redis.do("FLUSHALL")):
        assert world.read_all_doors() is None
        spoil()
        world.update(world.entities("equipment_family")[1])
        assert world.read_all_doors() is None
    wait_for_breaker(server, read="closed", write="closed")
    assert reasons(server, "read") in (["lost"], ["connect"])  # the latter if it had been idle


def test_idle_connections_are_closed(world, serve, redis, one_line_each):
    """As servers and proxies do that count idle time: no fault, nothing in the log, and the cache goes on."""
    redis.do("CONFIG", "SET", "timeout", "1")
    server = serve(None, *SMALL)
    wait_for_breaker(server, read="closed", write="closed")
    told = breaker_lines(server)
    assert world.read_page(0) is None
    assert world.read_page(140) is None  # the process keeps one of the pages, not both
    for connections in range(2, 6):
        wait_until("the idle connection was closed and made anew", lambda: total(server, "jobgate_cache_connects_total") >= connections)
        wait_until("the breakers are closed", lambda: (breaker(server, "read"), breaker(server, "write")) == ("closed", "closed"))
    found = total(server, "jobgate_cache_hits_total", 'level="redis"')
    assert world.read_page(0) is None
    assert total(server, "jobgate_cache_hits_total", 'level="redis"') > found
    assert breaker_lines(server) == told
    assert total(server, "jobgate_cache_breaker_changes_total", 'state="open"') == 0
    assert total(server, "jobgate_cache_failures_total") == 0


def test_nobody_there_at_the_start(world, serve, redis, one_line_each):
    redis.kill()
    server = serve()
    assert world.read_all_doors() is None
    assert reasons(server, "read") == ["connect"]
    redis.start()
    wait_for_breaker(server, read="closed", write="closed")
    world.update(world.entities("project")[0])
    assert world.read_all_doors() is None
    wait_until("values are shared", redis.keys)


def test_huge_values(world, serve, redis):
    """Under a key of ours stands what somebody else put there: 300 MB of it are neither waited for nor kept."""
    server = serve()
    expected = server.get("/api/Jobs").json()["value"]
    built = total(server, "jobgate_expand_builds_total")
    wait_until("the values are in Redis", lambda: len(redis.keys()) == built)
    server.stop()
    with redis.client() as client:
        client.do("SELECT", 1)
        for key, size in zip(sorted(redis.keys())[::40], (2 << 20, 50 << 20, 300 << 20)):
            client.do("SETRANGE", key, size, "x")
    server.start()
    assert server.get("/api/Jobs").json()["value"] == expected
    wait_for_breaker(server, read="closed", write="closed")
    assert server.get("/api/Jobs").json()["value"] == expected
    status = open(f"/proc/{server.process.pid}/status").read()
    peak_kb = int(status.split("VmHWM:")[1].split()[0])
    assert peak_kb < 400 << 10


def test_another_protocol(world, server_that_is_not_redis):
    server = world.serve("--cache", f"redis://127.0.0.1:{server_that_is_not_redis}")
    assert world.read_all_doors() is None
    wait_for_breaker(server, read="open", write="open")


@pytest.mark.parametrize("seed", range(4))
def test_nonsense(world, seed):
    """Any reply to any command, none or several: no wrong answer, and no end of the process."""
    numbers = random.Random(seed)
    pieces = [b"+OK\r\n", b"-ERR x\r\n", b"-OOM x\r\n", b"-READONLY x\r\n", b":7\r\n", b"$-1\r\n", b"$3\r\nabc\r\n", b"*-1\r\n", b"*0\r\n",
              b"*1\r\n$-1\r\n", b"*2\r\n$1\r\nx\r\n*1\r\n:1\r\n", b"*100\r\n" + b"$-1\r\n" * 100, b"*100\r\n" + b"$1\r\nx\r\n" * 100,
              b"*7\r\n", b"$10\r\nab", b"\r\n", b">2\r\n+a\r\n+b\r\n", b"*2147483647\r\n", b"*99999999999\r\n", b"$-7\r\n", b"*-9\r\n", b":x\r\n"]
    teller = Teller(nonsense=lambda: b"".join(numbers.choices(pieces, k=numbers.choice((0, 1, 1, 1, 2, 3)))))
    try:
        server = world.serve("--cache", f"redis://127.0.0.1:{teller.port}", *SMALL)
        for entity in world.entities("project")[:60]:
            teller.mad = numbers.random() < 0.7  # else it recovers
            world.update(entity)
            assert world.read_page() is None
            assert world.read_one() is None
        teller.mad = False
        wait_for_breaker(server, read="closed", write="closed")
        assert teller.said > 3
    finally:
        teller.stop()


@pytest.fixture
def server_that_is_not_redis(world, tmp_path):
    """jobgate's own HTTP port."""
    (tmp_path / "other").mkdir()
    other = Server(tmp_path / "other")
    yield other.http.split(":")[1]
    other.stop()
