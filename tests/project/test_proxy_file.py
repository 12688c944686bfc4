"""The shipped proxy: what people of one address do together on a usual day meets no limit of it."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.support.server import ROOT

NGINX = (ROOT / "deploy/nginx.conf").read_text()
OFFICE = 50
"""People behind one address who open the page at the same moment."""
CONNECTED = 1000
"""People behind one address who are connected."""


def burst(location: str) -> int:
    """Requests of an address that this location takes at once."""
    found = re.search(rf"location (?:= )?{location} {{.*?burst=(\d+) nodelay;", NGINX, re.DOTALL)
    assert found is not None
    return int(found[1])


STATIC = ROOT / "bos/static"
OF_A_PAGE = (
    [*(STATIC / "bos/workspace").glob("*.[cj]s*")],
    [*STATIC.glob("bos/*.js"), *STATIC.glob("bos/*.css"), *(STATIC / "vendor").rglob("*.min.*")],
)
"""The files that the page has, and those of which the server's other pages have some."""
FILES = max(OF_A_PAGE, key=len)


@pytest.mark.parametrize(
    ("location", "each"),
    # Files; the page and its history; a connection.
    [("/static/", len(FILES)), ("/", 2), ("/v1/ws", 1)],
)
def test_s8_an_office_opens_the_page_at_once_and_every_page_has_all_its_files(
    location: str, each: int
) -> None:
    assert each > 0
    assert burst(location) >= OFFICE * each


def test_s8_a_thousand_behind_one_address_may_be_connected() -> None:
    found = re.search(r"limit_conn bos_connections (\d+);", NGINX)
    assert found is not None
    assert int(found[1]) > CONNECTED


def test_w4_no_upgrade_but_to_a_websocket_is_passed_on() -> None:
    block = re.search(r"map \$http_upgrade \$bos_upgrade {(.*?)}", NGINX, re.DOTALL)
    assert block is not None
    assert block[1].split() == ["default", '"";', "~*^websocket$", "websocket;"]
    assert set(re.findall(r"proxy_set_header Upgrade (\S+);", NGINX)) == {"$bos_upgrade"}
    assert NGINX.count("$http_upgrade") == 1


IN_NGINX_CONF = re.findall(r"^#     (\S.*)$", NGINX, re.MULTILINE)
"""The lines that it asks for outside of the http block."""


def test_o3_the_connections_of_an_address_fit_into_one_of_nginxs_processes() -> None:
    found = re.search(r"worker_connections (\d+);", "".join(IN_NGINX_CONF))
    assert found is not None
    allowed = re.search(r"limit_conn bos_connections (\d+);", NGINX)
    assert allowed is not None
    assert int(found[1]) >= 2 * int(allowed[1])  # the client's and ours
    page = (ROOT / "docs/deployment.md").read_text()
    assert all(line in page for line in IN_NGINX_CONF)


@pytest.mark.skipif(shutil.which("nginx") is None, reason="there is no nginx")
def test_o3_nginx_takes_the_file_with_the_lines_that_it_asks_for(tmp_path: Path) -> None:
    certificate = ["-keyout", f"{tmp_path}/key.pem", "-out", f"{tmp_path}/fullchain.pem"]
    subprocess.run(
        [
            "openssl",
            "req",
            "-x509",
            "-newkey",
            "rsa:2048",
            "-nodes",
            "-subj",
            "/CN=x",
            *certificate,
        ],
        check=True,
        capture_output=True,
    )
    (tmp_path / "site.conf").write_text(NGINX.replace("/etc/ssl/bos", str(tmp_path)))
    lines = [*IN_NGINX_CONF, f"pid {tmp_path}/pid;", f"http {{ include {tmp_path}/site.conf; }}"]
    (tmp_path / "nginx.conf").write_text("\n".join(lines))
    told = subprocess.run(
        ["nginx", "-t", "-p", tmp_path, "-c", tmp_path / "nginx.conf", "-e", "stderr"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert told.returncode == 0, told.stderr
    assert "test is successful" in told.stderr
    assert "[warn]" not in told.stderr
