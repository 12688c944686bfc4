"""Read the numbers of a server at /metrics."""

from __future__ import annotations

from dataclasses import dataclass

from prometheus_client.parser import text_string_to_metric_families

from tests.support.http import fetch
from tests.support.server import METRICS_TOKEN, Server

BEARER = {"Authorization": f"Bearer {METRICS_TOKEN}"}


@dataclass(frozen=True, slots=True)
class Numbers:
    """One scrape."""

    samples: dict[tuple[str, frozenset[tuple[str, str]]], float]

    def of(self, name: str, **labels: str) -> float:
        """The sum of the samples of this name with these labels, whatever others they have."""
        wanted = set(labels.items())
        return sum(n for (found, has), n in self.samples.items() if found == name and wanted <= has)

    def has(self, name: str) -> bool:
        return any(found == name for found, _ in self.samples)


async def scrape(server: Server) -> Numbers:
    answer = await fetch(server, "/metrics", headers=BEARER)
    assert answer.status == 200, answer
    samples: dict[tuple[str, frozenset[tuple[str, str]]], float] = {}
    for family in text_string_to_metric_families(answer.body.decode()):
        for sample in family.samples:
            at = (sample.name, frozenset(sample.labels.items()))
            assert at not in samples, f"{at} stands there twice"
            samples[at] = sample.value
    return Numbers(samples)
