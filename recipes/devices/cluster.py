"""Reads from `TF_CONFIG` which machines train together, and waits until all of them are there.

Nothing here needs TensorFlow, so that a mistake is said at once.
"""

import json
import os
import socket
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import closing
from typing import Any, NamedTuple

from ..errors import UserError, WorkerLost

RENDEZVOUS_SECONDS = 300.0  # for machines that are still being started
RESOLVE_SECONDS = 45.0  # for their names: those of new machines may take some time to be known
LONGEST_CONFIG = 2**17  # characters: what Linux passes on in one variable
MOST_WORKERS = 1024  # each listens and calls to all others
_HELLO = b"regard"
_PAUSE = 0.2  # seconds between two attempts


class Cluster(NamedTuple):
    """Lists the workers, the chief first, and says which of them this one is."""

    addresses: tuple[str, ...]  # `host:port` of each
    index: int  # of this one's


def read_cluster(environ: Mapping[str, str] = os.environ) -> Cluster | None:
    """Returns what `TF_CONFIG` says; None where there is none.

    Raises:
        UserError: If it does not describe workers, of which this is one.
    """
    text = environ.get("TF_CONFIG", "").strip()
    if not text:
        return None
    config = _parsed(text)
    cluster = config.get("cluster") if isinstance(config, dict) else None
    if not isinstance(cluster, dict) or not cluster:
        raise _mistake('"cluster" must name the addresses of "worker"', config)
    strange = sorted(set(cluster) - {"chief", "worker"})
    if strange:
        raise _mistake(f'"cluster" may have "chief" and "worker", not {", ".join(strange)}', config)
    roles = [(role, index) for role in ("chief", "worker") for index in _indices(cluster, role)]
    addresses = tuple(cluster[role][index] for role, index in roles)
    _check_addresses(addresses, config)
    if len(cluster.get("chief", ())) > 1:
        raise _mistake('there may be one "chief"', config)
    task = config.get("task")
    if not isinstance(task, dict) or (task.get("type"), task.get("index")) not in roles:
        raise _mistake(
            '"task" must have the "type" and the "index" of one of the workers of "cluster"', config
        )
    return Cluster(addresses, roles.index((task["type"], task["index"])))


def _indices(cluster: dict, role: str) -> range:
    addresses = cluster.get(role, [])
    if not isinstance(addresses, list):
        raise _mistake(f'"{role}" must be a list of addresses', {"cluster": cluster})
    return range(len(addresses))


def _check_address(address, config) -> None:
    host, _, port = address.rpartition(":") if isinstance(address, str) else ("", "", "")
    if not host or not port.isdecimal() or not 0 < int(port) < 2**16:
        raise _mistake(f"an address must be host:port. Received: {address!r}", config)


def _mistake(what: str, config) -> UserError:
    return UserError(
        f"TF_CONFIG: {what}. It must look like "
        '{"cluster": {"worker": ["host1:2222", "host2:2222"]}, '
        '"task": {"type": "worker", "index": 0}}. '
        f"Received: {json.dumps(config):.300}"
    )


def _parsed(text: str) -> Any:
    if len(text) > LONGEST_CONFIG:
        raise UserError(
            f"TF_CONFIG must have {LONGEST_CONFIG:,} characters at most. Received: {len(text):,}."
        )
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise UserError(f"TF_CONFIG must be JSON: {error}. Received: {text:.200}") from error


def _check_addresses(addresses: Sequence[Any], config: Any) -> None:
    if len(addresses) > MOST_WORKERS:
        raise UserError(
            f"TF_CONFIG may name {MOST_WORKERS:,} workers at most. Received: {len(addresses):,}."
        )
    for address in addresses:
        _check_address(address, config)
    if len(set(addresses)) < len(addresses):
        raise _mistake("every worker must have an address of its own", config)


