"""Starts the peers, each alone on the server's core, and tells which cannot be had."""

import contextlib
import json
import os
import secrets
import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmarks.servers import KPI, ROOT, Target, naive_tokens, pinned_server
from tests.support.services import free_port

HERE = Path(__file__).parent
INSTALLED = ROOT / "benchmarks" / "build" / "peers"
PYTHON = INSTALLED / "venv" / "bin" / "python"
MODULES = INSTALLED / "node_modules"
UWS_MODULE = MODULES / "@btc-vision" / "uwebsockets.js"
OLD_GLIBC = INSTALLED / "old_glibc.so"
"""There where glibc is too old for uWebSockets.js, see old_glibc.py"""
NCHAN_MODULES = (
    "/usr/lib/nginx/modules/ngx_nchan_module.so",
    "/usr/share/nginx/modules/ngx_nchan_module.so",
    "/usr/lib64/nginx/modules/ngx_nchan_module.so",
)


@dataclass(frozen=True, kw_only=True)
class Peer:
    """A server of others.

    command: of (port, directory of its own files). lacks: why it cannot be had, "" where it can.
    version: as it is told in the report.
    """

    name: str
    command: Callable[[int, Path], list[str]]
    lacks: Callable[[], str]
    version: Callable[[], str]
    dialect: str = "bos"
    path: str = "/v1/ws"
    publish_path: str = ""


def environment() -> dict[str, str]:
    """For peers in node: where their modules are."""
    preload = {"LD_PRELOAD": str(OLD_GLIBC)} if OLD_GLIBC.exists() else {}
    return {"PEER_MODULES": str(INSTALLED)} | preload


@contextlib.contextmanager
def peer_server(peer: Peer, *, directory: Path) -> Iterator[Target]:
    secret, port = secrets.token_hex(32), free_port()
    told = environment() | {"PEER_TOKEN_SECRET": secret}
    command, log = peer.command(port, directory), directory / "peer.log"
    with pinned_server(command, port=port, environment=told, log=log) as pid:
        signed = naive_tokens(secret)
        yield Target(
            port=port,
            root_pid=pid,
            tokens=signed,
            publisher_tokens=signed[:1],
            channel="organization:1",
            kpis=[KPI],
            dialect=peer.dialect,
            path=peer.path,
            publish_path=peer.publish_path,
        )


def _node_peer(name: str, *, script: str, package: str, **options: str) -> Peer:
    def lacks() -> str:
        if not shutil.which("node"):
            return "node is not installed"
        if not (MODULES / package).exists():
            return f"npm has not installed {package}"
        return "" if _loads(package) else f"{package} does not run here"

    def version() -> str:
        told = json.loads((MODULES / package / "package.json").read_text())
        node = subprocess.run(["node", "--version"], capture_output=True, text=True).stdout.strip()
        return f"{package} {told['version']} on node {node.removeprefix('v')}"

    return Peer(
        name=name,
        command=lambda port, directory: ["node", str(HERE / script), str(port)],
        lacks=lacks,
        version=version,
        **options,
    )


def _loads(package: str) -> bool:
    command = ["node", "-e", f"require({str(MODULES / package)!r})"]
    tried = subprocess.run(command, env=os.environ | environment(), capture_output=True)
    return tried.returncode == 0


def _python_peer(name: str) -> Peer:
    def lacks() -> str:
        found = PYTHON.exists() and not _in_venv(f"import {name}, uvloop").returncode
        return "" if found else f"pip has not installed {name}"

    def version() -> str:
        told = f"from importlib.metadata import version; print(version({name!r}))"
        return f"{name} {_in_venv(told).stdout.strip()}"

    return Peer(
        name=name,
        command=lambda port, directory: [
            *(str(PYTHON), "-m", f"benchmarks.peers.{name}_server", str(port)),
        ],
        lacks=lacks,
        version=version,
    )


def _in_venv(code: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([PYTHON, "-c", code], capture_output=True, text=True)


def _nchan_module() -> str | None:
    return next((path for path in NCHAN_MODULES if Path(path).exists()), None)


def _nginx() -> str | None:
    return shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")


def _nchan_command(port: int, directory: Path) -> list[str]:
    configuration = directory / "nginx.conf"
    template = (HERE / "nchan.conf").read_text()
    told = {"port": port, "directory": directory, "module": _nchan_module()}
    configuration.write_text(template.format_map(told))
    return [_nginx() or "nginx", "-p", str(directory), "-c", str(configuration)]


def _nchan_lacks() -> str:
    if not _nginx() or not _nchan_module():
        return "nginx with nchan is not installed (Debian: libnginx-mod-nchan)"
    return ""


def _nchan_version() -> str:
    told = subprocess.run([_nginx() or "nginx", "-v"], capture_output=True, text=True)
    return f"{told.stderr.strip().rpartition(': ')[2]} with nchan"


WS = _node_peer("ws", script="ws.js", package="ws")
SOCKETIO = _node_peer(
    "socket.io",
    script="socketio.js",
    package="socket.io",
    dialect="socketio",
    path="/socket.io/?EIO=4&transport=websocket",
)
UWS = _node_peer("uWebSockets.js", script="uws.js", package="@btc-vision/uwebsockets.js")
WEBSOCKETS = _python_peer("websockets")
PICOWS = _python_peer("picows")
NCHAN = Peer(
    name="nchan",
    command=_nchan_command,
    lacks=_nchan_lacks,
    version=_nchan_version,
    dialect="raw",
    publish_path="/publish",
)
PEERS = (WS, SOCKETIO, WEBSOCKETS, PICOWS, NCHAN, UWS)
