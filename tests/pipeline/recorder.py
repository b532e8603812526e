"""A display that keeps what it is told."""

from __future__ import annotations

from dataclasses import dataclass, field

from slipline.pipeline.runners.execute import Outcome


@dataclass
class Recorder:
    events: list[str] = field(default_factory=list)

    def step_started(self, step: str) -> None:
        self.events.append(f"{step} started")

    def step_said(self, step: str, line: str) -> None:
        self.events.append(f"{step} said {line}")

    def step_ended(self, outcome: Outcome) -> None:
        self.events.append(f"{outcome.step} {outcome.status.value}")
