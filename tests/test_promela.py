"""The Promela model of the benchmark is the same protocol: SPIN reaches as many states as the explicit model of the same bounds has."""

from __future__ import annotations

import importlib.util
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType

import pytest
from strategies import levels

from balloonproof.model.explicit import Explicit, Shape
from balloonproof.model.systems import find_system

PER_ROUND = {"dirty-log": "get-and-clear", "command-id-buffer": "per-round"}


def benchmark() -> ModuleType:
    spec = importlib.util.spec_from_file_location("spin", Path(__file__).parent.parent / "benchmarks" / "spin.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.mark.skipif(not (shutil.which("spin") and shutil.which("gcc")), reason="needs SPIN and gcc: apt-get install spin gcc")
@pytest.mark.parametrize(("settings", "pages"), [({"release-waits-for-ack": "yes"}, 1), (PER_ROUND, 1)], ids=str)
def test_spin_reaches_as_many_states(settings: Mapping[str, str], pages: int) -> None:
    found = benchmark().spin(pages, settings, slots=2, ids=4)
    explicit = Explicit(find_system("hinting").configure(settings), Shape((0,) * pages, slots=2, ids=4))
    assert found.verdict == "proved"
    assert found.states == 1 + sum(map(len, levels(explicit)))  # SPIN counts the state before its processes were started


def test_what_the_verifier_prints_is_understood() -> None:
    verdict_of = benchmark().verdict_of
    assert verdict_of("pan:1: assertion violated 0 (at depth 47)\n errors: 1") == "refuted"
    assert verdict_of("State-vector 84 byte, depth reached 235, errors: 0") == "proved"
    assert verdict_of("error: max search depth too small\n errors: 0").startswith("not ended: error: max search depth")
    assert verdict_of("pan: reached -DMEMLIM bound") == "not ended in 4 GiB"
    assert verdict_of("").startswith("not ended")


def test_every_setting_of_the_benchmark_exists() -> None:
    module = benchmark()
    for settings in (*module.TIMED, *module.COMPARED):
        find_system("hinting").configure(settings)
        assert set(settings.items()) <= set(module.MACROS)
