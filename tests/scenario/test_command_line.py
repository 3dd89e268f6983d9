"""The commands as a user meets them: output, exit codes, refusals that say what is wrong."""

import base64
import contextlib
import json
import os
import re
import signal
import sqlite3
import subprocess
import urllib.request

import pytest

from conftest import CONTRACT, JOBGATE, ROOT, SAMPLE_ID, Server, WAIT_SECONDS, run, sample


def fails(code, word, *args, stdin=None):
    result = run(*args, stdin=stdin, check=False)
    assert result.returncode == code, result.stderr
    assert word in result.stderr.decode(), result.stderr
    assert result.stdout == b""
    return result


def test_version_and_usage():
    assert re.fullmatch(rb"jobgate \d+\.\d+\.\d+\n", run("version").stdout)
    fails(2, "usage", "nonsense")
    fails(2, "--nope", "serve", "--nope")
    fails(2, "--page-size", "serve", "--page-size", "0")
    fails(2, "usage", "get")
    fails(2, "--auth", "serve", "--auth", "maybe")
    fails(2, "--insecure", "serve", "--http", "0.0.0.0:0", "--auth", "off")
    fails(2, "--public-url", "serve", "--public-url", "ftp://x")
    for url in ("foo:bar", "v.db", "postgresql://u:secret@h/db", "", "sqlite:"):
        for command in (["serve"], ["export"], ["check"], ["backup", "x"], ["user", "list"]):
            assert b"secret" not in fails(2, "--store: ", *command, "--store", url).stderr
    fails(2, "--http: ", "serve", "--http", "127.0.0.1.invalid:0")
    fails(2, "--admin: ", "serve", "--admin", "nohost.invalid:0")
    fails(2, "--cache: ", "serve", "--cache", "nothing://")
    fails(2, "--cache: ", "check", "--cache", "nothing://")
    fails(2, "--tenant: ", "export", "--tenant", "")
    fails(2, "--tenant: ", "import", "--tenant", "", "-")
    assert b"--grpc" in run("serve", "--help").stdout


def test_usage_says_what_is_wrong():
    fails(2, "there is no command 'nonsense'", "nonsense")
    fails(2, "serve does not take 'bogus'", "serve", "bogus")
    fails(2, "sample does not take 'extra'", "sample", "extra")
    fails(2, "import needs FILE|-", "import")
    assert run("--version").stdout == run("version").stdout
    assert run("-h").stdout == run("--help").stdout == run("help").stdout
    assert run("serve", "-h").stdout == run("serve", "--help").stdout
    assert b"--writers N " in run("verify-stream", "--help").stdout


@pytest.mark.parametrize("command", [["version"], ["check"], ["sample", "--jobs", "1"], ["--help"]])
def test_output_that_does_not_arrive_is_a_failure(tmp_path, command):
    run("import", "--store", f"sqlite:{tmp_path}/a.db", "-", stdin=b'{"name":"a"}')
    with open("/dev/full", "wb") as full:
        result = subprocess.run([JOBGATE, *command], stdout=full, stderr=subprocess.PIPE, timeout=WAIT_SECONDS,
                                env={**os.environ, **({"JOBGATE_STORE": f"sqlite:{tmp_path}/a.db"} if "check" in command else {})})
    assert result.returncode == 1 and b"cannot write" in result.stderr


def test_migrate(tmp_path):
    store = f"sqlite:{tmp_path}/old.db"
    fails(1, "does not exist", "migrate", "--store", store)
    run("import", "--store", f"sqlite:{tmp_path}/new.db", "-", stdin=b'{"name":"a"}')
    with contextlib.closing(sqlite3.connect(tmp_path / "new.db")) as new, \
            contextlib.closing(sqlite3.connect(tmp_path / "old.db")) as old:
        (application,) = new.execute("PRAGMA application_id").fetchone()
        old.executescript((ROOT / "storage" / "schema" / "sqlite" / "0001_init.sql").read_text())
        old.execute("PRAGMA user_version=1")
        old.execute(f"PRAGMA application_id={application}")
    fails(1, "must first be migrated", "export", "--store", store)
    assert b"was migrated" in run("migrate", "--store", store).stdout
    assert b"already" in run("migrate", "--store", store).stdout
    assert b"store: ok" in run("check", "--store", store).stdout


