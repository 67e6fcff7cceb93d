"""The guard as an ASGI application: what it hands on, what it refuses and how, and the headers of every answer."""

import asyncio
from concurrent.futures import ThreadPoolExecutor

import pytest

from transfer_core.http.guard import Guard, content_security_policy

HEADERS = {
    b"content-security-policy",
    b"x-frame-options",
    b"x-content-type-options",
    b"referrer-policy",
    b"cross-origin-resource-policy",
}


class Behind:
    """An application that answers everything, and remembers what it was asked."""

    def __init__(self):
        self.asked = []

    async def __call__(self, scope, receive, send):
        self.asked.append(scope)
        if scope["type"] == "http":
            headers = [(b"X-Frame-Options", b"ALLOWALL"), (b"x-other", b"1")]
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            await send({"type": "http.response.body", "body": b"in"})
        elif scope["type"] == "websocket":
            await send({"type": "websocket.accept"})


def ask(*headers, kind="http", names=(), came_in_by="127.0.0.1", extensions=None, address="localhost"):
    """What came out of the guard, and what the application behind it was asked."""
    app, sent = Behind(), []

    async def send(message):
        sent.append(message)

    async def receive():
        raise AssertionError("nothing of a request is read before it may come in")

    scope = {"type": kind, "path": "/", "headers": list(headers), "server": (came_in_by, 8501)}
    if kind == "websocket":
        scope["extensions"] = {"websocket.http.response": {}} if extensions is None else extensions
    guarded = Guard(app, address=address, names=names)(scope, receive, send)
    with ThreadPoolExecutor(1) as thread:  # for in this one a browser's loop may be running
        thread.submit(asyncio.run, guarded).result()
    return sent, app.asked


def host(text):
    return (b"host", text)


def origin(text):
    return (b"origin", text)


@pytest.mark.parametrize("kind", ["http", "websocket"])
@pytest.mark.parametrize(
    "headers",
    [
        [host(b"localhost:8501")],
        [host(b"LOCALHOST.:8501"), origin(b"http://localhost:8501")],
        [host(b"127.0.0.1:8501"), origin(b"http://127.0.0.1:8501")],
        [host(b"[::1]:8501"), origin(b"http://[::1]:8501")],
        [host(b"localhost"), origin(b"http://localhost")],  # port 80 is not spelled out
        [host(b"localhost"), origin(b"https://localhost")],
        [host(b"localhost:443"), origin(b"https://localhost")],
    ],
)
def test_what_is_ours_comes_in(kind, headers):
    sent, asked = ask(*headers, kind=kind)
    assert len(asked) == 1 and sent[0].get("status") in (200, None)


@pytest.mark.parametrize("kind", ["http", "websocket"])
@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ([], 421),
        ([host(b"evil.example")], 421),
        ([host(b"evil.example:8501"), origin(b"http://evil.example:8501")], 421),  # DNS rebinding
        ([host(b"localhost"), host(b"evil.example")], 421),
        ([host(b"localhost"), host(b"localhost")], 421),
        ([host(b"\xff\x00\r\n")], 421),
        ([host(b"")], 421),
        ([host(b"localhost:8501"), origin(b"http://evil.example")], 403),
        ([host(b"localhost:8501"), origin(b"http://localhost:3000")], 403),  # another server of this machine
        ([host(b"localhost:8501"), origin(b"http://127.0.0.1:8501")], 403),
        ([host(b"localhost:8501"), origin(b"https://localhost")], 403),
        ([host(b"localhost:8501"), origin(b"null")], 403),
        ([host(b"localhost:8501"), origin(b"")], 403),
        ([host(b"localhost:8501"), origin(b"\xff")], 403),
        ([host(b"localhost:8501"), origin(b"http://localhost:8501"), origin(b"http://evil.example")], 403),
        ([host(b"evil.example"), (b"x-forwarded-host", b"localhost:8501")], 421),
    ],
)
def test_all_else_is_refused_in_one_sentence_and_goes_no_further(kind, headers, status):
    (start, body), asked = ask(*headers, kind=kind)
    assert asked == []
    prefix = "websocket.http.response" if kind == "websocket" else "http.response"
    assert (start["type"], body["type"]) == (f"{prefix}.start", f"{prefix}.body")
    assert start["status"] == status and dict(start["headers"]).keys() >= HEADERS
    said = body["body"].decode()
    assert said.startswith("Graft does not answer ") and said.count("\n") == 1 and "evil" not in said


