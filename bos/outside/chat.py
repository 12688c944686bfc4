"""Rooms of chats and the like, by apprise: an address says which service, and holds its tokens.

Apprise sends by itself, not by `bos.outbound.http`. So it may only be asked to send where no part
of the address decides about the host: to services on hosts of their own. Its options, after `?`,
read files, leave certificates unlooked at, or wait for long: only those that are listed are taken.
"""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from django.conf import settings
from django.utils.module_loading import import_string

from bos.models import OutsideChannel
from bos.outside.outcomes import Away, Refused
from bos.outside.writing import Words, link
from bos.sealed import CannotOpen, unseal
from bos.texts import cut

ADDRESS_LENGTH = 1_000
SECONDS = 10.0
TITLE_LENGTH, LINES = 200, 20


@dataclass(frozen=True, slots=True)
class Service:
    """plugin: apprise's class for it. example: an address; in capitals, what stands for a token or
    a name."""

    name: str
    plugin: str
    example: str


PUBLIC: dict[str, Service] = {
    "slack": Service("Slack", "slack.NotifySlack", "slack://TOKEN_A/TOKEN_B/TOKEN_C"),
    "discord": Service("Discord", "discord.NotifyDiscord", "discord://WEBHOOK_ID/TOKEN"),
    "gchat": Service("Google Chat", "google_chat.NotifyGoogleChat", "gchat://WORKSPACE/KEY/TOKEN"),
    "webex": Service("Webex", "webexteams.NotifyWebexTeams", "webex://TOKEN"),
    "tgram": Service("Telegram", "telegram.NotifyTelegram", "tgram://BOT_TOKEN/CHAT_ID"),
    "pover": Service("Pushover", "pushover.NotifyPushover", "pover://USER_KEY@TOKEN"),
    "pbul": Service("Pushbullet", "pushbullet.NotifyPushBullet", "pbul://TOKEN"),
    "pagerduty": Service(
        "PagerDuty", "pagerduty.NotifyPagerDuty", "pagerduty://INTEGRATION_KEY@API_KEY"
    ),
    "opsgenie": Service("Opsgenie", "opsgenie.NotifyOpsgenie", "opsgenie://API_KEY"),
}
"""Services that apprise calls on hosts which are written in its code; all by HTTPS."""
INSIDE: dict[str, Service] = {
    "json": Service("JSON", "custom_json.NotifyJSON", "json://HOST/PATH"),
    "ntfy": Service("ntfy", "ntfy.NotifyNtfy", "ntfy://HOST/TOPIC"),
    "gotify": Service("Gotify", "gotify.NotifyGotify", "gotify://HOST/TOKEN"),
    "mmost": Service("Mattermost", "mattermost.NotifyMattermost", "mmost://HOST/TOKEN"),
    "rocket": Service("Rocket.Chat", "rocketchat.NotifyRocketChat", "rocket://TOKEN/TOKEN@HOST"),
    "matrix": Service("Matrix", "matrix.NotifyMatrix", "matrix://USER:PASSWORD@HOST/#ROOM"),
}
"""Services on a host that the address names: with `BOS_OUTBOUND_INSIDE` alone. With an `s` behind
its name each is called by HTTPS."""
OPTIONS = frozenset({"key", "token", "thread", "threadkey", "topic", "region", "priority"})
"""Parts of addresses as the services give them, and which of several things is meant."""


class AddressRefused(ValueError):
    """The address is none that may be sent to; its text says why."""


def allowed() -> dict[str, Service]:
    """Return the services that may be sent to, by how their addresses begin."""
    if not settings.OUTBOUND_INSIDE:
        return PUBLIC
    return PUBLIC | INSIDE | {f"{begin}s": service for begin, service in INSIDE.items()}


