"""README's first conversation, as it stands there (c11)."""

from __future__ import annotations

import asyncio
import os
import re
import sys

from django.contrib.auth.hashers import make_password

from bos.models import Role, User
from kpis.demo.seed import PASSWORD
from tests.support.cast import Cast
from tests.support.server import ROOT, Server
from tests.support.services import free_port


async def talk(port: int) -> tuple[int | None, str, str]:
    """Exit code, what it prints, and what it complains of."""
    found = re.search(r"<<'END'\n(.*?)\nEND\n", (ROOT / "README.md").read_text(), re.DOTALL)
    assert found is not None
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", found[1]),
        env=os.environ | {"PORT": str(port)},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    printed, complained = await process.communicate()
    return process.returncode, printed.decode(), complained.decode()


async def test_c11_the_conversation_takes_the_port_of_the_server(
    server: Server, cast: Cast
) -> None:
    User.objects.create(
        organization=cast.home.organization,
        email="manager@harbor.example",
        name="Manager",
        role=Role.MANAGER,
        password=make_password(PASSWORD),
    )
    code, printed, complained = await talk(server.port)
    assert (code, complained) == (0, "")
    types = re.findall(r'^\{"type": "(\w+)"', printed, re.MULTILINE)
    assert types == ["AUTH_SUCCESS", "SUBSCRIBED", "KPI_UPDATED", "SYNC_UPDATE"]


async def test_c11_where_nobody_answers_it_says_so(database: None) -> None:
    code, printed, complained = await talk(free_port())
    assert (code, printed) == (1, "")
    assert re.fullmatch(r"No conversation with 127\.0\.0\.1:\d+: .*\n", complained), complained
