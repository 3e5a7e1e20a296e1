"""Pages of other sites, which a server of this machine alone does not answer."""

import json

import pytest

from playground_models import fetch, serving
from regard.recipes.server.guard import is_loopback, refusal
from regard.recipes.server.playground import ATTEND


@pytest.fixture(scope="module")
def url():
    with serving() as address:
        yield address


@pytest.mark.parametrize(
    "host",
    ["localhost", "localhost:8501", "127.0.0.1:8501", "[::1]:8501", "a.localhost", "10.0.0.7"],
)
def test_names_of_this_machine(host):
    assert refusal({"host": host}) == "" == refusal({"host": host, "origin": f"http://{host}"})


@pytest.mark.parametrize("host", ["evil.example:8501", "", "localhost.evil.example", "[::1", "a b"])
def test_names_that_may_rebind(host):
    assert "--host 0.0.0.0" in refusal({"host": host})
    assert "own page" in refusal({"host": "localhost", "origin": f"http://{host}"})


@pytest.mark.parametrize(
    "origin",
    [
        "http://127.0.0.1:8502",
        "http://127.0.0.1",
        "http://localhost:8501",
        "http://192.168.0.66:8501",
        "http://127.0.0.2:8501",
        "https://127.0.0.1",
        "http://127.0.0.1:port",
        "chrome-extension://abc",
        "null",
        "",
    ],
)
def test_pages_of_others_on_this_machine_or_by_numbers(origin):
    said = refusal({"host": "127.0.0.1:8501", "origin": origin})
    assert f"Received: Origin: {origin}, Host: 127.0.0.1:8501" in said
    assert "Host: none" in refusal({"origin": "http://127.0.0.1:8501"})
    assert refusal({"host": "127.0.0.1:8501", "origin": "http://127.0.0.1:8501"}) == ""
    assert refusal({"host": "LOCALHOST", "origin": "http://localhost"}) == ""
    assert "own page" in refusal({"host": "localhost", "origin": "https://localhost"})  # port 443


def test_other_sites_are_refused_where_only_this_machine_asks(url):
    for path, body in (
        ("/", None),
        (ATTEND, {}),
        ("/v1/models/reviews:predict", {"instances": ["a"]}),
    ):
        status, _, said = fetch(url, path, body, Host="evil.example")
        assert status == 403 and "Host: evil.example" in json.loads(said)["error"]
    own = url.removesuffix("/")
    for origin in ("https://evil.example", "http://192.168.0.66", "http://127.0.0.1:1"):
        assert fetch(url, "/v1/models/reviews", Origin=origin)[0] == 403
        body = {"instances": ["a"]}
        assert fetch(url, "/v1/models/reviews:predict", body, Origin=origin)[0] == 403
    assert fetch(url, "/v1/models/reviews:predict", {"instances": ["a"]}, Origin=own)[0] == 200
    assert fetch(url, "/v1/models/reviews", Host="localhost")[0] == 200
    with serving(is_local=False) as open_to_all:
        for path in ("/", "/v1/models/reviews"):
            assert fetch(open_to_all, path, Host="box.lan", Origin="http://box.lan")[0] == 200


def test_which_addresses_only_this_machine_reaches():
    assert is_loopback("127.0.0.1") and is_loopback("127.8.0.1") and is_loopback("::1")
    assert not any(map(is_loopback, ("0.0.0.0", "::", "192.168.0.7", "fe80::1%eth0", "box")))