def test_a_websocket_is_refused_by_servers_that_cannot_say_why_too():
    [message], asked = ask(host(b"evil.example"), kind="websocket", extensions={})
    assert message["type"] == "websocket.close" and asked == []


def test_the_app_behind_does_not_check_a_websockets_origin_again():
    """Streamlit would ask the internet for this machine's address where the two are not spelled alike."""
    headers = [host(b"LocalHost:8501"), origin(b"http://localhost:8501"), (b"cookie", b"a=b")]
    _, [scope] = ask(*headers, kind="websocket")
    assert scope["headers"] == [headers[0], headers[2]]
    _, [scope] = ask(*headers)
    assert scope["headers"] == headers


def test_names_that_a_person_added_may_send_and_be_called():
    proxied = origin(b"https://graft.example")
    for own in (b"graft.example", b"localhost:8501"):  # what the proxy sends on as Host
        sent, asked = ask(host(own), proxied, names=["graft.example"])
        assert len(asked) == 1
        sent, asked = ask(host(own), origin(b"https://evil.example"), names=["graft.example"])
        assert asked == [] and sent[0]["status"] == 403


def test_in_the_network_the_address_that_the_connection_came_in_by_is_ours():
    ours = [host(b"192.168.1.5:8501"), origin(b"http://192.168.1.5:8501")]
    assert ask(*ours, came_in_by="192.168.1.5", address="0.0.0.0")[1]
    assert not ask(*ours, came_in_by="127.0.0.1", address="0.0.0.0")[1]


def test_every_answer_carries_the_headers_once():
    sent, _ = ask(host(b"localhost"))
    names = [name.lower() for name, _ in sent[0]["headers"]]
    assert sorted(names) == sorted({*names}) and HEADERS | {b"x-other"} == {*names}
    assert dict(sent[0]["headers"])[b"x-frame-options"] == b"SAMEORIGIN"


def rules(policy):
    return dict(rule.split(" ", 1) for rule in policy.split("; "))


@pytest.mark.parametrize(
    ("sent_to", "names", "sockets"),
    [
        (b"LocalHost:8501", [], ["localhost:8501"]),
        (b"localhost", ["graft.example"], ["graft.example:*", "localhost"]),
        (b"[::1]:8501", ["fd00::7"], []),  # a policy cannot name these; Chromium counts them as 'self'
        (b"evil.example", [], []),
    ],
)
def test_pages_may_open_websockets_to_us_alone(sent_to, names, sockets):
    sent, _ = ask(host(sent_to), names=names)
    allowed = rules(dict(sent[0]["headers"])[b"content-security-policy"].decode())["connect-src"]
    assert allowed.split() == [
        "'self'",
        "blob:",
        "data:",
        *(f"{kind}://{one}" for one in sockets for kind in ("ws", "wss")),
    ]


def test_pages_may_load_and_call_nothing_from_elsewhere():
    policy = rules(content_security_policy(["sha256-abc="]))
    assert policy["frame-ancestors"] == "'self'" and policy["object-src"] == "'none'"
    assert "'sha256-abc='" in policy["script-src"]
    assert not [sources for name, sources in policy.items() if "*" in sources or "http" in sources or "ws:" in sources]
    assert "'unsafe-inline'" not in policy["script-src"] and "'unsafe-eval'" not in policy["script-src"].split()


def test_what_is_no_request_is_handed_on():
    _, [scope] = ask(kind="lifespan")
    assert scope["type"] == "lifespan"
