"""Whose name a request calls: reading `Host` and `Origin`, and holding them against a server's own names."""

import socket

import pytest

from transfer_core.errors import TransferError
from transfer_core.http import hosts


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        ("localhost:8501", "localhost", 8501),
        ("LocalHost.", "localhost", None),  # as DNS takes them
        ("127.0.0.1:80", "127.0.0.1", 80),
        ("127.0.0.1.", "127.0.0.1", None),
        ("[::1]:8501", "::1", 8501),
        ("[0:0:0:0:0:0:0:1]", "::1", None),
        ("[::FFFF:192.168.1.5]", "192.168.1.5", None),
        ("my_box-2.lan", "my_box-2.lan", None),
    ],
)
def test_a_host_is_read_in_one_form(text, host, port):
    assert hosts.read_authority(text) == hosts.Authority(host, port)


@pytest.mark.parametrize(
    "text",
    [
        "",
        " localhost",
        "localhost\n",
        "localhost:",
        "localhost:http",
        "localhost:123456",
        "localhost/path",
        "user@localhost",
        "localhost, evil.example",
        "::1",  # without brackets the port could not be told
        "[::1",
        "[localhost]",
        "[fe80::1%eth0]",  # a zone is the browser's own affair
        "a..b",
        ".",
        "\xff\xfe",
        "x" * 5 + "\0",
    ],
)
def test_what_is_no_host_is_none(text):
    assert hosts.read_authority(text) is None
    assert hosts.read_origin(f"http://{text}") is None


@pytest.mark.parametrize(
    ("text", "origin"),
    [
        ("http://localhost:8501", hosts.Origin("localhost", 8501, 80)),
        ("HTTPS://Graft.Example", hosts.Origin("graft.example", 443, 443)),
        ("http://[::1]", hosts.Origin("::1", 80, 80)),
        ("null", None),
        ("", None),
        ("file://", None),
        ("ftp://localhost", None),
        ("chrome-extension://abcdef", None),
        ("http://localhost:8501/", None),  # an origin has no path
    ],
)
def test_an_origin_is_read_with_its_port(text, origin):
    assert hosts.read_origin(text) == origin


@pytest.mark.parametrize("address", ["localhost", "127.0.0.1", "127.0.0.2", "::1"])
def test_a_server_for_this_machine_alone_has_no_other_name(address):
    assert hosts.own_names(address) == {"localhost", address}


@pytest.mark.parametrize("address", ["0.0.0.0", "::", "", "192.168.1.5", "Box.Lan"])
def test_a_server_in_the_network_answers_to_the_machines_name_too(address, monkeypatch):
    monkeypatch.setattr(socket, "gethostname", lambda: "Teachers-PC.school.example")
    added = {"teachers-pc.school.example", "teachers-pc", "teachers-pc.local"}
    assert hosts.own_names(address) - {address.lower()} == {"localhost"} | added


@pytest.mark.parametrize(
    ("host", "came_in_by", "own"),
    [
        ("localhost", "127.0.0.1", True),
        ("127.0.0.1", "127.0.0.1", True),
        ("127.8.9.1", "127.0.0.1", True),
        ("::1", "::1", True),
        ("192.168.1.5", "192.168.1.5", True),
        ("192.168.1.5", "::ffff:192.168.1.5", True),  # a server that listens on "::"
        ("fe80::1", "fe80::1%2", True),
        ("192.168.1.5", "192.168.1.6", False),
        ("192.168.1.5", "127.0.0.1", False),
        ("192.168.1.5", None, False),
        ("evil.example", "127.0.0.1", False),
        ("localhost.evil.example", "127.0.0.1", False),
        ("127.0.0.1.evil.example", "127.0.0.1", False),
        ("2130706433", "127.0.0.1", False),  # browsers send 127.0.0.1 for it
    ],
)
def test_an_address_is_ours_if_the_connection_came_in_by_it(host, came_in_by, own):
    assert hosts.is_own(host, {"localhost"}, came_in_by) is own


def test_the_names_that_a_person_adds():
    assert hosts.read_names("") == []
    assert hosts.read_names(" Graft.Example., 10.0.0.7 fd00::7,") == ["graft.example", "10.0.0.7", "fd00::7"]


@pytest.mark.parametrize("text", ["http://graft.example", "graft.example:8501", "*.example", "a/b", "schüler.example"])
def test_what_is_no_name_is_said(text):
    with pytest.raises(TransferError, match=r"is not a host name\. Give names or IP addresses"):
        hosts.read_names(text)
