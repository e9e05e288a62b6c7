"""`python -m benchmarks [part …]`: measure the budgets, show them beside the bounds, and write them as JSON.

Ends with exit code 1 if a budget is not kept. Numbers are worth something on a machine that does nothing else.
"""

import argparse
import sys
from importlib import import_module
from pathlib import Path

from rich.console import Console

PARTS = ("startup", "oracle", "pools", "latency", "looking", "writes", "memory", "importing")


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
    return 0 if finding.report(findings, data, asked.json) else 1


if __name__ == "__main__":
    sys.exit(main())
