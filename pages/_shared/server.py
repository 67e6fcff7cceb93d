"""The web server around the pages: its request guard, its start message, and opening the browser."""

import base64
import hashlib
import os
import re
import socket
import sys
import threading
import webbrowser
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib import import_module
from pathlib import Path

import streamlit as st
from starlette.middleware import Middleware
from starlette.routing import BaseRoute

from transfer_core.errors import TransferError
from transfer_core.http import hosts
from transfer_core.http import routes as http_routes
from transfer_core.http.guard import Guard

_EVERYWHERE = ("0.0.0.0", "::", "")
_TURN_S = 0.0005  # Python's own is ten times as long, and every file that is served waits several turns
_FIRST_PAGE = ("pages._shared.navigation", "pages._shared.progress", "transfer_core.services.projects")


def guard() -> Middleware:
    """What every request passes before Streamlit sees it. What is no name in GRAFT_ALLOWED_HOSTS ends the server."""
    try:
        names = hosts.read_names(os.environ.get(hosts.VARIABLE, ""))
    except TransferError as error:
        sys.exit(f"{hosts.VARIABLE}: {error}")
    return Middleware(Guard, address=_address(), names=names, script_hashes=_script_hashes())


def routes() -> list[BaseRoute]:
    """What the server answers beside the pages."""
    return http_routes.routes(Path(__file__).parents[2] / "static")


@asynccontextmanager
async def running(_: st.App) -> AsyncIterator[None]:
    """Around the server's life: says where it can be reached, opens the browser, and gets the first page ready."""
    # In threads: the server answers meanwhile, and the browser has Streamlit's own scripts to load before it asks.
    threading.Thread(target=_import_first_page, daemon=True).start()
    shown = _urls()
    print(f"\nGraft is running. Open {' or '.join(shown)} in a browser. Ctrl-C ends it.\n", flush=True)
    if not st.get_option("server.headless"):
        threading.Thread(target=webbrowser.open, args=(shown[0],), daemon=True).start()
    yield
    print("\nGraft has stopped. Runs in progress continue.", flush=True)


def _import_first_page() -> None:
    """Imports what the first look at a page would wait for, in turns too short to hold up those who are served."""
    usual = sys.getswitchinterval()
    sys.setswitchinterval(_TURN_S)
    for name in _FIRST_PAGE:
        import_module(name)
    sys.setswitchinterval(usual)


def _address() -> str:
    return st.get_option("server.address") or ""


def _urls() -> list[str]:
    """Where to open it, the best address for this machine first."""
    address = _address()
    names = [address]
    if address in _EVERYWHERE:
        names = ["localhost", _network_address() or socket.gethostname()]
    scheme = "https" if st.get_option("server.sslCertFile") else "http"
    path = (st.get_option("server.baseUrlPath") or "").strip("/")
    hosts_shown = [f"[{name}]" if ":" in name else name for name in names]
    return [f"{scheme}://{name}:{st.get_option('server.port')}/{path}" for name in hosts_shown]


def _network_address() -> str | None:
    """This machine's address in its network, if it is in one. Streamlit would ask a server on the internet for it."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # sends nothing; 192.0.2.0/24 is kept for examples and belongs to nobody
            return probe.getsockname()[0]
        except OSError:
            return None


def _script_hashes() -> list[str]:
    """Of the scripts that stand in Streamlit's own page, for the content security policy."""
    page = (Path(st.__file__).parent / "static" / "index.html").read_text("utf-8")
    scripts = re.findall(r"<script>(.*?)</script>", page, re.DOTALL)
    return [f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}" for text in scripts]
