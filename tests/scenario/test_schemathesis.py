"""Schemathesis (PyPI) on /openapi.json: it makes requests of the document, right and wrong ones, and compares each answer with it:
status, media type, headers, body. A bounded number of requests from a fixed seed; tests/clients has the version."""

import json
import os
import re
import subprocess
import sys

import pytest

from conftest import CONTRACT, ROOT, Server, run, sample

PYTHON = ROOT / "out" / "clients" / "python"
CHECKS = ["not_a_server_error", "status_code_conformance", "content_type_conformance", "response_headers_conformance",
          "response_schema_conformance"]
# Its answers do not end: Schemathesis would wait for each. test_metadata.py holds the document against them.
STREAM = "/Jobs/$changes"
SEED = 3
RUN_SECONDS = 600
# What is sent often, besides what Schemathesis makes up: words of our language, so that requests get past the first check.
WORDS = {
    "filter": ["name ne ''", "modified_dateutc gt '2015-06-02T00:00:00.000Z'", "contains(tolower(name),'lift') and working_sequence ge 1",
               "project/name eq 'x' or not (job_status_code eq 'Open')", "id eq c4724560-42f6-42a7-8b67-0656dc8d7278", "length(name) gt 3 add 2",
               "nothing eq 1", "name eq", "geo.distance(name,name) lt 1"],
    "orderby": ["name desc,id", "modified_dateutc", "project/name asc", "id,id", "name sideways"],
    "select": ["id,name", "*", "project", "id,project,name", "nothing"],
    "expand": ["project", "project,job_type", "skill", "nothing", "project($expand=equipment_family)"],
    "text": ["Open", "Completed", "SERVICE", "P-1", "Yearly maintenance"],
    "member": ["name", "id", "working_sequence", "modified_dateutc", "db_address_latitude_decimal", "project", "nothing"],
}

needs_schemathesis = pytest.mark.skipif(not (PYTHON / "installed.txt").is_file(),
                                        reason="Schemathesis: not in out/clients; see tests/clients/install.sh")


@pytest.fixture(scope="module")
def target(tmp_path_factory):
    """A server with jobs, for requests that read and write as they like."""
    folder = tmp_path_factory.mktemp("schemathesis")
    store = f"sqlite:{folder}/jobgate.db"
    run("import", "--store", store, str(CONTRACT / "jobs.sample.consistent.json"))
    run("import", "--store", store, "-", stdin=sample(250))
    server = Server(folder, store=store)
    yield server
    server.stop()


def ids_of(server, path):
    """Keys of what is there, for a path of the document as "/Jobs({id})/{member}"."""
    name = re.match(r"/(\w+)\(\{id\}\)", path)
    rows = server.get(f"/api/{name[1]}").json()["value"]
    return [row["id"] for row in rows[:50]]


def config(server):
    """schemathesis.toml: 501, which names an option that is not built, is no fault; known words and keys come often."""
    document = server.get("/openapi.json").json()
    lines = ["[checks]", 'not_a_server_error.expected-statuses = ["2xx", "3xx", "4xx", 501]', "[dictionaries]"]
    lines += [f"{name}.values = {json.dumps(words)}" for name, words in WORDS.items()]
    keyed = [path for path in document["paths"] if "{id}" in path]
    lines += [f"ids{i}.values = {json.dumps(ids_of(server, path) or ['00000000-0000-0000-0000-000000000001'])}" for i, path in enumerate(keyed)]
    lines += ["[generation.dictionaries]", 'string = { dictionary = "text", probability = 0.7 }']
    lines += ["[parameters]"] + [f'"query.${name}" = {{ dictionary = "{name}", probability = 0.8 }}' for name in ("filter", "orderby", "select", "expand")]
    for i, path in enumerate(keyed):
        lines += ["[[operations]]", f"include-path = {json.dumps(path)}", "[operations.parameters]",
                  f'"path.id" = {{ dictionary = "ids{i}", probability = 0.8 }}']
        if "{member}" in path:
            lines.append('"path.member" = { dictionary = "member", probability = 0.8 }')
    return "\n".join(lines) + "\n"


def answered(server):
    """Methods and statuses of all answers so far."""
    metrics = server.request("GET", "/metrics", address=server.admin).body.decode()
    return set(re.findall(r'http_requests_total\{.*method="(\w+)",status="(\d+)"\}', metrics))


def test_examples_are_accepted(server):
    """By a server without jobs; Schemathesis begins with them too."""
    paths = server.get("/openapi.json").json()["paths"]

    def example(path, method):
        return paths[path][method]["requestBody"]["content"]["application/json"]["example"]

    made = server.request("POST", "/api/Jobs", example("/Jobs", "post"))
    assert made.status == 201, made.body
    for method in ("put", "patch"):
        changed = server.request(method.upper(), f"/api/Jobs({made.json()['id']})", example("/Jobs({id})", method))
        assert changed.status == 200 and changed.json()["description"], changed.body


@needs_schemathesis
@pytest.mark.parametrize("name, cases_min, reached, flags", [
    ("reads", 200, {("GET", "200"), ("GET", "400"), ("GET", "404"), ("POST", "405")},
     ["--include-method", "GET", "--phases", "coverage,fuzzing", "--max-examples", "25"]),
    ("new-jobs", 2000, {("POST", "201"), ("POST", "400"), ("POST", "415")},
     ["--include-name", "POST /Jobs", "--phases", "examples,coverage"]),
    ("writes", 40, {("PUT", "200"), ("PATCH", "200"), ("DELETE", "204"), ("DELETE", "404")},
     ["--exclude-method", "GET", "--phases", "fuzzing", "--max-examples", "15"]),
    ("sequences", 40, set(), ["--phases", "stateful", "--max-examples", "20"]),
])
def test_answers_are_as_documented(target, tmp_path, name, cases_min, reached, flags):
    """reached: methods and statuses without which the requests did not get far."""
    (tmp_path / "schemathesis.toml").write_text(config(target))
    result = subprocess.run(
        [sys.executable, "-m", "schemathesis.cli", "--config-file", "schemathesis.toml", "run", f"http://{target.http}/openapi.json",
         "--exclude-path", STREAM, "--seed", str(SEED), "--checks", ",".join(CHECKS), "--continue-on-failure", "--suppress-health-check", "all",
         "--generation-database", "none", "--no-color", *flags],
        cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(PYTHON)}, capture_output=True, text=True, timeout=RUN_SECONDS)
    assert result.returncode == 0, result.stdout[-8000:] + result.stderr[-2000:]
    generated = int(re.search(r"(\d+) generated, \1 passed", result.stdout)[1])
    assert generated >= cases_min, result.stdout[-3000:]
    assert target.process.poll() is None
    assert reached <= answered(target), f"only {answered(target)}"
