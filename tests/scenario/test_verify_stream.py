"""`jobgate verify-stream` against a server that compacts its log and is killed every few seconds, and with planted faults."""

import os
import random
import socket
import subprocess
import threading

import pytest

from conftest import JOBGATE, Server, run

RETENTION_SECONDS = 30
SECONDS = int(os.environ.get("VERIFY_SECONDS", "60"))
WATCHERS = os.environ.get("VERIFY_WATCHERS", "200")


def verify(server, *flags, env=None):
    """Runs the checker to its end; its promises by name, and how it ended."""
    process = subprocess.Popen([JOBGATE, "verify-stream", "--server", server.grpc, *flags], stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE, env={**os.environ, **(env or {})})
    return process


def verdicts(process, timeout):
    out, err = process.communicate(timeout=timeout)
    lines = out.decode().splitlines()
    print("\n".join(lines), err.decode()[-2000:])
    return {line.split()[0]: line.split()[1].rstrip(",") for line in lines[:-1]}, err.decode()


class Killer(threading.Thread):
    """Kills the server every few seconds and starts it again at the same addresses, until told to stop."""

    def __init__(self, server, seed):
        super().__init__(daemon=True)
        self.server, self.numbers, self.over, self.kills = server, random.Random(seed), threading.Event(), 0

    def run(self):
        while not self.over.wait(self.numbers.uniform(2, 5)):
            self.server.kill()
            self.server.start()
            self.kills += 1


@pytest.fixture
def two_tenants(tmp_path):
    """A server with a user in each of two tenants, at addresses that a restart keeps."""
    store = f"sqlite:{tmp_path}/jobgate.db"
    for user in ("ann@one.example", "bob@two.example"):
        run("user", "add", user, "--store", store, "--password-file", "-", stdin=f"pw-{user}\n".encode())
    server = Server(tmp_path, "--auth", "on", "--retention-age", str(RETENTION_SECONDS))
    server.keep_addresses()
    yield server
    server.stop()


def test_every_promise_holds_while_the_server_is_killed(two_tenants):
    killer = Killer(two_tenants, 20261126)
    process = verify(two_tenants, "--user", "ann@one.example", "--other-user", "bob@two.example", "--writers", "4",
                     "--watchers", WATCHERS, "--seconds", str(SECONDS), "--rate", "150", "--reconnect", "3000", "--seed", "7",
                     env={"JOBGATE_PASSWORD": "pw-ann@one.example", "JOBGATE_OTHER_PASSWORD": "pw-bob@two.example"})
    killer.start()
    try:
        process.wait(SECONDS)
    except subprocess.TimeoutExpired:
        pass
    killer.over.set()
    killer.join(60)
    promises, error = verdicts(process, 240)
    print(f"{killer.kills} kills")
    assert process.returncode == 0, error
    assert promises == {name: "held" for name in ("ordered", "unique", "reliable", "atomic", "resumable", "bookmarkable",
                                                  "filter-view", "intact", "tenant-tight")}
    assert killer.kills >= SECONDS // 10
    if SECONDS > 2 * RETENTION_SECONDS - 5:
        metrics = two_tenants.request("GET", "/metrics", address=two_tenants.admin).body.decode()
        oldest = [float(line.rsplit(" ", 1)[1]) for line in metrics.splitlines() if line.startswith("jobgate_log_oldest_revision{")]
        assert oldest and max(oldest) > 1  # Or no compaction would have been part of this.


@pytest.mark.parametrize("fault, promise", [
    ("drop", "reliable"), ("repeat", "unique"), ("reorder", "ordered"), ("tear", "atomic"), ("spoil", "intact"),
    ("leak", "tenant-tight"), ("rewind", "resumable"), ("boast", "bookmarkable"), ("relabel", "filter-view")])
def test_a_planted_fault_is_found(server, fault, promise):
    process = verify(server, "--watchers", "8", "--seconds", "2", "--rate", "200", "--reconnect", "1000", "--plant", fault)
    promises, error = verdicts(process, 120)
    assert process.returncode == 1, error
    assert promises[promise] == "BROKEN"


@pytest.mark.parametrize("silent", [False, True])
def test_a_server_that_is_not_there_is_no_verdict(silent):
    """Nobody listens; or somebody does who never answers."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        if silent:
            listener.listen()
        result = run("verify-stream", "--server", "127.0.0.1:%d" % listener.getsockname()[1], "--watchers", "5", "--patience",
                     "1" if silent else "60", check=False)
    assert result.returncode == 1 and result.stdout == b""
    assert (b"not open" if silent else b"cannot reach") in result.stderr


def test_two_users_of_one_tenant_break_its_tightness(two_tenants):
    """Every job comes to both, also those whose numbers the other one never gave."""
    run("user", "add", "cat@one.example", "--store", two_tenants.store, "--password-file", "-", stdin=b"pw-cat\n")
    process = verify(two_tenants, "--user", "ann@one.example", "--other-user", "cat@one.example", "--watchers", "4",
                     "--seconds", "2", env={"JOBGATE_PASSWORD": "pw-ann@one.example", "JOBGATE_OTHER_PASSWORD": "pw-cat"})
    promises, error = verdicts(process, 120)
    assert process.returncode == 1, error
    assert {name for name, verdict in promises.items() if verdict == "BROKEN"} == {"tenant-tight"}
