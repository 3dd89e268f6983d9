"""A master, a replica and three Sentinels: failover by death, by silence and by command, under load."""

import pytest

from rig import PASSWORD, Load, Proxy, Redis, breaker_lines, free_port, metrics, total, wait_for_breaker, wait_until

SMALL = ("--cache-bytes", str(1 << 20))
NAME = "jobs"


class Group:
    """Redis servers of one name, and their Sentinels. Everybody reaches a server through a proxy of its own, which is its network:
    jobgate, the Sentinels and the other server."""

    def __init__(self, folder):
        quick = ("repl-diskless-sync-delay 0", "repl-ping-replica-period 1", "repl-timeout 4")
        ports = [free_port(), free_port()]
        self.proxies = [Proxy(port) for port in ports]
        first, second = (f"replica-announce-port {proxy.port}" for proxy in self.proxies)
        self.servers = [Redis(folder, *quick, first, port=ports[0])]
        self.servers.append(Redis(folder, *quick, second, f"replicaof 127.0.0.1 {self.proxies[0].port}", port=ports[1]))
        self.sentinels = []
        for _ in range(3):
            self.sentinels.append(Redis(
                folder, f"sentinel monitor {NAME} 127.0.0.1 {self.proxies[0].port} 2",
                f"sentinel auth-pass {NAME} {PASSWORD}", f"sentinel down-after-milliseconds {NAME} 400",
                f"sentinel failover-timeout {NAME} 2000", port=free_port(), sentinel=True))
        wait_until("the Sentinels know each other and the replica", self.is_whole)

    def is_whole(self):
        for sentinel in self.sentinels:
            fields = sentinel.do("SENTINEL", "MASTER", NAME)
            facts = dict(zip(fields[::2], fields[1::2]))
            if facts[b"num-other-sentinels"] != b"2" or facts[b"num-slaves"] != b"1":
                return False
        replication = self.servers[0].do("INFO", "replication").decode()
        return "state=online" in replication

    def master(self):
        port = int(self.sentinels[0].do("SENTINEL", "GET-MASTER-ADDR-BY-NAME", NAME)[1])
        return next(server for server, proxy in zip(self.servers, self.proxies) if proxy.port == port)

    def network(self, server):
        return self.proxies[self.servers.index(server)]

    def url(self):
        hosts = ",".join(f"127.0.0.1:{sentinel.port}" for sentinel in self.sentinels)
        return f"redis+sentinel://:{PASSWORD}@{hosts}/{NAME}/1"

    def stop(self):
        for one in self.sentinels + self.servers + self.proxies:
            one.stop()


@pytest.fixture
def group(tmp_path):
    made = Group(tmp_path)
    yield made
    made.stop()


def kill(group, master):
    master.kill()
    return master.start


def pause(group, master):
    master.pause()
    return master.resume


def cut(group, master):
    """It lives on, as master, and nobody reaches it: what was open ends, what is new ends at once."""
    group.network(master).set("cut")
    return lambda: group.network(master).set("pass")


def silence(group, master):
    """The same, but nothing ends: what is sent is lost."""
    group.network(master).set("hole")

    def mend():
        group.network(master).set("cut")  # streams with holes in them must not go on
        group.network(master).set("pass")

    return mend


@pytest.mark.parametrize("fault", [kill, pause, cut, silence])
def test_failover_under_load(world, group, fault):
    server = world.serve("--cache", group.url(), *SMALL)
    wait_for_breaker(server, read="closed", write="closed")
    with Load(world) as load:
        load.run_for(100)
        old = group.master()
        mend = fault(group, old)
        wait_for_breaker(server, read="open")
        wait_until("another master", lambda: group.master() is not old)
        wait_for_breaker(server, read="closed", write="closed")
        load.run_for(100)
        mend()
        load.run_for(100)
    load.check(f"Sentinel, {fault.__name__}")
    wait_until("the old one follows the new one", lambda: "role:slave" in old.do("INFO", "replication").decode())
    assert total(server, "jobgate_cache_hits_total", 'level="redis"') > 0
    assert group.master().keys()
    wait_for_breaker(server, read="closed", write="closed")
    assert world.read_all_doors() is None


def test_failover_by_command_and_lost_sentinels(world, group):
    group.sentinels[0].kill()
    group.sentinels[1].pause()
    server = world.serve("--cache", group.url())
    wait_for_breaker(server, read="closed", write="closed")  # the third one told
    group.sentinels[1].resume()
    group.sentinels[0].start()
    wait_until("all are back", group.is_whole)
    old = group.master()
    group.sentinels[2].do("SENTINEL", "FAILOVER", NAME)
    wait_until("another master", lambda: group.master() is not old)
    wait_until("the old one is a replica", lambda: "role:slave" in old.do("INFO", "replication").decode())
    for entity in world.entities("project")[:5]:
        world.update(entity)
        assert world.read_page() is None
    wait_for_breaker(server, read="closed", write="closed")
    world.update(world.entities("equipment_family")[0])
    assert world.read_page() is None
    wait_until("values are at the new master", group.master().keys)


def test_no_sentinel_and_an_unknown_name(world, group):
    server = world.serve("--cache", group.url().replace(f"/{NAME}/", "/nobody/"))
    assert world.read_all_doors() is None
    assert ("read", "open", "no_master") in breaker_lines(server)
    server.stop()
    for sentinel in group.sentinels:
        sentinel.kill()
    server = world.serve("--cache", group.url())
    assert world.read_all_doors() is None
    assert ("read", "open", "no_master") in breaker_lines(server)
    assert metrics(server)['jobgate_cache_failures_total{reason="no_master"}'] >= 1
    for sentinel in group.sentinels:
        sentinel.start()
    wait_for_breaker(server, read="closed", write="closed")
