"""The whole of /metrics, as Prometheus reads it (text exposition format 0.0.4), and as `promtool check metrics` judges names."""

import re
import urllib.request

from rig import wait_for_breaker

SERIES = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)(?:\{((?:[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\[\\"n])*",?)*)\})? (-?[0-9.e+]+|\+Inf|NaN)')
LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\[\\"n])*)"')


def families(text):
    """{name: (type, help, [(series name, labels, value)])}; fails on a line that is not of the format."""
    found, name = {}, None
    assert text.endswith("\n")
    for line in text.splitlines():
        if line.startswith("# HELP "):
            name, help_text = line[7:].split(" ", 1)
            assert name not in found, f"{name} comes twice"
            found[name] = [None, help_text, []]
        elif line.startswith("# TYPE "):
            of, kind = line[7:].split(" ")
            assert of == name and found[name][0] is None
            found[name][0] = kind
        else:
            match = SERIES.fullmatch(line)
            assert match, line
            labels = LABEL.findall(match[2] or "")
            assert len(dict(labels)) == len(labels), line
            found[name][2].append((match[1], dict(labels), float(match[3])))
    return found


def judge_histogram(name, series):
    by_labels = {}
    for of, labels, value in series:
        assert of in (f"{name}_bucket", f"{name}_sum", f"{name}_count"), of
        rest = tuple(sorted((key, text) for key, text in labels.items() if key != "le"))
        by_labels.setdefault(rest, {}).setdefault(of[len(name) + 1:], []).append((labels.get("le"), value))
    for parts in by_labels.values():
        assert len(parts["sum"]) == len(parts["count"]) == 1, name
        bounds = [float(bound) for bound, _ in parts["bucket"]]
        counts = [value for _, value in parts["bucket"]]
        assert bounds == sorted(set(bounds)) and bounds[-1] == float("inf"), name
        assert counts == sorted(counts) and counts[-1] == parts["count"][0][1], name


def test_all_metrics(world, serve, redis):
    server = serve()
    wait_for_breaker(server, read="closed", write="closed")
    assert world.read_all_doors() is None
    server.stop()
    server.start()
    assert world.read_all_doors() is None
    with urllib.request.urlopen(f"http://{server.admin}/metrics", timeout=30) as answer:
        assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
        found = families(answer.read().decode())
    for name, (kind, help_text, series) in found.items():
        assert kind in ("counter", "gauge", "histogram") and series and help_text.endswith("."), name
        assert re.fullmatch("[a-z][a-z0-9_]*", name), name
        assert (kind == "counter") == name.endswith("_total"), name
        assert kind == "histogram" or not name.endswith(("_bucket", "_count", "_sum")), name
        if kind == "histogram":
            judge_histogram(name, series)
        else:
            assert {of for of, _, _ in series} == {name}
            texts = [tuple(sorted(labels.items())) for _, labels, _ in series]
            assert len(texts) == len(set(texts)), name
    ages = found["jobgate_cache_age_seconds"][2]
    assert sum(value for of, _, value in ages if of.endswith("_count")) >= 100
    kinds = {labels["kind"] for name in found if name.startswith("jobgate_cache") for _, labels, _ in found[name][2] if "kind" in labels}
    assert {"project", "skill", "sales_organization"} <= kinds
    assert not kinds & {"jobs", "none", "job_plannings"}, kinds  # never cached
