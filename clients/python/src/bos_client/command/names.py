"""From a name, as a person types it, to an id."""

from __future__ import annotations

import asyncio
import contextlib
import difflib
from collections.abc import Mapping

from bos_client.client import Client
from bos_client.command.exits import NotThere
from bos_client.errors import RequestRefused
from bos_client.protocol import KpiData

NEAR = 5


def organization_of(client: Client) -> str:
    """Return the channel of the user's organization."""
    assert client.user is not None, "signed in"
    return f"organization:{client.user.organization_id}"


def channel_of(client: Client, name: str) -> str:
    """Return the channel; `organization` and `user` alone are the user's own."""
    assert client.user is not None, "signed in"
    own = {"organization": client.user.organization_id, "user": client.user.user_id}
    return f"{name}:{own[name]}" if name in own else name


async def kpi_of(client: Client, wanted: str) -> KpiData:
    """Return the KPI with this id, key or name. Raises NotThere, with names that are near."""
    await client.subscribe(organization_of(client))
    if found := _by(client.store.kpis, wanted):
        return found
    # What a department keeps to itself is on its own channel only, where the user may follow it.
    departments = [f"department:{id_}" for id_ in client.store.departments]
    await asyncio.gather(*(_try(client, channel) for channel in departments))
    if found := _by(client.store.kpis, wanted):
        return found
    names = {kpi.id: kpi.name for kpi in client.store.kpis.values()}
    near = _near(wanted, names)
    raise NotThere(f"No KPI that you may see has the id, key or name {wanted!r}.{near}")


async def _try(client: Client, channel: str) -> None:
    with contextlib.suppress(RequestRefused):  # of another department: nothing of it can be seen
        await client.subscribe(channel)


def _by(kpis: Mapping[str, KpiData], wanted: str) -> KpiData | None:
    """Raises NotThere where several have the name."""
    if wanted in kpis:
        return kpis[wanted]
    if with_key := [kpi for kpi in kpis.values() if kpi.key == wanted]:
        return with_key[0]
    found = [kpi for kpi in kpis.values() if kpi.name.casefold() == wanted.casefold()]
    if len(found) > 1:
        ids = "".join(f"\n  {kpi.id}  {kpi.name}" for kpi in found)
        raise NotThere(f"{len(found)} KPIs are called {wanted!r}. Name one by its id:{ids}")
    return found[0] if found else None


async def session_of(client: Client, wanted: str) -> str:
    """Return the id of a running session by its title, or the id itself. Raises NotThere."""
    assert client.user is not None, "signed in"
    await client.subscribe(organization_of(client), f"user:{client.user.user_id}")
    sessions: dict[str, str] = {one.id: one.title for one in client.store.sessions.values()}
    invited = {one.session_id: one.title for one in client.store.invitations.values()}
    titles = sessions | invited
    if wanted in titles:
        return wanted
    found = [id_ for id_, title in titles.items() if title.casefold() == wanted.casefold()]
    if len(found) > 1:
        ids = "".join(f"\n  {id_}" for id_ in found)
        raise NotThere(f"{len(found)} sessions are called {wanted!r}. Name one by its id:{ids}")
    if found:
        return found[0]
    if " " in wanted or not any(character.isdigit() for character in wanted):
        raise NotThere(f"No session that you may see is called {wanted!r}.{_near(wanted, titles)}")
    return wanted  # one that has ended is in no list, and may be read by its id


def _near(wanted: str, names: Mapping[str, str]) -> str:
    by_folded = {name.casefold(): name for name in names.values()}
    near = difflib.get_close_matches(wanted.casefold(), by_folded, n=NEAR, cutoff=0.5)
    within = [folded for folded in by_folded if wanted.casefold() in folded and folded not in near]
    close = [by_folded[folded] for folded in [*near, *within][:NEAR]]
    return "" if not close else "\nNear it: " + ", ".join(repr(name) for name in close)
