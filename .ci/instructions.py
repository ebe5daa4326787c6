"""Compares instruction counts with the committed ones.

    instructions.py SUMMARIES COMMITTED [--write]

SUMMARIES has one JSON summary of Gungraun per line. COMMITTED maps the name of each benchmark to its instructions.
"""

import json
import sys
from pathlib import Path

LIMIT_PERCENT = 3.0


def counts(summaries):
    """The instructions of each benchmark, by name."""
    return dict(count(json.loads(line)) for line in summaries.splitlines() if line.startswith("{"))


def count(summary):
    name = f"{summary['function_name']}::{summary['id']}"
    return name, instructions(summary)


def instructions(node):
    """The first value of the event `Ir`, wherever this version of the summary has it."""
    if isinstance(node, dict):
        if "Ir" in node:
            return first_number(node["Ir"])
        node = list(node.values())
    if isinstance(node, list):
        return next((found for found in map(instructions, node) if found is not None), None)
    return None


def first_number(node):
    if isinstance(node, dict):
        node = list(node.values())
    if isinstance(node, list):
        return next((found for found in map(first_number, node) if found is not None), None)
    return int(node) if isinstance(node, (int, float)) else None


def main(summaries, committed, *options):
    new = counts(Path(summaries).read_text())
    if "--write" in options:
        Path(committed).write_text(json.dumps(new, indent=2) + "\n")
        print(f"{committed} has the new counts")
        return 0
    old = json.loads(Path(committed).read_text())
    if new.keys() != old.keys():
        print(f"{committed} has other benchmarks than the run: {sorted(new.keys() ^ old.keys())}")
        return 1
    worse = 0
    for name, now in new.items():
        percent = 100 * (now / old[name] - 1)
        verdict = f"more than {LIMIT_PERCENT} % above" if percent > LIMIT_PERCENT else ""
        worse += percent > LIMIT_PERCENT
        print(f"{name:<32}{now:>14,} instructions {percent:>+7.2f} % {verdict}")
    return 1 if worse else 0


sys.exit(main(*sys.argv[1:]))
