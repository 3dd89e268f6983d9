"""Statement 29 behind proxies: whose X-Forwarded-* fields count, seen by curl from several addresses."""

import json
import os
import subprocess

import pytest

from conftest import JOBGATE, Server, WAIT_SECONDS, run, sample

FORWARDED = ["X-Forwarded-Proto: https", "X-Forwarded-Host: jobs.example.com", "X-Forwarded-Prefix: /gate"]
BODY = json.dumps({"name": "Repair", "project": {"reference_back_office": "P-1", "name": "Site"},
                   "job_type": {"code": "JT", "name": "Type"}, "job_status_code": "Open"})


def curl(address, path, *options, fields=FORWARDED):
    """Head and body of an answer."""
    headers = [argument for field in fields for argument in ("-H", field)]
    result = subprocess.run(["curl", "-sS", "-i", "-g", *headers, *options, f"http://{address}{path}"],
                            capture_output=True, timeout=WAIT_SECONDS)
    assert result.returncode == 0, result.stderr
    head, body = result.stdout.decode().split("\r\n\r\n", 1)
    return head, json.loads(body)


def bases(address, *options, **more):
    """What the answers call the server: in contexts, nextLink and Location."""
    _, page = curl(address, "/api/Jobs?$select=id", *options, **more)
    _, service = curl(address, "/api/", *options, **more)
    head, created = curl(address, "/api/Jobs", "-H", "Content-Type: application/json", "-d", BODY, *options, **more)
    location = next(line.split(": ", 1)[1] for line in head.splitlines() if line.lower().startswith("location:"))
    found = {page["@odata.context"].split("/$metadata")[0], page["@odata.nextLink"].split("/Jobs?")[0],
             service["@odata.context"].split("/$metadata")[0], created["@odata.context"].split("/$metadata")[0],
             location.split("/Jobs(")[0]}
    assert len(found) == 1, found
    return found.pop()


@pytest.fixture
def start(tmp_path):
    servers = []

    def start(*flags):
        if not servers:
            run("import", "--store", f"sqlite:{tmp_path}/jobgate.db", "-", stdin=sample(101))
        servers.append(Server(tmp_path, *flags))
        return servers[-1]

    yield start
    for server in servers:
        server.stop()


def test_29_nobody_is_trusted_unless_named(start):
    server = start()
    assert bases(server.http) == f"http://{server.http}/api"
    server.stop()
    server = start("--trusted-proxies", "127.0.0.2,10.0.0.0/8, fd00::/8")
    assert bases(server.http) == f"http://{server.http}/api"
    assert bases(server.http, "--interface", "127.0.0.2") == "https://jobs.example.com/gate/api"


def test_29_trusted_by_network_in_both_versions(start):
    server = start("--trusted-proxies=127.0.0.0/8")
    assert bases(server.http) == "https://jobs.example.com/gate/api"
    assert bases(server.http, fields=FORWARDED[:1]) == f"https://{server.http}/api"
    assert bases(server.http, "-H", "Host: inner.example", fields=FORWARDED[2:]) == "http://inner.example/gate/api"
    assert bases(server.http, fields=[]) == f"http://{server.http}/api"
    # What a client sends stands before what the proxy adds.
    fields = ["X-Forwarded-Host: evil.example", "X-Forwarded-Host: more.example, jobs.example.com"]
    assert bases(server.http, fields=fields) == "http://jobs.example.com/api"
    # What is malformed is as if it were not there.
    fields = ["X-Forwarded-Proto: javascript", "X-Forwarded-Host: a/b", "X-Forwarded-Prefix: //evil.example"]
    assert bases(server.http, fields=fields) == f"http://{server.http}/api"
    server.stop()
    server = start("--trusted-proxies", "::1", "--http", "[::1]:0")
    assert bases(server.http) == "https://jobs.example.com/gate/api"
    server.stop()
    server = start("--trusted-proxies", "127.0.0.1", "--http", "[::1]:0")
    assert bases(server.http) == f"http://{server.http}/api"


def test_29_the_public_url_wins(start):
    server = start("--trusted-proxies", "127.0.0.1", "--public-url", "https://fixed.example/x")
    assert bases(server.http) == "https://fixed.example/x/api"


def test_links_through_a_proxy_can_be_followed(start):
    server = start("--trusted-proxies", "127.0.0.1")
    _, page = curl(server.http, "/api/Jobs?$select=id")
    inner = page["@odata.nextLink"].replace("https://jobs.example.com/gate", "")
    _, rest = curl(server.http, inner)
    assert len(page["value"]) == 100 and len(rest["value"]) == 1 and "@odata.nextLink" not in rest


def test_trusted_proxies_come_from_everywhere(start, tmp_path):
    config = tmp_path / "jobgate.conf"
    config.write_text("trusted-proxies = 127.0.0.0/8,::1\n")
    server = start("--config", str(config))
    assert bases(server.http) == "https://jobs.example.com/gate/api"
    for value in ("localhost", "10.0.0.1/8", "10.0.0.0/33", "127.0.0.1,", "127.0.0.1:80"):
        result = subprocess.run([JOBGATE, "serve"], env={**os.environ, "JOBGATE_TRUSTED_PROXIES": value},
                                capture_output=True, timeout=WAIT_SECONDS)
        assert result.returncode == 2 and b"JOBGATE_TRUSTED_PROXIES must be" in result.stderr, result.stderr
