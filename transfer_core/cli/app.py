"""The command `app`: the web app, from any folder. Streamlit runs it in a process of its own and is not imported."""

import os
import signal
import socket
import subprocess
import sys
from argparse import ArgumentParser, Namespace
from pathlib import Path

from transfer_core.errors import TransferError
from transfer_core.http import hosts
from transfer_core.workspace import Workspace

_PACKAGE = Path(__file__).resolve().parents[1]
_HERE = ("localhost", "127.0.0.1", "::1")
_OWN_END_S = 1.0  # Ctrl-C in a terminal reaches Streamlit, too; a signal sent to us alone does not
_STOP_S = 10.0  # it closes its browsers' connections first


def add_options(parser: ArgumentParser) -> None:
    """The options of `app`; what is not given stands in .streamlit/config.toml, or is Streamlit's default."""
    parser.add_argument("--port", type=int, metavar="N", help="default: 8501, or the next that is free")
    parser.add_argument(
        "--address", metavar="HOST", help="default: localhost; 0.0.0.0 is the whole network, no password"
    )
    parser.add_argument(
        "--host-name",
        action="append",
        default=[],
        metavar="NAME",
        help="a further name by which browsers may open it, such as that of a reverse proxy; may be repeated",
    )


def app(workspace: Workspace, options: Namespace) -> dict:
    """Runs the web app until Ctrl-C or SIGTERM.

    Raises:
        TransferError: The address or port cannot be listened on, a host name is malformed, the app's files are missing,
            or it ended by itself.
    """
    folder = app_folder(_PACKAGE)
    command = [sys.executable, "-P", "-m", "streamlit", "run", str(folder / "app.py")]  # -P: no module of this folder
    if options.address is not None:
        command += ["--server.address", options.address]
        if options.address not in _HERE:
            # Tracebacks are for whoever runs the app, not for everybody who can reach it.
            command += ["--client.showErrorDetails", "none"]
            print("Everybody who can reach this address can see, change and delete all projects.", file=sys.stderr)
    if options.port is not None:
        _check_port(options.address or "localhost", options.port)
        command += ["--server.port", str(options.port)]
    names = hosts.read_names(",".join([os.environ.get(hosts.VARIABLE, ""), *options.host_name]))
    code = _run_until_stopped(
        command, os.environ | {"GRAFT_HOME": str(workspace.home), hosts.VARIABLE: ",".join(names)}
    )
    if code:
        raise TransferError(f"The web app ended by itself (exit code {code}); the lines above say why.")
    return {"exit_code": code}


def show_app(answer: dict) -> None:
    """Prints nothing: the person pressed Ctrl-C and knows that the app has ended."""


def app_folder(package: Path) -> Path:
    """The folder of app.py, its pages and its Streamlit settings: inside an installed package, beside it in a checkout.

    Raises:
        TransferError: There is none.
    """
    for folder in (package / "_app", package.parent):
        if (folder / "app.py").is_file() and (folder / ".streamlit" / "config.toml").is_file():
            return folder
    raise TransferError(f"The web app's files are missing from '{package}'. Install Graft again.")


def _check_port(address: str, port: int) -> None:
    """Streamlit would say the same in a log line and end."""
    if not 1 <= port <= 65535:
        raise TransferError(f"The port must be a number from 1 to 65535, got {port}.")
    try:
        family, kind, *_, place = socket.getaddrinfo(address, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind) as probe:
            if os.name != "nt":  # there it would allow a port that somebody listens on
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(place)
    except OSError as error:
        problem = f"Nothing can listen on port {port} of '{address}': {error.strerror}."
        raise TransferError(f"{problem} Name another with --port or --address.") from error


def _run_until_stopped(command: list[str], environment: dict[str, str]) -> int:
    """The exit code of the process, which ends with ours; 0 where Ctrl-C or SIGTERM told us to end."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    process = subprocess.Popen(command, env=environment)
    try:
        return process.wait()
    except KeyboardInterrupt:
        return 0
    finally:
        _stop(process)
        signal.signal(signal.SIGTERM, before)


def _stop(process: subprocess.Popen) -> None:
    """Waits for its end, asks for it, then forces it; a second Ctrl-C goes on to the next of these."""
    for ask, patience_s in ((None, _OWN_END_S), (process.terminate, _STOP_S), (process.kill, None)):
        if ask:
            ask()
        try:
            process.wait(patience_s)
            return
        except (KeyboardInterrupt, subprocess.TimeoutExpired):
            continue
