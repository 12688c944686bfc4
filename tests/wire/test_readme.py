"""README's first conversation, as it stands there (c11)."""

from __future__ import annotations

import asyncio
import json
import os
import re
import sys
from decimal import Decimal

from django.contrib.auth.hashers import make_password

from bos.models import Role, User
from kpis.demo.seed import PASSWORD
from kpis.models import Kpi
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
    manager = User.objects.create(
        organization=cast.home.organization,
        email="manager@harbor.example",
        name="Manager",
        role=Role.MANAGER,
        password=make_password(PASSWORD),
    )
    try:
        code, printed, complained = await talk(server.port)
    finally:  # in the tests of the demo that address is somebody else's
        User.objects.filter(pk=manager.pk).update(email="another@harbor.example")
    assert (code, complained) == (0, "")
    types = re.findall(r'^\{"type": "(\w+)"', printed, re.MULTILINE)
    assert types == ["AUTH_SUCCESS", "SUBSCRIBED", "KPI_UPDATED", "SYNC_UPDATE"]


async def test_c11_values_are_sent_from_the_command_line(server: Server, cast: Cast) -> None:
    found = re.search(r"```\n(KEY=.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    assert found is not None
    assert '"Harbor Airports"' in found[1]
    for name in ("Kennedy departures", "Newark on-time share"):
        Kpi.objects.create(organization=cast.home.organization, name=name)
    # The organization of that name may be there by another test: this one is named by its id.
    script = found[1].replace("Harbor Airports", cast.home.id)
    script = script.replace(".venv/bin/python", sys.executable).replace(
        "curl", "curl --noproxy '*'"
    )
    process = await asyncio.create_subprocess_exec(
        *("bash", "-c", script),
        cwd=ROOT,
        env=os.environ | {"PORT": str(server.port)},
        stdout=asyncio.subprocess.PIPE,
    )
    printed, _ = await process.communicate()
    assert json.loads(printed)["accepted"] == 2, printed
    kpi = Kpi.objects.get(organization=cast.home.organization, name="Newark on-time share")
    assert kpi.value == Decimal("81.5")


async def test_c11_where_nobody_answers_it_says_so(database: None) -> None:
    code, printed, complained = await talk(free_port())
    assert (code, printed) == (1, "")
    assert re.fullmatch(r"No conversation with 127\.0\.0\.1:\d+: .*\n", complained), complained
