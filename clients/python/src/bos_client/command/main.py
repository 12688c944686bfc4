"""`bos`: sign in, look at what is live, set, annotate, and find out why something does not work."""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from typing import Any

import click

from bos_client.client import Client
from bos_client.command import doctor, load, watch
from bos_client.command.names import kpi_of, organization_of, session_of
from bos_client.command.output import Output
from bos_client.command.settings import Settings, address_of, credentials_file, run
from bos_client.errors import RequestRefused, SignInError
from bos_client.protocol import EntityRef, KpiUpdate, Position
from bos_client.tokens import StoredSession
from bos_client.wire import to_wire

EPILOG = """\b
Exit codes:
  0  done                       5  no connection
  1  failed otherwise           6  no such KPI or session, or several
  2  wrong usage                7  no BOS at this address, or its certificate does not hold
  3  not signed in              8  not answered in time: it may have been done
  4  refused by the server      130, 143  interrupted
"""


URL_HELP = "Of the server: https://host[:port]."
TOKEN_HELP = "An access token, instead of what `login` keeps."
JSON_HELP = "JSON lines on a terminal, too."


class _Command(click.Command):
    """A command after whose name the options of `bos` may stand as well."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.params += [
            click.Option(["--url"], help=URL_HELP, expose_value=False, callback=_set_url),
            click.Option(["--token"], help=TOKEN_HELP, expose_value=False, callback=_set_token),
            click.Option(
                ["--json"], is_flag=True, help=JSON_HELP, expose_value=False, callback=_set_json
            ),
        ]


class _Group(click.Group):
    command_class = _Command


def _settings(context: click.Context) -> Settings:
    settings: Settings = context.obj
    return settings


def _set_url(context: click.Context, _: click.Parameter, url: str | None) -> None:
    if url:
        _settings(context).url = url


def _set_token(context: click.Context, _: click.Parameter, token: str | None) -> None:
    if token:
        _settings(context).token = token


def _set_json(context: click.Context, _: click.Parameter, as_json: bool) -> None:
    if as_json:
        _settings(context).output = Output(for_eyes=False)


@click.group(cls=_Group, epilog=EPILOG, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--url", envvar="BOS_URL", help=URL_HELP)
@click.option("--token", envvar="BOS_TOKEN", help=TOKEN_HELP)
@click.option("--json", "as_json", is_flag=True, help=JSON_HELP)
@click.version_option(package_name="bos-client")
@click.pass_context
def bos(context: click.Context, url: str | None, token: str | None, as_json: bool) -> None:
    """Work with a BOS server: tables on a terminal, JSON lines into a pipe."""
    for_eyes = sys.stdout.isatty() and not as_json
    context.obj = Settings(url or None, token or None, Output(for_eyes=for_eyes))


@bos.command()
@click.option("--email", prompt=True, help="Asked for where it is not given.")
@click.option("--organization", help="Its id, if your password is the same in several.")
@click.option("--code", help="Of your second factor; asked for where one is needed.")
@click.pass_obj
def login(settings: Settings, email: str, organization: str | None, code: str | None) -> None:
    """Sign in. The password is asked for, or read from a pipe, and kept nowhere."""
    if settings.url is None:
        raise click.UsageError("Which server? Name it by --url, or set BOS_URL.")
    session = StoredSession(address_of(settings.url).base, credentials_file())
    if sys.stdin.isatty():
        password = click.prompt("Password", hide_input=True, err=True)
    else:
        password = sys.stdin.readline().rstrip("\n")

    async def sign_in(code: str | None) -> None:
        try:
            await session.sign_in(email, password, organization=organization, code=code)
        except SignInError as error:
            if code is not None or error.code != "MFA_REQUIRED" or not sys.stdin.isatty():
                raise
            await sign_in(click.prompt("Code of your second factor", err=True))

    run(sign_in(code))
    base = settings.address.base
    settings.output.say(f"Signed in at {base} as {email}.", signedIn=True, url=base, email=email)


@bos.command()
@click.pass_obj
def logout(settings: Settings) -> None:
    """End the sign-in, here and at the server."""

    async def end() -> None:
        base = settings.address.base
        ended = await settings.stored.sign_out()
        text = f"Signed out of {base}." if ended else f"Nobody was signed in at {base}."
        settings.output.say(text, signedOut=ended, url=base)

    run(end())


@bos.command()
@click.pass_obj
def whoami(settings: Settings) -> None:
    """Say which user of which organization you are, and which role that user has."""

    async def look(client: Client) -> None:
        await client.subscribe(organization_of(client))
        user = client.user
        assert user is not None, "signed in"
        organization = client.store.organizations.get(user.organization_id)
        name = organization.name if organization else None
        settings.output.say(
            f"{user.user_name}, {user.role} of {name} at {client.address.base}",
            userName=user.user_name,
            userId=user.user_id,
            role=user.role,
            organization=name,
            organizationId=user.organization_id,
            url=client.address.base,
        )

    settings.run(look)


@bos.command("watch")
@click.argument("channels", nargs=-1, metavar="[CHANNEL]...")
@click.option(
    "--kpi", "kpis", multiple=True, metavar="NAME", help="Only this KPI: id, key or name."
)
@click.option("--once", is_flag=True, help="Show what is there now, and end.")
@click.option("--count", type=click.IntRange(1), help="End after so many changes.")
@click.pass_obj
def watch_command(
    settings: Settings,
    channels: Sequence[str],
    kpis: Sequence[str],
    once: bool,
    count: int | None,
) -> None:
    """Show entities as they are and as they change.

    CHANNEL is `organization`, `user`, or `kind:id` (department, kpi, session ...); without one, the
    whole organization.
    """
    most = 0 if once else count
    settings.run(lambda client: watch.watch(client, settings.output, channels, kpis, most))


@bos.command("set")
@click.argument("kpi")
@click.argument("value", type=float)
@click.pass_obj
def set_command(settings: Settings, kpi: str, value: float) -> None:
    """Set the value of a KPI, named by its id, key or name. Before a negative value write `--`."""
    if not math.isfinite(value):
        raise click.BadParameter("it is no number that a KPI can have", param_hint="VALUE")

    async def change(client: Client) -> None:
        found = await kpi_of(client, kpi)
        answer = await client.request(KpiUpdate(kpi_id=found.id, value=value))
        settings.output.say(
            f"{found.name}: {answer.value:g} {found.unit}".rstrip(),
            kpiId=found.id,
            name=found.name,
            value=answer.value,
            sequence=answer.sequence,
        )

    settings.run(change)


@bos.command()
@click.argument("channels", nargs=-1, metavar="[CHANNEL]...")
@click.option("--count", type=click.IntRange(1), help="End after so many events.")
@click.pass_obj
def tail(settings: Settings, channels: Sequence[str], count: int | None) -> None:
    """Show each event as it happens, once and in order. CHANNEL as of `watch`."""
    settings.run(lambda client: watch.tail(client, settings.output, channels, count))


@bos.command()
@click.pass_obj
def sessions(settings: Settings) -> None:
    """List the sessions that run and that you may join."""

    async def look(client: Client) -> None:
        assert client.user is not None, "signed in"
        await client.subscribe(organization_of(client), f"user:{client.user.user_id}")
        rows = [
            {"id": one.id, "title": one.title, "createdAt": one.created_at, "invited": False}
            for one in client.store.sessions.values()
        ]
        rows += [
            {"id": one.session_id, "title": one.title, "createdAt": None, "invited": True}
            for one in client.store.invitations.values()
        ]
        settings.output.table(("title", "id", "createdAt", "invited"), rows)

    settings.run(look)


@bos.command()
@click.argument("session")
@click.argument("text")
@click.option(
    "--at", default="0,0,0", metavar="X,Y,Z", help="Where, in metres; in the middle else."
)
@click.option("--kpi", metavar="NAME", help="Pin it to this KPI, named by its id, key or name.")
@click.option("--reply-to", metavar="ID", help="Of the note that it answers.")
@click.pass_obj
def annotate(
    settings: Settings, session: str, text: str, at: str, kpi: str | None, reply_to: str | None
) -> None:
    """Pin a note in a session, named by its id or title. Joins it for that, if need be."""
    position = _position(at)

    async def note(client: Client) -> None:
        session_id = await session_of(client, session)
        entity = EntityRef(type="kpi", id=(await kpi_of(client, kpi)).id) if kpi else None
        was_there = await _takes_part(client, session_id)
        joined = await client.join_session(session_id)
        try:
            made = await joined.annotate(text, position, entity=entity, parent_id=reply_to)
        finally:
            if not was_there:
                await joined.leave()
        settings.output.say(f"Note {made.annotation_id} by {made.author_name}.", **to_wire(made))

    settings.run(note)


def _position(text: str) -> Position:
    try:
        x, y, z = (float(part) for part in text.split(","))
    except ValueError:
        raise click.BadParameter("it is X,Y,Z, as 1.5,0.8,-2", param_hint="--at") from None
    return Position(x=x, y=y, z=z)


async def _takes_part(client: Client, session_id: str) -> bool:
    """Return whether the user is in the session already, perhaps on another device."""
    assert client.user is not None, "signed in"
    try:
        await client.subscribe(f"session:{session_id}")
    except RequestRefused:
        return False
    mine = (one for one in client.store.participants.values() if one.session_id == session_id)
    return any(one.user_id == client.user.user_id for one in mine)


@bos.command()
@click.argument("session")
@click.option(
    "--speed", type=click.FloatRange(0), help="Times as fast as it was; without: at once."
)
@click.pass_obj
def replay(settings: Settings, session: str, speed: float | None) -> None:
    """Show what is kept of a session, in its order: by its id, also where it has ended.

    The events as long as the server keeps them; from before that, the session and its notes.
    """
    settings.run(lambda client: watch.replay(client, settings.output, session, speed))


@bos.command("load")
@click.option("--seconds", type=click.FloatRange(0.1, load.MOST_SECONDS), default=5.0)
@click.option("--connections", type=click.IntRange(1, load.MOST_CONNECTIONS), default=2)
@click.option("--rate", type=click.FloatRange(0.1, load.MOST_RATE), default=10.0)
@click.option("--kpi", metavar="NAME", help="Set this KPI to its own value, instead of PING.")
@click.option("--host", help="Of the server, where it is not this machine.")
@click.option("--yes-host", help="The same again: a load test disturbs others.")
@click.pass_obj
def load_command(
    settings: Settings,
    seconds: float,
    connections: int,
    rate: float,
    kpi: str | None,
    host: str | None,
    yes_host: str | None,
) -> None:
    """Measure how soon requests are answered: --rate a second on each connection.

    Against this machine; another has to be named twice. A KPI that is set so gets events and
    history.
    """
    if math.isnan(seconds) or math.isnan(rate):
        raise click.BadParameter("it is no number", param_hint="--seconds, --rate")
    address = settings.address
    if not address.is_loopback and not (host == yes_host == address.host):
        hint = f"--host {address.host} --yes-host {address.host}"
        raise click.UsageError(f"{address.host} is not this machine. If you may, add: {hint}")
    run(load.load(settings, seconds=seconds, connections=connections, rate=rate, kpi=kpi))


@bos.command("doctor")
@click.argument("channel", default="organization")
@click.pass_context
def doctor_command(context: click.Context, channel: str) -> None:
    """Say step by step why you see a channel or not."""
    settings: Settings = context.obj
    outcome = run(doctor.examine(settings, channel))
    context.exit(outcome)


def main() -> None:
    """Run the command; the exit code says why it has ended."""
    bos.main(prog_name="bos")
