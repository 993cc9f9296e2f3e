"""Runs on disk: a manifest that says what was asked and resolved, and one JSON line an episode."""

from fdp_bench.records.equality import compare_records
from fdp_bench.records.manifest import Manifest
from fdp_bench.records.store import RunStore

__all__ = ["Manifest", "RunStore", "compare_records"]
