"""What a part of the benchmarks found: numbers, some with a budget."""

import json
import os
import platform
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from app.datasets import DataSet


@dataclass(frozen=True, slots=True)
class Finding:
    """One measured value. `budget` bounds it from above, or from below with `is_minimum`; None: for information."""

    part: str
    what: str
    value: float
    unit: str
    budget: float | None = None
    is_minimum: bool = False

    @property
    def is_within(self) -> bool | None:
        """Whether the budget is kept; None without one."""
        if self.budget is None:
            return None
        return self.value >= self.budget if self.is_minimum else self.value <= self.budget


def quantile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least `share` of the values do not exceed."""
    ordered = sorted(values)
    return ordered[max(0, -int(-share * len(ordered) // 1) - 1)]


def spread(part: str, what: str, seconds: Sequence[float], budgets: dict[float, float]) -> list[Finding]:
    """Median, p95, p99 and maximum in milliseconds; `budgets` maps a share to its bound."""
    shares = {0.5: "p50", 0.95: "p95", 0.99: "p99", 1.0: "max"}
    return [
        Finding(part, f"{what}, {name}", quantile(seconds, share) * 1000, "ms", budgets.get(share))
        for share, name in shares.items()
    ]


def as_json(findings: Sequence[Finding]) -> list[dict[str, Any]]:
    """One object a finding."""
    names = ("part", "what", "value", "unit", "budget", "is_minimum", "is_within")
    return [{name: getattr(finding, name) for name in names} for finding in findings]


def as_table(findings: Sequence[Finding]) -> Table:
    """Measured value beside its budget."""
    shown = Table(title="Budgets")
    for column in ("part", "what", "measured", "budget", "within"):
        shown.add_column(column, justify="right" if column in ("measured", "budget") else "left")
    verdicts = {None: "", True: "[green]yes[/]", False: "[bold red]no[/]"}
    last_part = None
    for finding in findings:
        if last_part not in (None, finding.part):
            shown.add_section()
        sign = "≥" if finding.is_minimum else "≤"
        budget = "" if finding.budget is None else f"{sign} {finding.budget:,g} {finding.unit}".strip()
        shown.add_row(
            finding.part if finding.part != last_part else "",
            finding.what,
            f"{finding.value:,.2f} {finding.unit}".strip(),
            budget,
            verdicts[finding.is_within],
        )
        last_part = finding.part
    return shown


def report(findings: Sequence[Finding], data: DataSet, file: Path) -> bool:
    """Show the table, write the JSON; whether every budget is kept."""
    screen = Console()
    screen.print(as_table(findings))
    screen.print(f"Measured on {data.description}, {os.cpu_count()} processors, Python {platform.python_version()}.")
    result = {"data": data.name, "processors": os.cpu_count(), "findings": as_json(findings)}
    file.write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return all(found.is_within is not False for found in findings)
