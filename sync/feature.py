"""All that an app plugs into the kernel, in one declaration.

Each app has a `realtime` module with one `feature = Feature(...)`. At start-up the kernel collects
them in the order of INSTALLED_APPS, and then it is closed: what a process serves, captures and
shows is what stands in these declarations, and nothing is added by importing a module.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

from django.apps import AppConfig, apps
from django.core.exceptions import ImproperlyConfigured
from django.db.models import Model
from django.utils.module_loading import module_has_submodule

from sync.delivery import access, encodings, feed, hub
from sync.eventlog import capture, processors, querysets, retention
from sync.eventlog.capture import EntitySync
from sync.eventlog.processors import Processor
from sync.eventlog.retention import Keeper
from sync.protocol import caps, errors, registry, rights, topics
from sync.protocol.caps import Cap
from sync.protocol.errors import ProtocolError
from sync.protocol.registry import Handles, Message, Request
from sync.protocol.rights import Reads
from sync.protocol.topics import Snapshot, TopicKind

MODULE = "realtime"


@dataclass(frozen=True, kw_only=True)
class Feature:
    """All that one app adds. Whatever has a name is claimed by one feature alone.

    entities: how its models appear on the wire; they are captured from then on.
    messages: the structs of all its messages, requests and what the server sends.
    errors: what its requests may be refused with, beside the kernel's own. error_ids: names of ids
    in the `details` of errors: `orderId`.
    aliases: other types that clients may send, and the request that each of them means.
    handlers: what `handles` has made of the functions that serve its requests.
    topics: the kinds of topics that it owns; snapshots: what it shows on topics of a kind, its own
    or another feature's, to all who may follow them. reads: rows that the authenticator reads,
    beside those of the topic kinds.
    processors: what a worker does about events, each once and in order.
    on_change: called for all changes of a model's rows, in their transaction.
    on_delivered: called in every serving process, by entity type, after it delivered an event.
    on_ephemeral: called there for what passes without being kept; on_revoked: when a connection has
    lost topics; on_disconnect: when one has ended; on_renewal: with some connections at a time, to
    keep what is leased for them; companions: run there as long as the process.
    caps: how much there may be at once. retention: what deletes what is too old, by what it is.
    keepers: what keeps some events elsewhere when the log forgets them, in that transaction.
    """

    entities: Sequence[EntitySync[Any]] = ()
    messages: Sequence[type[Request] | type[Message]] = ()
    errors: Sequence[type[ProtocolError]] = ()
    error_ids: Sequence[str] = ()
    aliases: Mapping[str, str] = field(default_factory=dict)
    handlers: Sequence[Handles] = ()
    topics: Sequence[TopicKind] = ()
    snapshots: Mapping[str, Snapshot] = field(default_factory=dict)
    reads: Sequence[Reads] = ()
    processors: Sequence[Processor] = ()
    on_change: Mapping[type[Model], capture.Follower] = field(default_factory=dict)
    on_delivered: Mapping[str, feed.Follower] = field(default_factory=dict)
    on_ephemeral: Sequence[hub.Watcher] = ()
    on_revoked: Sequence[access.Revoked] = ()
    on_disconnect: Sequence[hub.Leaver] = ()
    on_renewal: Sequence[hub.Renewer] = ()
    companions: Sequence[hub.Companion] = ()
    caps: Sequence[Cap] = ()
    retention: Mapping[str, Callable[[], int]] = field(default_factory=dict)
    keepers: Sequence[Keeper] = ()

    def claims(self) -> Iterator[str]:
        """Name in words all that no other feature may claim."""
        for entity in self.entities:
            yield f"the entity {entity.entity_type!r}"
            yield f"the model {entity.model._meta.label}"
        for struct in self.messages:
            sender = "request" if issubclass(struct, Request) else "message"
            yield f"the {sender} {registry.name_of(struct)}"
        yield from (f"the error {error.code}" for error in self.errors)
        yield from (f"the id {name!r} in errors" for name in self.error_ids)
        for alias in self.aliases:
            yield f"the request {alias}"
        for handler in self.handlers:
            yield f"the handler of {registry.name_of(handler.struct)}"
        for kind in self.topics:
            yield f"the topic kind {kind.name!r}"
            yield f"the topic column {kind.column}"
        yield from (f"the processor {processor.name!r}" for processor in self.processors)
        yield from (f"the cap {cap.scope!r}" for cap in self.caps)
        yield from (f"the retention of {what!r}" for what in self.retention)

    def requires(self) -> Iterator[tuple[str, bool]]:
        """Name in words all that some feature must claim, and whether one does."""
        for name in self.aliases.values():
            yield f"the request {name}", name in registry.client_messages
        for handler in self.handlers:
            name = registry.name_of(handler.struct)
            known = registry.client_messages.get(name)
            yield f"the request {name}", known is not None and known.struct is handler.struct
        for kind in self.snapshots:
            yield f"the topic kind {kind!r}", kind in topics.kinds()
        for model in self.on_change:
            yield f"the model {model._meta.label}", model in capture.registered()

    def declare(self) -> None:
        """Make known what the other features may build on."""
        for struct in self.messages:
            registry.add_message(struct)
        for kind in self.topics:
            topics.add_kind(kind)
        for entity in self.entities:
            capture.add_entity(entity)
            if entity.mirrored:
                encodings.add_mirrored(entity.entity_type)

    def plug(self) -> None:
        """Plug in the rest, once all features are declared."""
        registry.ALIASES.update(self.aliases)
        for error in self.errors:
            errors.add_error(error)
        errors.declared_ids.update(self.error_ids)
        for handler in self.handlers:
            registry.add_handler(handler)
        for kind, snapshot in self.snapshots.items():
            topics.add_snapshot(kind, snapshot)
        rights.add_reads(*self.reads)
        for model, follower in self.on_change.items():
            capture.add_follower(model, follower)
        self._plug_into_delivery()
        for processor in self.processors:
            processors.add_processor(processor)
        for cap in self.caps:
            caps.add_cap(cap)
        for what, prune in self.retention.items():
            retention.add_task(what, prune)
        for keep in self.keepers:
            retention.add_keeper(keep)

    def _plug_into_delivery(self) -> None:
        for entity_type, follower in self.on_delivered.items():
            feed.add_follower(entity_type, follower)
        for watcher in self.on_ephemeral:
            hub.add_watcher(watcher)
        for revoked in self.on_revoked:
            access.add_watcher(revoked)
        for leaver in self.on_disconnect:
            hub.add_leaver(leaver)
        for renewer in self.on_renewal:
            hub.add_renewer(renewer)
        for companion in self.companions:
            hub.add_companion(companion)


class Features:
    """The features of this process, by app label; closed once they are plugged in."""

    def __init__(self) -> None:
        self._features: dict[str, Feature] = {}
        self._claimed: dict[str, str] = {}
        self._closed = False

    def register(self, app: str, feature: Feature) -> None:
        """Raises ImproperlyConfigured where another feature has claimed one of its names, a model
        cannot be captured whole, or the process has started."""
        if self._closed:
            raise ImproperlyConfigured(
                f"{app}: features are registered at start-up, from each app's {MODULE} module."
            )
        for claim in feature.claims():
            if claim in self._claimed:
                by = self._claimed[claim]
                raise ImproperlyConfigured(f"{app} claims {claim}, which is claimed by {by}.")
            self._claimed[claim] = app
        for entity in feature.entities:
            require_captured_whole(entity.model)
        self._features[app] = feature

    def plug_in(self) -> None:
        """Plug all of them in, and register no more."""
        self._closed = True
        for feature in self._features.values():
            feature.declare()
        for app, feature in self._features.items():
            for what, there in feature.requires():
                if not there:
                    raise ImproperlyConfigured(f"{app} needs {what}, which no feature has listed.")
            feature.plug()

    def all(self) -> dict[str, Feature]:
        return dict(self._features)


def require_captured_whole(model: type[Model]) -> None:
    """Raises ImproperlyConfigured where some of the model's changes would have no event."""
    label = model._meta.label
    if not issubclass(model, querysets.SyncedModel):
        raise ImproperlyConfigured(
            f"{label} is no SyncedModel: a row could be committed before its event. Derive it from"
            " sync.eventlog.querysets.SyncedModel."
        )
    kin = {
        *model._meta.parents,
        *(m for m in model._meta.apps.get_models() if issubclass(m, model)),
    } - {model}
    if model._meta.proxy or kin:
        names = ", ".join(sorted(other._meta.label for other in kin))
        raise ImproperlyConfigured(
            f"{label} shares its rows with {names}: what is changed there has no event. Let them"
            " inherit from an abstract model instead."
        )
    for manager in (*model._meta.managers, model._base_manager):
        if not isinstance(manager.get_queryset(), querysets.SyncedQuerySet):
            raise ImproperlyConfigured(
                f"{label}: update() and bulk_create() through {manager.name} would have no event."
                " Give it `objects = SyncedQuerySet.as_manager()`, or a manager made of a subclass,"
                ' and `base_manager_name = "objects"` in its Meta.'
            )


features = Features()


def collect() -> None:
    """Register the `feature` of each app that has a `realtime` module, and plug them in."""
    for config in apps.get_app_configs():
        if config.module is not None and module_has_submodule(config.module, MODULE):
            features.register(config.label, _feature_of(config))
    features.plug_in()


def _feature_of(config: AppConfig) -> Feature:
    module = import_module(f"{config.name}.{MODULE}")
    found = getattr(module, "feature", None)
    if not isinstance(found, Feature):
        raise ImproperlyConfigured(f"{module.__name__} has no `feature = Feature(...)`.")
    return found