def parsed(address: str) -> tuple[Service, Any]:
    """Return an address' service, and what its plugin makes of it. Raises AddressRefused.

    An address as the service itself gives it (`https://hooks.slack.com/...`) is one, too.
    """
    if len(address) > ADDRESS_LENGTH or not address.isprintable():
        raise AddressRefused("This is no address of a service.")
    try:
        parts = urlsplit(address)
        options = {name.lower() for name, _ in parse_qsl(parts.query, keep_blank_values=True)}
    except ValueError as error:
        raise AddressRefused("This is no address of a service.") from error
    if parts.scheme != "https" and parts.scheme not in allowed():
        raise AddressRefused(_which())
    if strange := sorted(options - OPTIONS):
        raise AddressRefused(f"The option “{cut(strange[0], 40)}” is not taken here.")
    if parts.scheme == "https":
        return _native(address)
    service = allowed()[parts.scheme]
    made = _plugin(service).parse_url(address.replace("/#", "/%23"))  # as apprise does
    if not made:
        raise AddressRefused("Something is missing in this address, or is too much.")
    return service, made


def _native(address: str) -> tuple[Service, Any]:
    for service in PUBLIC.values():
        made = _plugin(service).parse_native_url(address)
        if made:
            return service, made
    raise AddressRefused(_which())


def _plugin(service: Service) -> Any:
    """Return apprise's class. It is imported by itself: all of them take seconds, and do more than
    is wanted here."""
    return import_string(f"apprise.plugins.{service.plugin}")


def _which() -> str:
    names = ", ".join(dict.fromkeys(service.name for service in allowed().values()))
    return f"Messages can be sent to {names}, by addresses as the help below shows them."


def service_of(address: str) -> str:
    """Return the name of the service that an address leads to. Raises AddressRefused."""
    service, made = parsed(address)
    _instance(service, made)
    return service.name


def _instance(service: Service, made: Any) -> Any:
    """Raises AddressRefused where a token cannot be one."""
    from apprise import AppriseAsset

    asset = AppriseAsset(secure_logging=True, http_redirects=False)
    try:
        sender = _plugin(service)(**{**made, "verify": True, "redirect": False, "asset": asset})
    except Exception as error:  # of a plugin, whichever
        problem = "Something in this address cannot be right: look at the tokens."
        raise AddressRefused(problem) from error
    sender.socket_connect_timeout = sender.socket_read_timeout = SECONDS
    return sender


# ------------------------------------------------------------------ sending

_KINDS = {"critical": "failure", "warning": "warning"}


def send(channel: OutsideChannel, words: Words) -> None:
    """Raises Refused, Away."""
    from apprise import NotifyFormat, NotifyType

    try:
        sender = _instance(*parsed(unseal(channel.address)))
    except CannotOpen as error:
        raise Refused("Its address was sealed with another SECRET_KEY: enter it again.") from error
    except AddressRefused as error:
        raise Refused(f"Its address is not allowed any more: {error}") from error
    is_good = all(letter.is_good for letter in words.letters)
    kind = "success" if is_good else _KINDS.get(words.severity, "info")
    with _Status() as status:
        taken = sender.notify(
            title=_harmless(cut(words.subject, TITLE_LENGTH)),
            body=_body(words),
            notify_type=NotifyType(kind),
            body_format=NotifyFormat.TEXT,
        )
    if not taken:
        raise Away(f"{channel.service} {status.words()}")


def _body(words: Words) -> str:
    if len(words.letters) == 1 and not words.more:
        [letter] = words.letters
        lines = [_harmless(letter.text)] if letter.text else []
        return "\n".join([*lines, link(letter.path)])
    lines = [_harmless(cut(letter.title, TITLE_LENGTH)) for letter in words.letters[:LINES]]
    more = words.more + len(words.letters) - len(lines)
    return "\n".join([*lines, *([f"and {more} more"] if more else []), link("/")])


def _harmless(text: str) -> str:
    """Return the text so that a name in it calls nobody: `@everyone`, `<!channel>`."""
    return text.replace("@", "@\u200b").replace("<", "<\u200b")


class _Status(logging.Handler):
    """Reads the status of HTTP out of what apprise logs; its words may hold tokens, and go nowhere
    (`LOGGING` in the settings)."""

    _error = re.compile(r"\berror=(\d{3})\b")

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self._status = ""

    def __enter__(self) -> _Status:
        logging.getLogger("apprise").addHandler(self)
        return self

    def __exit__(self, *error: object) -> None:
        logging.getLogger("apprise").removeHandler(self)

    def emit(self, record: logging.LogRecord) -> None:
        found = self._error.search(record.getMessage())
        if found is not None:
            self._status = found[1]

    def words(self) -> str:
        if self._status:
            return f"answers with the status {self._status}."
        return "cannot be reached, or does not answer."
