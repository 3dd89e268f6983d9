"""Fixtures of the fault tests; the scenarios' own conftest.py is at hand as the module `scenario`."""

import importlib.util
import pathlib
import sys

import pytest

PATH = pathlib.Path(__file__).resolve().parents[1] / "scenario" / "conftest.py"
spec = importlib.util.spec_from_file_location("scenario", PATH)
sys.modules["scenario"] = importlib.util.module_from_spec(spec)
spec.loader.exec_module(sys.modules["scenario"])

from rig import PASSWORD, PATIENT, Proxy, Redis, World, measured


def pytest_terminal_summary(terminalreporter):
    for line in measured:
        terminalreporter.write_line(line)


@pytest.fixture
def redis(tmp_path):
    running = Redis(tmp_path)
    yield running
    running.stop()


@pytest.fixture
def proxy(redis):
    between = Proxy(redis.port)
    yield between
    between.stop()


@pytest.fixture
def world(tmp_path):
    made = World(tmp_path)
    yield made
    if made.server is not None:
        made.server.stop()


@pytest.fixture
def serve(world, redis):
    """Serves the world with its cache in Redis, patiently; or behind another port, which may answer late, with the usual budget."""

    def start(port=None, *flags, password=PASSWORD):
        return world.serve("--cache", f"redis://:{password}@127.0.0.1:{port or redis.port}/1", *(PATIENT if port is None else ()), *flags)

    return start
