"""The cache's address: where it comes from, what is refused, and that its password stays in the dark."""

import itertools
import os
import sqlite3
import subprocess

import pytest

from rig import JOBGATE, PASSWORD, Teller, breaker_lines, metrics, run, wait_for_breaker, wait_until


@pytest.mark.parametrize("url, words", [
    ("rediss://user:hunter2@127.0.0.1", "TLS"),
    ("redis://user:hunter2@127.0.0.1:99999", "port"),
    ("redis://user:hunter2@127.0.0.1/x", "database"),
    ("redis+sentinel://user:hunter2@127.0.0.1", "master"),
    ("memcached://user:hunter2@127.0.0.1", "memory:"),
])
@pytest.mark.parametrize("command", ["serve", "check"])
def test_wrong_addresses_are_refused_before_anything_is_opened(tmp_path, url, words, command):
    result = subprocess.run([JOBGATE, command, "--store", f"sqlite:{tmp_path}/jobgate.db", "--cache", url],
                            capture_output=True, timeout=60)
    assert result.returncode == 2
    text = result.stderr.decode()
    assert "--cache" in text and words in text
    assert "hunter2" not in text
    assert list(tmp_path.iterdir()) == []


def test_the_address_comes_from_a_file(world, redis, tmp_path, monkeypatch):
    secret = tmp_path / "cache-url"
    secret.write_text(f"redis://default:{PASSWORD}@localhost:{redis.port}/1\n")
    monkeypatch.setenv("JOBGATE_CACHE_FILE", str(secret))
    server = world.serve("--log-level", "debug", "--log-format", "json")
    wait_for_breaker(server, read="closed", write="closed")
    assert world.read_all_doors() is None
    redis.kill()
    wait_for_breaker(server, read="open", write="open")
    shown = (server.folder / "server.log").read_text() + str(metrics(server))
    assert "cache_breaker" in shown and f"redis://***@localhost:{redis.port}/1" in shown
    assert PASSWORD not in shown


@pytest.mark.parametrize("surplus", [b"+x\r\n", b":1\r\n", b"$-1\r\n", b"-ERR x\r\n", b"*1\r\n+x\r\n"])
def test_a_server_that_says_too_much(world, tmp_path, surplus):
    """A reply that nobody asked for ends the connection, not the process."""
    teller = Teller(surplus)
    try:
        cache = f"redis://127.0.0.1:{teller.port}"
        result = run("check", "--store", world.store, "--cache", cache, check=False)
        assert result.returncode in (0, 1) and b"\n  read: " in result.stdout
        server = world.serve("--cache", cache)
        entities = itertools.cycle(world.entities("project"))

        def read_anew():
            """After an update the cache is asked again, once its breaker lets that happen."""
            world.update(next(entities))
            assert world.read_all_doors() is None
            return teller.said > 2

        wait_until("the server to say too much again and again", read_anew)
        assert ("read", "open", "protocol") in breaker_lines(server)
    finally:
        teller.stop()


def test_check_tells_what_is_wrong(world, redis):
    """In words of Redis' own settings, never a guess."""
    cache = f"redis://:{PASSWORD}@127.0.0.1:{redis.port}/1"

    def sides(url=cache):
        result = run("check", "--store", world.store, "--cache", url, check=False)
        lines = result.stdout.decode().splitlines()
        return tuple(next(line.split(": ", 1)[1] for line in lines if line.startswith(f"  {side}: ")) for side in ("read", "write"))

    assert sides() == ("ok", "ok")
    assert sides(cache[:-1] + "99") == ("the database number cannot be selected",) * 2
    with redis.client() as client:
        client.do("CONFIG", "SET", "min-replicas-to-write", "1")
        assert sides() == ("ok", "the server refuses writes since too few replicas follow it")
        client.do("CONFIG", "SET", "min-replicas-to-write", "0")
        client.do("ACL", "SETUSER", "writer", "on", ">pw", "~*", "+set", "+select")
        assert sides(cache.replace(f":{PASSWORD}", "writer:pw")) == ("the user may not use a command", "not known, since reading failed")
        client.do("CONFIG", "SET", "maxclients", "1")
        assert sides() == ("the server takes no more clients (maxclients)",) * 2
        client.do("CONFIG", "SET", "maxclients", "100")
        client.do("CONFIG", "SET", "busy-reply-threshold", "1")
        client.send("EVAL", "while true do end", "0")
        wait_until("the script runs", lambda: sides() == ("the server is busy with a script",) * 2)
        with redis.client() as other:
            other.do("SCRIPT", "KILL")
        with pytest.raises(RuntimeError):
            client.reply()
    assert sides() == ("ok", "ok")


def test_check_waits_as_long_as_serve(world, redis, proxy, monkeypatch):
    cache = f"redis://:{PASSWORD}@127.0.0.1:{proxy.port}/1"
    proxy.set("slow")
    result = run("check", "--store", world.store, "--cache", cache, check=False)
    assert result.returncode == 1 and b"read: no answer within the time budget" in result.stdout
    result = run("check", "--store", world.store, "--cache", cache, "--cache-budget-ms", "5000")
    assert b"cache: ok" in result.stdout
    monkeypatch.setenv("JOBGATE_CACHE_BUDGET_MS", "5000")
    assert b"cache: ok" in run("check", "--store", world.store, "--cache", cache).stdout


def test_check(world, redis, tmp_path):
    cache = f"redis://:{PASSWORD}@127.0.0.1:{redis.port}/1"
    server = world.serve("--cache", cache)  # beside a server
    result = run("check", "--store", world.store, "--cache", cache)
    assert b"store: ok" in result.stdout and b"240 jobs" in result.stdout and b"tenant default: number 1, epoch " in result.stdout
    assert b"cache: ok" in result.stdout
    redis.do("CONFIG", "SET", "maxmemory", "1")
    result = run("check", "--store", world.store, "--cache", cache, check=False)
    assert result.returncode == 1
    assert b"read: ok" in result.stdout and b"write: the server's memory is full" in result.stdout
    redis.kill()
    result = run("check", "--store", world.store, "--cache", cache, check=False)
    assert result.returncode == 1 and b"cache: FAILED" in result.stdout
    assert PASSWORD.encode() not in result.stdout + result.stderr
    server.stop()
    path = world.store.removeprefix("sqlite:")
    with sqlite3.connect(path) as record:
        assert record.execute("DELETE FROM changes WHERE revision = 7").rowcount == 1
    record.close()
    result = run("check", "--store", world.store, check=False)
    assert result.returncode == 1 and b"damaged" in result.stderr  # the log is not dense
    with open(path, "r+b") as file:
        file.seek(os.path.getsize(path) // 2)
        file.write(b"\xaa" * 20000)
    result = run("check", "--store", world.store, check=False)
    assert result.returncode == 1 and b"damaged" in result.stderr
    world.server = None
