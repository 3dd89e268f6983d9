"""Benchmarks as ratios: a peer and ours in turn, on one machine, in one run. Prints the table of README.md."""

import json
import os
import pathlib
import re
import statistics
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
JOBGATE = ROOT / "out" / "jobgate"
SAMPLE_ID = "c4724560-42f6-42a7-8b67-0656dc8d7278"
ROUNDS = int(os.environ.get("ROUNDS", "5"))
JOBS = 2000


def run(*args, **kwargs):
    return subprocess.run([str(a) for a in args], check=True, capture_output=True, timeout=600, **kwargs).stdout


class Process:
    """A server that ends with the block."""

    def __init__(self, *args, stdout=subprocess.DEVNULL):
        self.process = subprocess.Popen([str(a) for a in args], stdout=stdout, stderr=subprocess.DEVNULL)

    def __enter__(self):
        return self.process

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(60)


def serve(folder, *flags):
    return Process(JOBGATE, "serve", "--store", f"sqlite:{folder}/jobgate.db", "--grpc", "127.0.0.1:0", "--http",
                   "127.0.0.1:0", "--admin", "127.0.0.1:0", "--log-level", "warn", *flags, stdout=subprocess.PIPE)


def free_port():
    import socket
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def grpc_frame(message):
    return b"\0" + len(message).to_bytes(4, "big") + message


def h2load(address, path, body, requests, clients, streams):
    """Calls per second; every call must end with an HTTP 200."""
    text = run("h2load", "-n", requests, "-c", clients, "-m", streams, "-t", 1, "-d", body, "-H", "content-type: application/grpc",
               "-H", "te: trailers", f"http://{address}{path}").decode()
    assert re.search(rf"{requests} succeeded", text), text
    return float(re.search(r"finished in [\d.]+\w+, ([\d.]+) req/s", text).group(1))


def wrk(url, seconds=3, connections=64):
    text = run("wrk", "-t", 1, "-c", connections, "-d", f"{seconds}s", url).decode()
    assert "Non-2xx" not in text, text
    return float(re.search(r"Requests/sec:\s+([\d.]+)", text).group(1))


def in_turn(peer, ours):
    """Medians of ROUNDS, the two in turn."""
    pairs = [(peer(), ours()) for _ in range(ROUNDS)]
    return statistics.median(p for p, _ in pairs), statistics.median(o for _, o in pairs)


def row(what, peer_name, peer, ours, unit, aim):
    print(f"| {what} | {peer_name}: {peer:,.0f} {unit} | {ours:,.0f} {unit} | {ours / peer:.2f} x | {aim} |", flush=True)


def bench_get(folder, ready, echo_server):
    """GetJob against a bare echo of the same bytes on the same C core with the same threads."""
    grpc = ready["grpc"]
    request = folder / "get.bin"
    request.write_bytes(grpc_frame(b"\x0a\x24" + SAMPLE_ID.encode()))
    path = "/jobgate.v1.JobService/GetJob"
    reply = folder / "job.bin"
    reply.write_bytes(run("curl", "-s", "--http2-prior-knowledge", "-H", "content-type: application/grpc", "-H",
                          "te: trailers", "--data-binary", f"@{request}", f"http://{grpc}{path}")[5:])
    with Process(echo_server, "127.0.0.1:0", "2", reply, stdout=subprocess.PIPE) as echo:
        peer = json.loads(echo.stdout.readline())["grpc"]
        for streams, name in ((16, "8 connections x 16 calls"), (1, "8 connections x 1 call")):
            p, o = in_turn(lambda: h2load(peer, path, request, 60000, 8, streams),
                           lambda: h2load(grpc, path, request, 60000, 8, streams))
            row(f"unary GetJob, {name}, {reply.stat().st_size:,} B", "bare echo", p, o, "calls/s", ">= 0.85 x")


def bench_page(folder, ready):
    """The page of 100 expanded jobs against nginx serving the same bytes from a file."""
    url = f"http://{ready['http']}/api/Jobs"
    page = folder / "www" / "page.json"
    page.parent.mkdir()
    page.write_bytes(run("curl", "-s", url))
    port = free_port()
    config = folder / "nginx.conf"
    config.write_text(f"""
daemon off; pid {folder}/nginx.pid; error_log {folder}/nginx.log; worker_processes 1;
events {{ worker_connections 1024; }}
http {{ access_log off; sendfile on; tcp_nopush on; keepalive_requests 1000000000; client_body_temp_path {folder}/t1; proxy_temp_path {folder}/t2;
  fastcgi_temp_path {folder}/t3; uwsgi_temp_path {folder}/t4; scgi_temp_path {folder}/t5; default_type application/json;
  server {{ listen 127.0.0.1:{port}; root {page.parent}; }} }}
""")
    with Process("/usr/sbin/nginx", "-c", config):
        peer = f"http://127.0.0.1:{port}/page.json"
        run("curl", "-s", "--retry", "20", "--retry-connrefused", "--retry-delay", "1", "-o", "/dev/null", peer)
        p, o = in_turn(lambda: wrk(peer), lambda: wrk(url))
        row(f"page of 100 expanded jobs, {page.stat().st_size:,} B, 64 connections", "nginx, same bytes from a file", p, o,
            "pages/s", ">= 0.6 x")


def create_body(folder):
    sys.path.insert(0, str(ROOT / "out" / "stubs"))
    from jobgate.v1 import job_service_pb2
    request = job_service_pb2.CreateJobRequest()
    request.job.name = "Yearly maintenance"
    request.job.description = "d" * 1500
    request.job.project.reference_back_office = "P-1"
    request.job.job_type.code = "JT"
    request.job.job_status_code = "Open"
    body = folder / "create.bin"
    body.write_bytes(grpc_frame(request.SerializeToString()))
    return body


def one_transaction_a_write(store_bench, folder):
    """Durable creates a second on the same SQLite without group commit, in process: {submitters: rate}."""
    text = run(store_bench, 4000, cwd=folder).decode()
    return {int(n): float(rate) for n, rate in re.findall(r"one transaction per write +(\d+) submitters +(\d+)/s", text)}


def bench_creates(folder, store_bench):
    """Durable creates over gRPC with 1 and 64 callers, against one transaction a write on the same SQLite."""
    body = create_body(folder)
    path = "/jobgate.v1.JobService/CreateJob"
    for clients, streams, count, aim in ((1, 1, 3000, ""), (8, 8, 40000, ">= 5 x")):
        writers = clients * streams
        data = folder / f"creates-{writers}"
        data.mkdir()
        with serve(data) as server:
            address = json.loads(server.stdout.readline())["grpc"]
            p, o = in_turn(lambda: one_transaction_a_write(store_bench, folder)[writers],
                           lambda: h2load(address, path, body, count, clients, streams))
        row(f"durable creates over gRPC, {writers} writers", "one transaction a write, in process", p, o, "creates/s", aim)


def main():
    echo_server, store_bench = sys.argv[1:3]
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        folder.chmod(0o755)  # nginx' worker is another user
        store = f"sqlite:{folder}/jobgate.db"
        run(JOBGATE, "import", "--store", store, ROOT / "tests/contract/jobs.sample.consistent.json")
        run(JOBGATE, "import", "--store", store, "-", input=run(JOBGATE, "sample", "--jobs", JOBS, "--seed", 1))
        print("| what | peer | jobgate | ratio | aim |\n|---|---|---|---|---|", flush=True)
        with serve(folder) as server:
            ready = json.loads(server.stdout.readline())
            bench_get(folder, ready, echo_server)
            bench_page(folder, ready)
        bench_creates(folder, store_bench)


if __name__ == "__main__":
    main()
