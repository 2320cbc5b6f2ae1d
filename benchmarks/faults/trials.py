"""What a campaign has tried: one line of JSON per trial, so that a campaign that was stopped goes on."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True)
class Trial:
    """One fault that was tried; ``violation`` says what it broke, and is empty where nothing broke."""

    kind: str
    name: str
    violation: str = ""


class Trials:
    """All trials so far, kept in ``file``."""

    def __init__(self, file: Path) -> None:
        self.file = file
        lines = file.read_text().splitlines() if file.exists() else []
        self.done = {(trial.kind, trial.name): trial for trial in (Trial(**json.loads(line)) for line in lines)}

    def add(self, trial: Trial) -> None:
        """Keep a trial; a violation is printed at once."""
        self.done[trial.kind, trial.name] = trial
        with self.file.open("a") as stream:
            stream.write(json.dumps(asdict(trial)) + "\n")
        if trial.violation:
            print(f"VIOLATED {trial.kind}: {trial.name}: {trial.violation}", flush=True)

    def attempt(self, kind: str, name: str, judge: Callable[[], str]) -> None:
        """Try ``name`` unless it was tried; ``judge`` returns the violation, or nothing."""
        if (kind, name) not in self.done:
            self.add(Trial(kind, name, judge()))

    def table(self) -> Iterator[str]:
        """Tried, survived and violated by kind, as Markdown."""
        yield "| fault | tried | survived | violated |"
        yield "|---|---:|---:|---:|"
        for kind in dict.fromkeys(kind for kind, _ in self.done):
            of_kind = [trial for trial in self.done.values() if trial.kind == kind]
            n_violated = sum(bool(trial.violation) for trial in of_kind)
            yield f"| {kind} | {len(of_kind)} | {len(of_kind) - n_violated} | {n_violated} |"

    @property
    def n_violated(self) -> int:
        return sum(bool(trial.violation) for trial in self.done.values())
