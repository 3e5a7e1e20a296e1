"""What `TF_CONFIG` says, and meeting the others."""

import json
import socket
import threading
import time
from unittest import mock

import pytest

from regard.recipes.cli.launcher import free_ports
from regard.recipes.devices import cluster as cluster_module
from regard.recipes.devices.cluster import Cluster, read_cluster, rendezvous
from regard.recipes.errors import UserError, WorkerLost

GOOD = {"cluster": {"worker": ["a:1", "b:2"]}, "task": {"type": "worker", "index": 1}}


def read(config):
    text = config if isinstance(config, str) else json.dumps(config)
    return read_cluster({"TF_CONFIG": text})


def test_workers():
    assert read(GOOD) == Cluster(("a:1", "b:2"), 1)


def test_the_chief_is_the_first():
    config = {"cluster": {"worker": ["a:1", "b:2"], "chief": ["c:3"]}}
    assert read({**config, "task": {"type": "worker", "index": 1}}) == Cluster(
        ("c:3", "a:1", "b:2"), 2
    )
    assert read({**config, "task": {"type": "chief", "index": 0}}).index == 0


def test_one_worker_alone():
    assert read({"cluster": {"worker": ["[::1]:80"]}, "task": {"type": "worker", "index": 0}}) == (
        Cluster(("[::1]:80",), 0)
    )


@pytest.mark.parametrize("environ", [{}, {"TF_CONFIG": ""}, {"TF_CONFIG": " "}])
def test_none(environ):
    assert read_cluster(environ) is None


def without(*path):
    config = json.loads(json.dumps(GOOD))
    inner = config
    for key in path[:-1]:
        inner = inner[key]
    del inner[path[-1]]
    return config


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ("{", r"TF_CONFIG must be JSON: .*Received: \{"),
        ("[]", r'"cluster" must name the addresses'),
        ("{}", r'"cluster" must name the addresses of "worker"'),
        (without("task"), r'"task" must have the "type" and the "index"'),
        (without("task", "index"), r'"task" must have'),
        ({**GOOD, "task": {"type": "worker", "index": 2}}, r'"task" must have .*"index": 2'),
        ({**GOOD, "task": {"type": "worker", "index": "1"}}, r'"task" must have'),
        ({**GOOD, "task": {"type": "ps", "index": 0}}, r'"task" must have'),
        ({**GOOD, "cluster": {"worker": ["a:1"], "ps": ["b:2"]}}, 'may have "chief" and .*not ps'),
        ({**GOOD, "cluster": {"worker": "a:1"}}, '"worker" must be a list of addresses'),
        ({**GOOD, "cluster": {"worker": ["a", "b:2"]}}, "must be host:port. Received: 'a'"),
        ({**GOOD, "cluster": {"worker": ["a:1", "b:x"]}}, "must be host:port. Received: 'b:x'"),
        ({**GOOD, "cluster": {"worker": ["a:1", 2]}}, "must be host:port. Received: 2"),
        ({**GOOD, "cluster": {"worker": ["a:1", "a:1"]}}, "an address of its own"),
        (
            {"cluster": {"chief": ["a:1", "b:1"]}, "task": {"type": "chief", "index": 0}},
            'may be one "chief"',
        ),
    ],
)
def test_mistakes(config, message):
    with pytest.raises(UserError, match=message):
        read(config)


def clusters(count):
    addresses = tuple(f"127.0.0.1:{port}" for port in free_ports(count))
    return [Cluster(addresses, index) for index in range(count)]


def test_all_come():
    came = []
    threads = [
        threading.Thread(target=lambda cluster=cluster: came.append(rendezvous(cluster, 20)))
        for cluster in clusters(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert came == [None] * 3


def has_ipv6():
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        return False
    return socket.has_dualstack_ipv6()


@pytest.mark.skipif(not has_ipv6(), reason="no IPv6 here")
def test_addresses_of_both_kinds():
    first, second = free_ports(2)
    addresses = (f"[::1]:{first}", f"127.0.0.1:{second}")
    other = threading.Thread(target=rendezvous, args=(Cluster(addresses, 1), 20))
    other.start()
    rendezvous(Cluster(addresses, 0), 20)
    other.join()


def test_other_devices():
    first, second = clusters(2)
    other = threading.Thread(target=rendezvous, args=(first, 20, "2 GPU"))
    with mock.patch.object(threading, "excepthook"):  # it is refused as well
        other.start()
        with pytest.raises(UserError, match=f"{first.addresses[0]} has 2 GPU, .* has 1 GPU"):
            rendezvous(second, 20, "1 GPU")
        other.join()


def test_one_never_comes():
    first, _ = clusters(2)
    with pytest.raises(WorkerLost, match=rf"1 of 2 workers did not .*: {first.addresses[1]}"):
        rendezvous(first, 0.5)


def test_something_else_answers():
    """A server of before, say, which is about to leave."""
    first, _ = clusters(2)
    port = int(first.addresses[1].split(":")[1])
    with (
        socket.create_server(("127.0.0.1", port)),
        pytest.raises(WorkerLost, match=first.addresses[1]),
    ):
        rendezvous(first, 1.5)


def test_a_port_that_is_taken():
    (cluster,) = clusters(1)
    port = int(cluster.addresses[0].split(":")[1])
    with (
        socket.create_server(("", port)),
        pytest.raises(
            UserError, match=rf"{cluster.addresses[0]}, whose port cannot be listened at"
        ),
    ):
        rendezvous(cluster, 0.3)


def test_a_name_that_nobody_knows(monkeypatch):
    [port] = free_ports(1)
    monkeypatch.setattr(cluster_module, "RESOLVE_SECONDS", 0.3)
    unknown = socket.gaierror(socket.EAI_NONAME, "Name or service not known")
    began = time.monotonic()
    with (
        mock.patch("socket.create_connection", side_effect=unknown),
        pytest.raises(WorkerLost, match=r"host 'nowhere' of TF_CONFIG is not known after 0 s: .*"),
    ):
        rendezvous(Cluster(("nowhere:2222", f"localhost:{port}"), 1), seconds=60)
    assert time.monotonic() - began < 5
