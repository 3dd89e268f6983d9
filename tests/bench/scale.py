"""What a page costs in a small record and in a large one, and from the first page of a list to its last. Prints the rows of README.md.
JOBS=1000000 is the large record; the import takes some minutes. KEEP=FOLDER keeps both records there for another run."""

import contextlib
import http.client
import json
import os
import pathlib
import re
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.parse

from bench import JOBGATE, ROUNDS, serve

SMALL, LARGE = 10_000, int(os.environ.get("JOBS", "1000000"))
NEWER = 1_000  # Jobs behind the date of the narrow filter, in both records.
REPEATS = 40   # Pages of one number; of each the median is taken.


def load(folder, jobs):
    """A record of generated jobs; one that is there already is taken as it is."""
    if not (folder / "whole").exists():
        folder.mkdir(parents=True)
        generator = subprocess.Popen([JOBGATE, "sample", "--jobs", str(jobs), "--seed", "5"], stdout=subprocess.PIPE)
        subprocess.run([JOBGATE, "import", "--store", f"sqlite:{folder}/jobgate.db", "-"], stdin=generator.stdout, check=True,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        assert generator.wait() == 0
        (folder / "whole").touch()
    return folder


class Client:
    """One connection; every answer is a 200, read whole."""

    def __init__(self, address):
        self.connection = http.client.HTTPConnection(address, timeout=120)

    def get(self, target):
        self.connection.request("GET", target)
        answer = self.connection.getresponse()
        body = answer.read()
        assert answer.status == 200, body
        return body

    def timed(self, target):
        """Milliseconds and body."""
        start = time.perf_counter()
        body = self.get(target)
        return (time.perf_counter() - start) * 1e3, body

    def median(self, target):
        self.get(target)
        return statistics.median(self.timed(target)[0] for _ in range(REPEATS))


@contextlib.contextmanager
def client_of(folder):
    with serve(folder) as server:
        yield Client(json.loads(server.stdout.readline())["http"])


def query(**options):
    return "/api/Jobs?" + urllib.parse.urlencode({f"${name}": value for name, value in options.items()})


def row(what, *cells):
    print("| " + " | ".join([what, *cells]) + " |", flush=True)


def bench_fragments(folder):
    """Pages of 100 expanded jobs that a server answers for the first time, and the same pages again."""
    cold, warm = [], []
    for _ in range(ROUNDS):
        with client_of(folder) as client:
            client.get("/api/Jobs?$top=1")
            pages = [query(skip=100 * page, top=100) for page in range(0, SMALL // 100, SMALL // 100 // 20)]
            cold += [client.timed(page)[0] for page in pages]
            warm += [client.timed(page)[0] for page in pages]
    cold, warm = statistics.median(cold), statistics.median(warm)
    row("page of 100 expanded jobs: first time, again with cached fragments", f"{cold:.2f} ms", f"{warm:.2f} ms", f"{cold / warm:.1f} x", "")


def date_pages(client):
    """{what: target} of first pages by modified_dateutc."""
    newest = json.loads(client.get(query(orderby="modified_dateutc desc", skip=NEWER, top=1, select="modified_dateutc")))
    date = newest["value"][0]["modified_dateutc"]
    return {
        "every job, in its order": query(filter="modified_dateutc gt 1970-01-01T00:00:00Z", orderby="modified_dateutc"),
        f"the {NEWER:,} newest, in its order": query(filter=f"modified_dateutc gt {date}", orderby="modified_dateutc"),
        f"the {NEWER:,} newest, by id": query(filter=f"modified_dateutc gt {date}"),
    }


def bench_dates(small, large):
    """First pages of a filter by an indexed date, in both records in turn."""
    with client_of(small) as few, client_of(large) as many:
        for (what, target), other in zip(date_pages(few).items(), date_pages(many).values()):
            times = [(few.median(target), many.median(other)) for _ in range(ROUNDS)]
            low, high = (statistics.median(column) for column in zip(*times))
            row(f"first page, filter modified_dateutc gt: {what}", f"{low:.2f} ms", f"{high:.2f} ms", f"{high / low:.2f} x", "<= 1.5 x")


def follow(client, target):
    """Milliseconds of each page to the end."""
    times = []
    while target is not None:
        elapsed, body = client.timed(target)
        times.append(elapsed)
        link = re.search(rb'"@odata\.nextLink":"http://[^/]+([^"]+)"\}$', body[-8192:])
        target = link and link[1].decode()
    return times


def bench_links(folder, jobs):
    """nextLink to the end of the large record: what a page costs at the start, in the middle and at the end."""
    for what, target in (("expanded", query()), ("$select=id,name", query(select="id,name")),
                         ("$select=id,name by modified_dateutc", query(select="id,name", orderby="modified_dateutc"))):
        with client_of(folder) as client:
            times = follow(client, target)
        assert len(times) == -(-jobs // 100), len(times)
        part = max(1, len(times) // 10)
        first, middle, last = (statistics.median(times[at:at + part]) for at in (0, (len(times) - part) // 2, len(times) - part))
        row(f"nextLink to the end, {len(times):,} pages, {what}", f"{first:.2f} ms", f"{middle:.2f} ms", f"{last:.2f} ms",
            f"{last / first:.2f} x", "<= 1.5 x")


def main():
    wanted = sys.argv[1:] or ["fragments", "dates", "links"]
    with contextlib.ExitStack() as stack:
        folder = pathlib.Path(os.environ.get("KEEP") or stack.enter_context(tempfile.TemporaryDirectory()))
        small = load(folder / f"jobs-{SMALL}", SMALL)
        if "fragments" in wanted:
            print("| what | first | again | ratio | aim |\n|---|---|---|---|---|", flush=True)
            bench_fragments(small)
        if "dates" in wanted or "links" in wanted:
            large = load(folder / f"jobs-{LARGE}", LARGE)
        if "dates" in wanted:
            print(f"\n| what | {SMALL:,} jobs | {LARGE:,} jobs | ratio | aim |\n|---|---|---|---|---|", flush=True)
            bench_dates(small, large)
        if "links" in wanted:
            print("\n| what | first tenth | middle tenth | last tenth | last / first | aim |\n|---|---|---|---|---|---|", flush=True)
            bench_links(large, LARGE)


if __name__ == "__main__":
    main()