def rendezvous(cluster: Cluster, seconds: float = RENDEZVOUS_SECONDS, devices: str = "") -> None:
    """Waits until every worker is there.

    Each listens at its address until all others have called there and have answered its own calls.
    TensorFlow, which listens at the same address afterwards, would wait without a word.

    `devices` says in words what this one trains on, which must be the same for all.

    Raises:
        WorkerLost: If some have not come after so many seconds.
        UserError: If this one's address is not free, or another one has other devices.
    """
    began = time.monotonic()
    until = began + seconds
    others = set(range(len(cluster.addresses))) - {cluster.index}
    called: set[int] = set()
    gives_up = threading.Event()
    with closing(_listen(cluster, until)) as listener:
        given = (listener, others, called, until, devices, gives_up)
        thread = threading.Thread(target=_answer, args=given)
        thread.start()
        answered: dict[int, str] = {}  # the devices of each
        try:
            while time.monotonic() < until and not answered.keys() >= others:
                for other in sorted(others - answered.keys()):
                    said = _call(cluster, other, began)
                    answered |= {} if said is None else {other: said}
                time.sleep(0 if answered.keys() >= others else _PAUSE)
        except BaseException:
            gives_up.set()
            raise
        finally:
            thread.join()
    if missing := sorted(others - (answered.keys() & called)):
        raise _lost(cluster, missing, seconds)
    for other, theirs in sorted(answered.items()):
        if theirs != devices:
            raise _other_devices(cluster, other, theirs, devices)


def _lost(cluster: Cluster, missing: Sequence[int], seconds: float) -> WorkerLost:
    addresses = ", ".join(cluster.addresses[other] for other in missing)
    return WorkerLost(
        f"{len(missing)} of {len(cluster.addresses)} workers did not come within "
        f"{seconds:.0f} s: {addresses}. Start them, each with its own TF_CONFIG, and see that "
        "the ports are open between the machines."
    )


def _other_devices(cluster: Cluster, other: int, theirs: str, ours: str) -> UserError:
    return UserError(
        f"Every worker must train on the same devices: {cluster.addresses[other]} has {theirs}, "
        f"{cluster.addresses[cluster.index]} has {ours}. CUDA_VISIBLE_DEVICES tells which GPUs a "
        "worker sees."
    )


def _listen(cluster: Cluster, until: float) -> socket.socket:
    address = cluster.addresses[cluster.index]
    port = int(address.rpartition(":")[2])
    while True:
        try:
            if socket.has_dualstack_ipv6():
                family = socket.AF_INET6
                listener = socket.create_server(("", port), family=family, dualstack_ipv6=True)
            else:
                listener = socket.create_server(("", port))
            listener.settimeout(_PAUSE)
            return listener
        except OSError as error:
            if time.monotonic() >= until:
                raise UserError(
                    f"TF_CONFIG gives this worker the address {address}, whose port cannot be "
                    f"listened at: {error.strerror}. Name a free one."
                ) from error
            time.sleep(_PAUSE)  # a worker that was lost may be about to leave it


def _answer(
    listener: socket.socket,
    others: set[int],
    called: set[int],
    until: float,
    devices: str,
    gives_up: threading.Event,
) -> None:
    """Notes who calls, and says that this worker is there, and with what."""
    while time.monotonic() < until and not called >= others and not gives_up.is_set():
        try:
            caller, _ = listener.accept()
        except TimeoutError:
            continue
        with closing(caller):
            try:
                caller.settimeout(1)
                name, _, index = caller.recv(64).partition(b" ")
                if name == _HELLO and index.isdigit():
                    caller.sendall(b"%s %s" % (_HELLO, devices.encode()))
                    called.add(int(index))
            except OSError:
                continue


def _call(cluster: Cluster, other: int, began: float) -> str | None:
    """Returns the devices of another worker, if it answers.

    Raises:
        WorkerLost: If its name has not been known since all began.
    """
    host, _, port = cluster.addresses[other].rpartition(":")
    try:
        with socket.create_connection((host.strip("[]"), int(port)), timeout=1) as line:
            line.sendall(b"%s %d" % (_HELLO, cluster.index))
            name, _, devices = line.recv(64).partition(b" ")
            return devices.decode("ascii", "replace") if name == _HELLO else None
    except (socket.gaierror, UnicodeError) as error:  # a label of a name has 63 characters at most
        if time.monotonic() - began > RESOLVE_SECONDS:
            raise WorkerLost(
                f"The host {host!r} of TF_CONFIG is not known after {RESOLVE_SECONDS:.0f} s: "
                f"{error}. Check the name, and that this machine can ask for it (getent hosts "
                "NAME); on Kubernetes, that the worker has been started and has a service."
            ) from error
        return None
    except OSError:
        return None
