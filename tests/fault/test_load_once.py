"""C3: what many want at once is loaded once, in a process and across processes."""

import http.client
import shutil
import threading

import pytest

from rig import PASSWORD, PATIENT, Client, Server, World, total, wait_for_breaker, wait_until

READERS = 1000


def read_at_once(address, path, count):
    """count connections, all open before the first request goes out. Returns the bodies."""
    host, port = address.split(":")
    barrier = threading.Barrier(count)
    bodies = [None] * count

    def read(number):
        connection = http.client.HTTPConnection(host, int(port), timeout=60)
        connection.connect()
        barrier.wait(60)
        connection.request("GET", path)
        answer = connection.getresponse()
        bodies[number] = (answer.status, answer.read())
        connection.close()

    threading.stack_size(256 << 10)
    threads = [threading.Thread(target=read, args=(number,)) for number in range(count)]
    threading.stack_size(0)
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    return bodies


@pytest.mark.parametrize("shared", [False, True])
def test_a_thousand_reads_of_one_cold_key(world, redis, shared):
    flags = ["--cache", f"redis://:{PASSWORD}@127.0.0.1:{redis.port}/1", *PATIENT] if shared else []
    server = world.serve(*flags, "--readers", "16")
    path = f"/api/Jobs({world.jobs[0]})"
    assert server.get(path).status == 200
    needed = total(server, "jobgate_expand_builds_total")  # each of its entities once
    assert needed >= 5
    redis.do("FLUSHALL")
    server.stop()
    server.start()
    bodies = read_at_once(server.http, path, READERS)
    assert {status for status, _ in bodies} == {200}
    assert len({body for _, body in bodies}) == 1
    assert total(server, "jobgate_expand_builds_total") == needed


def test_one_process_does_not_contend_with_itself(world, serve, redis):
    """Many threads that want the same cold page: each entity is built once, and nobody waits for a lease of his own process."""
    server = serve(None, "--readers", "16")
    assert world.read_page(0) is None
    needed = total(server, "jobgate_expand_builds_total")
    server.stop()
    for _ in range(5):
        redis.do("FLUSHALL")
        server.start()
        wait_for_breaker(server, read="closed", write="closed")
        assert {status for status, _ in read_at_once(server.http, "/api/Jobs", 8)} == {200}
        assert total(server, "jobgate_expand_builds_total") == needed
        assert total(server, "jobgate_cache_leases_total", 'result="won"') > 0
        assert total(server, "jobgate_cache_leases_total", 'result="lost"') == 0
        assert total(server, "jobgate_cache_lease_waits_total") == 0
        server.stop()
    server.start()


def test_two_processes_share_what_one_loads(tmp_path, redis):
    """Replicas of one record, as PostgreSQL will have them: here, copies with the same epoch."""
    world = World(tmp_path)
    (tmp_path / "twin").mkdir()
    shutil.copy(tmp_path / "jobgate.db", tmp_path / "twin" / "jobgate.db")
    flags = ("--cache", f"redis://:{PASSWORD}@127.0.0.1:{redis.port}/1", *PATIENT)
    first = world.serve(*flags)
    second = Server(tmp_path / "twin", *flags)
    try:
        body = first.get("/api/Jobs").json()["value"]
        loaded = total(first, "jobgate_expand_builds_total")
        wait_until("all is shared", lambda: len(redis.keys()) == loaded)
        assert second.get("/api/Jobs").json()["value"] == body
        assert total(second, "jobgate_expand_builds_total") == 0
        # Both at once, on what neither has: each entity is loaded by one of them. Not where a wait for the other was given up, and
        # a few more where a busy machine slept longer than a lease.
        lost = 0
        for _ in range(4):
            for server in (first, second):
                server.stop()
            redis.do("FLUSHALL")
            for server in (first, second):
                server.start()
            for server in (first, second):
                wait_for_breaker(server, read="closed", write="closed")
            answers = {}
            pages = [threading.Thread(target=lambda s=server: answers.update({s.http: s.get("/api/Jobs").json()["value"]}))
                     for server in (first, second)]
            for page in pages:
                page.start()
            for page in pages:
                page.join(60)
            assert answers[first.http] == answers[second.http] == body
            both = lambda name, *labels: total(first, name, *labels) + total(second, name, *labels)
            given_up = both("jobgate_cache_lease_waits_total", 'result="given_up"')
            assert loaded <= both("jobgate_expand_builds_total") <= loaded + given_up + 10
            lost += both("jobgate_cache_leases_total", 'result="lost"')
        assert lost > 0  # they did meet
    finally:
        second.stop()
        first.stop()


def test_another_process_holds_the_lease(world, serve, redis):
    """What it then offers is taken; if it never does, the wait is short."""
    server = serve()
    path = f"/api/Jobs({world.jobs[3]})"
    expected = server.get(path).body
    loaded = total(server, "jobgate_expand_builds_total")
    wait_until("all is shared", lambda: len(redis.keys()) == loaded)
    client = Client(redis.port, PASSWORD)
    client.do("SELECT", 1)
    values = {key: client.do("GET", key) for key in redis.keys()}
    server.stop()

    def begin_with_leases(ms):
        client.do("FLUSHALL")
        for key in values:
            client.do("SET", b"lease:" + key, "1", "PX", ms)
        server.start()

    begin_with_leases(60000)
    assert server.get(path).body.split(b",", 1)[1] == expected.split(b",", 1)[1]  # behind the address
    assert total(server, "jobgate_cache_lease_waits_total", 'result="given_up"') > 0
    server.stop()
    for _ in range(20):  # the holder must come in within some milliseconds: not at the first try on a busy machine
        begin_with_leases(60000)
        wait_for_breaker(server, read="closed", write="closed")
        client.do("CONFIG", "RESETSTAT")
        reader = threading.Thread(target=server.get, args=(path,))
        reader.start()
        while "cmdstat_set:" not in client.do("INFO", "commandstats").decode():  # its claims
            assert reader.is_alive()
        for key, value in values.items():
            client.send("SET", key, value)
        for _ in values:
            client.reply()
        reader.join(60)
        found = total(server, "jobgate_cache_lease_waits_total", 'result="found"')
        server.stop()
        if found:
            break
    assert found > 0
    client.close()
    server.start()