def test_check_tells_the_numbers_of_tenants(tmp_path):
    store = f"sqlite:{tmp_path}/a.db"
    run("import", "--store", store, "-", stdin=b'{"name":"a"}')
    run("import", "--store", store, "--tenant", "north", "-", stdin=b'{"name":"a"}')
    told = dict(re.findall(r"  tenant (\S+): number (\d+), epoch ", run("check", "--store", store).stdout.decode()))
    with contextlib.closing(sqlite3.connect(tmp_path / "a.db")) as record:
        assert told == {name: str(number) for name, number in record.execute("SELECT name, tenant FROM tenants")}
    assert set(told) == {"default", "north"}


def test_a_user_gets_the_password_of_the_environment(tmp_path):
    store = f"sqlite:{tmp_path}/a.db"
    made = subprocess.run([JOBGATE, "user", "add", "ada@north", "--store", store], capture_output=True,
                          env={**os.environ, "JOBGATE_PASSWORD": "secret"}, timeout=WAIT_SECONDS, start_new_session=True)
    assert made.returncode == 0, made.stderr
    # A mistyped name of the record is seen.
    assert made.stderr.decode() == f"jobgate: made a new record: {store}\n"
    assert run("user", "add", "bob@north", "--store", store, "--password-file", "-", stdin=b"other\n").stderr == b""
    server = Server(tmp_path, "--auth", "on", store=store)
    try:
        for credential, status in ((b"ada:secret@north", 200), (b"ada:wrong@north", 401)):
            header = "Basic " + base64.b64encode(credential).decode()
            assert server.get("/api/Jobs", Authorization=header).status == status
    finally:
        server.stop()
    refused = subprocess.run([JOBGATE, "user", "add", "eve@north", "--store", store], capture_output=True,
                             env={**os.environ, "JOBGATE_PASSWORD": "a\tb"}, timeout=WAIT_SECONDS, start_new_session=True)
    assert refused.returncode == 2 and b"JOBGATE_PASSWORD must" in refused.stderr


def test_a_lost_terminal_drains(tmp_path):
    server = Server(tmp_path)
    server.process.send_signal(signal.SIGHUP)
    assert server.process.wait(WAIT_SECONDS) == 0
    server.stop()
    assert "draining signal=1" in (tmp_path / "server.log").read_text()


def test_environment_and_file_set_flags(tmp_path):
    config = tmp_path / "jobgate.conf"
    config.write_text("page-size = 0\n")
    result = subprocess.run([JOBGATE, "serve"], env={**os.environ, "JOBGATE_CONFIG": str(config)}, capture_output=True,
                            timeout=WAIT_SECONDS)
    assert result.returncode == 2 and f"{config} line 1: page-size".encode() in result.stderr
    result = subprocess.run([JOBGATE, "serve"], env={**os.environ, "JOBGATE_LOG_FORMAT": "xml"}, capture_output=True,
                            timeout=WAIT_SECONDS)
    assert result.returncode == 2 and b"JOBGATE_LOG_FORMAT" in result.stderr
    for name, value in (("HTTP", "0.0.0.0:0"), ("PUBLIC_URL", "ftp://x"), ("TRUSTED_PROXIES", "x"), ("CORS_ORIGINS", "x"),
                        ("STORE", "x"), ("VIRTUAL_STATUSES", ",")):
        result = subprocess.run([JOBGATE, "serve", "--auth", "off"], env={**os.environ, f"JOBGATE_{name}": value},
                                capture_output=True, timeout=WAIT_SECONDS)
        assert result.returncode == 2 and f"jobgate: JOBGATE_{name}".encode() in result.stderr, result.stderr


def test_one_file_serves_all_commands(tmp_path):
    config = tmp_path / "jobgate.conf"
    config.write_text(f"store = sqlite:{tmp_path}/a.db\npage-size = 5\ncache = redis://127.0.0.1:1\n")
    store = ["--config", str(config)]
    run("import", *store, "-", stdin=b'{"name":"a"}')
    assert b'"name":"a"' in run("export", *store).stdout
    # The shared cache of the file is the one that is asked, not the default in process.
    checked = run("check", *store, check=False)
    assert checked.returncode == 1 and b"cache: FAILED, redis://127.0.0.1:1" in checked.stdout
    config.write_text("page-sise = 5\n")
    fails(2, "line 1", "export", *store)
    result = subprocess.run([JOBGATE, "user", "list"], env={**os.environ, "JOBGATE_CONFIG": str(config)},
                            capture_output=True, timeout=WAIT_SECONDS)
    assert result.returncode == 2 and b"line 1" in result.stderr
    assert b"--config FILE" in run("verify-stream", "--help").stdout


