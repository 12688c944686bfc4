"""Installs the peers into benchmarks/build/peers: `python -m benchmarks.peers.install`.

Exact versions: package-lock.json and requirements.txt beside this file. nginx with nchan is not
installed: it comes from the system's packages. What could not be installed is said, and missing in
the report; the others are measured.
"""

import shutil
import subprocess
import sys
import venv
from pathlib import Path

from benchmarks.peers import old_glibc, start

UV = Path(sys.executable).with_name("uv")


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def install_node_peers() -> None:
    if not shutil.which("npm") or not shutil.which("node"):
        _say("node or npm is not installed: ws, socket.io and uWebSockets.js will be missing")
        return
    for name in ("package.json", "package-lock.json"):
        shutil.copy(start.HERE / name, start.INSTALLED)
    command = ["npm", "ci", "--no-audit", "--no-fund", "--silent"]
    if subprocess.run(command, cwd=start.INSTALLED).returncode:
        _say("npm could not install the peers")
    elif old_glibc.is_needed():
        old_glibc.adapt(sorted(start.UWS_MODULE.glob("uws_linux_*.node")), start.OLD_GLIBC)


def install_python_peers() -> None:
    venv.create(start.INSTALLED / "venv", clear=True, symlinks=True, with_pip=True)
    wanted = str(start.HERE / "requirements.txt")
    uv = [str(UV), "pip", "install", "-q", "--system-certs", "--python", str(start.PYTHON)]
    pip = [str(start.PYTHON), "-m", "pip", "install", "-q"]
    for command in (uv, pip) if UV.exists() else (pip,):
        if not subprocess.run([*command, "--require-hashes", "-r", wanted]).returncode:
            return
    _say("pip could not install websockets and picows")


def main() -> None:
    start.INSTALLED.mkdir(parents=True, exist_ok=True)
    install_node_peers()
    install_python_peers()
    for peer in start.PEERS:
        _say(f"{peer.name}: {peer.lacks() or peer.version()}")


if __name__ == "__main__":
    main()
