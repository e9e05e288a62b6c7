"""`python -m benchmarks [part …]`: measure the budgets, show them beside the bounds, and write them as JSON.

Ends with exit code 1 if a budget is not kept. Numbers are worth something on a machine that does nothing else.
"""

import argparse
import json
import os
import platform
import sys
from importlib import import_module
from pathlib import Path

from rich.console import Console

PARTS = ("startup", "oracle", "latency", "writes", "memory")


def main() -> int:
    """Run the parts that were asked for."""
    # Imported here because the client processes of `writes` import this module too.
    from app import datasets
    from app.settings import Settings
    from benchmarks import finding

    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Measure the budgets.")
    parser.add_argument("part", nargs="*", help=f"any of {', '.join(PARTS)}; all if left out")
    parser.add_argument("--json", type=Path, default=Path(__file__).with_name("results.json"), help="where to write")
    asked = parser.parse_args()
    unknown = set(asked.part) - set(PARTS)
    if unknown:
        parser.error(f"there is no part {unknown.pop()}; choose from {', '.join(PARTS)}")
    notes = Console(stderr=True)
    data = datasets.load(Settings())
    notes.print(f"Data: {data.description}")
    findings = []
    for part in (name for name in PARTS if not asked.part or name in asked.part):
        findings += import_module(f"benchmarks.{part}").measure(data, notes)
    screen = Console()
    screen.print(finding.as_table(findings))
    screen.print(f"Measured on {data.description}, {os.cpu_count()} processors, Python {platform.python_version()}.")
    result = {"data": data.name, "processors": os.cpu_count(), "findings": finding.as_json(findings)}
    asked.json.write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return 1 if any(found.is_within is False for found in findings) else 0


if __name__ == "__main__":
    sys.exit(main())