def test_sample_is_deterministic_and_varied():
    first = sample(500, 3)
    assert first == sample(500, 3) and first != sample(500, 4)
    jobs = [json.loads(line) for line in first.splitlines()]
    assert len({job["id"] for job in jobs}) == 500
    assert len({job["job_status_code"] for job in jobs}) == 18
    assert len({job["project_id"] for job in jobs}) < 60
    assert any(len(job["name"].encode("utf-16-le")) == 510 for job in jobs)  # 255 units, the longest
    assert any(job["description"] == "" for job in jobs)
    assert any(ord(c) > 0xffff for job in jobs for c in job["internal_memo"])
    fractions = {len(job["due_date"]) for job in jobs}
    assert len(fractions) >= 3  # dates of several precisions


def test_refused_databases(tmp_path):
    def refused(name, word):
        fails(1, word, "export", "--store", f"sqlite:{tmp_path}/{name}")
        result = run("serve", "--store", f"sqlite:{tmp_path}/{name}", "--grpc", "127.0.0.1:0", "--http", "127.0.0.1:0",
                     "--admin", "127.0.0.1:0", check=False)
        assert result.returncode == 1 and word in result.stderr.decode(), result.stderr
        assert name in result.stderr.decode()

    foreign = sqlite3.connect(tmp_path / "foreign.db")
    foreign.execute("CREATE TABLE theirs(x)")
    foreign.commit()
    foreign.close()
    before = (tmp_path / "foreign.db").read_bytes()
    refused("foreign.db", "of another program")
    assert (tmp_path / "foreign.db").read_bytes() == before
    (tmp_path / "text.db").write_text("hello, I am a text file\n" * 100)
    refused("text.db", "not a")
    run("import", "--store", f"sqlite:{tmp_path}/newer.db", "-", stdin=sample(3))
    newer = sqlite3.connect(tmp_path / "newer.db")
    newer.execute("PRAGMA user_version = 9999")
    newer.commit()
    newer.close()
    refused("newer.db", "newer")
    fails(1, "missing.db", "export", "--store", f"sqlite:{tmp_path}/missing.db")
    fails(2, "--store", "export", "--store", "nonsense:x")


def test_corrupt_database_is_told(tmp_path):
    path = tmp_path / "corrupt.db"
    run("import", "--store", f"sqlite:{path}", "-", stdin=sample(300))
    data = bytearray(path.read_bytes())
    for at in range(4096, len(data) - 4096, 4096):
        data[at:at + 64] = b"\xff" * 64
    path.write_bytes(data)
    fails(1, "corrupt", "export", "--store", f"sqlite:{path}")


def test_locked_by_another_jobgate(server):
    fails(1, "another jobgate", "import", "--store", server.store, "-", stdin=sample(1))
    fails(1, "--server", "import", "--store", server.store, "-", stdin=sample(1))
    result = run("serve", "--store", server.store, "--grpc", "127.0.0.1:0", "--http", "127.0.0.1:0", "--admin", "127.0.0.1:0",
                 check=False)
    assert result.returncode == 1 and b"another jobgate" in result.stderr


def test_export_list_and_get_print_the_same(loaded):
    exported = run("export", "--store", loaded.store).stdout  # beside the server
    assert run("list", "--server", loaded.grpc).stdout == exported
    line = next(line for line in exported.splitlines() if SAMPLE_ID.encode() in line[:50])
    assert run("get", "--server", loaded.grpc, SAMPLE_ID).stdout == line + b"\n"
    assert len(run("list", "--server", loaded.grpc, "--limit", "7").stdout.splitlines()) == 7
    newest = json.loads(run("list", "--server", loaded.grpc, "--limit", "1", "--order-by", "modified_dateutc desc").stdout)
    assert newest["modified_dateutc"] == max(json.loads(line)["modified_dateutc"] for line in exported.splitlines())
    fails(1, "there is no job", "get", "--server", loaded.grpc, "00000000-0000-0000-0000-000000000001")
    fails(1, "cannot reach", "list", "--server", "127.0.0.1:1")


