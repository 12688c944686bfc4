"""The shipped proxy: what people of one address do together on a usual day meets no limit of it."""

from __future__ import annotations

import re

import pytest

from tests.server import ROOT

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


FILES = [
    *(ROOT / "bos/static/bos").glob("*.js"),
    *(ROOT / "bos/static/bos").glob("*.css"),
    *(ROOT / "bos/static/vendor").rglob("*.min.*"),
]


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