def test_import_says_what_it_did(tmp_path):
    store = f"sqlite:{tmp_path}/jobgate.db"
    good = sample(5).splitlines()
    bad = json.loads(good[2])
    bad["name"] = "x" * 256
    lines = good[:2] + [json.dumps(bad).encode()] + good[3:]
    text = b"\n".join(lines) + b"\n"
    result = run("import", "--store", store, "-", stdin=text, check=False)
    assert result.returncode == 1
    assert re.search(r"job 3 \(line 3\).*name", result.stderr.decode()), result.stderr
    assert len(run("export", "--store", store).stdout.splitlines()) == 2  # what came before it stays
    result = run("import", "--store", store, "--on-error", "skip", "-", stdin=text, check=False)
    assert result.returncode == 1 and b"1 rejected" in result.stderr
    assert len(run("export", "--store", store).stdout.splitlines()) == 4
    result = run("import", "--store", store, "-", stdin=b'{"id":', check=False)
    assert result.returncode == 1 and b"line 1" in result.stderr
    envelope = b'{"@odata.context":"x","value":[' + b",".join(good) + b"]}"
    assert b"5 jobs" in run("import", "--store", store, "-", stdin=envelope).stderr
    # As .NET writes files: with a byte order mark. It moves no line.
    file = tmp_path / "marked.json"
    file.write_bytes(b"\xef\xbb\xbf" + text)
    result = run("import", "--store", store, "--on-error", "skip", str(file), check=False)
    assert result.returncode == 1 and b"4 unchanged, 1 rejected" in result.stderr and b"job 3 (line 3)" in result.stderr


def test_import_through_a_server(server):
    result = run("import", "--server", server.grpc, "-", stdin=sample(200))
    assert b"200 created" in result.stderr
    assert run("list", "--server", server.grpc).stdout.count(b"\n") == 200
    assert b"200 unchanged" in run("import", "--server", server.grpc, "-", stdin=b"\xef\xbb\xbf" + sample(200)).stderr


def test_watch_goes_on_over_a_restart(server):
    watch = subprocess.Popen([JOBGATE, "watch", "--server", server.grpc, "--count", "40"], stdout=subprocess.PIPE,
                             stderr=subprocess.DEVNULL)
    assert json.loads(watch.stdout.readline())["event"] == "opened"
    jobs = sample(40).splitlines()
    address = server.grpc
    run("import", "--server", address, "-", stdin=b"\n".join(jobs[:20]))
    server.kill()
    server.flags = ("--grpc", address)  # the same port again
    server.start()
    run("import", "--server", address, "-", stdin=b"\n".join(jobs[20:]))
    events = [json.loads(line) for line in watch.stdout]
    assert watch.wait(WAIT_SECONDS) == 0
    changes = [event for event in events if event["event"] == "change"]
    assert [change["job"]["id"] for change in changes] == [json.loads(job)["id"] for job in jobs]
    revisions = [change["revision"] for change in changes]
    assert revisions == sorted(set(revisions))


@pytest.mark.parametrize("flags", [["--resume-token", ""], ["--resume-token", "x" * 600],
                                   ["--snapshot", "--since", "2026-01-29T07:13:40Z"]])
def test_watch_does_not_begin_elsewhere_without_a_word(loaded, flags):
    result = run("watch", "--server", loaded.grpc, "--until-synced", *flags, check=False)
    assert result.returncode != 0 and flags[-2].encode() in result.stderr and not result.stdout


def test_admin_port(loaded):
    for path in ("/livez", "/readyz"):
        assert loaded.request("GET", path, address=loaded.admin).status == 200
    loaded.get("/api/Jobs")
    metrics = loaded.request("GET", "/metrics", address=loaded.admin).body.decode()
    assert re.search(r"^# TYPE \S+ (counter|gauge|histogram)$", metrics, re.M)
    assert "jobgate" in metrics or "http_requests_total" in metrics
    assert loaded.request("GET", "/nope", address=loaded.admin).status == 404
    assert loaded.request("POST", "/metrics", b"x", address=loaded.admin).status == 405


def test_json_logs(tmp_path):
    server = Server(tmp_path, "--log-format", "json")
    server.stop()
    lines = [json.loads(line) for line in (tmp_path / "server.log").read_text().splitlines()]
    assert {"ready", "draining", "stopped"} <= {line["event"] for line in lines}
