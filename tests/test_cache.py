"""What is kept on disk changes nothing but time: what is restored is what was worked out, and damage or a full disk goes unnoticed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from balloonproof.checker import cache, check, jit, known_systems, transitions
from balloonproof.checker.automaton import Automaton
from balloonproof.grammar import loading
from balloonproof.model.one_page import OnePage
from balloonproof.model.stored import restore, stored
from balloonproof.model.systems import SYSTEMS, find_system


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(cache.VARIABLE, str(tmp_path / "kept"))
    known_systems.one_page_of.cache_clear()
    monkeypatch.setattr(transitions, "_shared", {})
    return tmp_path / "kept"


def entries(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*.json"))


def assert_same(one: OnePage, other: OnePage) -> None:
    """Terms are one object if they are equal, so steps can be compared by their parts."""

    def parts(system: OnePage) -> list[object]:
        return [
            (s.action.name, s.role, id(s.guard), *((k, id(t)) for k, t in s.updates.items()), *((k, id(t)) for k, t in s.inputs.items()))
            for s in system.steps
        ]  # fmt: skip

    assert parts(one) == parts(other)
    assert one.variables == other.variables
    assert one.unnoticed == other.unnoticed


@pytest.mark.parametrize("name", [system.name for system in SYSTEMS])
def test_a_system_is_restored_as_it_was(name: str) -> None:
    configuration = find_system(name).configure()
    original, copy = OnePage(configuration), OnePage(configuration)
    restore(copy, json.loads(json.dumps(stored(original))))
    assert_same(original, copy)


def test_the_second_run_finds_what_the_first_kept(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    configuration = find_system("precopy").configure()
    first = known_systems.one_page_of(configuration)
    assert len(entries(folder)) == 1
    known_systems.one_page_of.cache_clear()
    monkeypatch.setattr(known_systems, "stored", lambda one_page: pytest.fail("worked out again"))
    assert_same(known_systems.one_page_of(configuration), first)


@pytest.mark.parametrize("damage", [b"", b"\xff\xfe", b"0000\n{}", b"{", None])
def test_damage_is_repaired(folder: Path, damage: bytes | None) -> None:
    configuration = find_system("precopy").configure()
    first = known_systems.one_page_of(configuration)
    (entry,) = entries(folder)
    whole = entry.read_bytes()
    entry.write_bytes(whole.replace(b"false", b"true", 1)[:-1] if damage is None else damage)
    known_systems.one_page_of.cache_clear()
    assert_same(known_systems.one_page_of(configuration), first)
    assert entry.read_bytes() == whole


def test_an_entry_of_something_else_is_replaced(folder: Path) -> None:
    configuration = find_system("precopy").configure()
    known_systems.one_page_of(configuration)
    (entry,) = entries(folder)
    cache.save(entry.stem, {"terms": [["var", "no such sort", [], -1, "x"]]})
    known_systems.one_page_of.cache_clear()
    assert_same(known_systems.one_page_of(configuration), OnePage(configuration))


def test_a_place_that_cannot_be_written_is_no_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv(cache.VARIABLE, str(tmp_path / "file" / "below"))
    cache.save("x", [1])
    assert cache.load("x") is None


def test_it_can_be_turned_off(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(cache.VARIABLE, "off")
    known_systems.one_page_of(find_system("precopy").configure())
    assert cache.folder() is None
    assert not folder.exists()


def test_old_entries_of_one_kind_are_dropped(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "_MOST_ALIKE", 3)
    cache.save("other-kind-0", [1])
    for number in range(5):
        cache.save(f"kind-{number}", [number])
        os.utime(next(folder.rglob(f"kind-{number}.json")), (number, number))
    assert [path.stem for path in entries(folder)] == ["kind-2", "kind-3", "kind-4", "other-kind-0"]


def test_old_versions_are_dropped_and_nothing_else(folder: Path) -> None:
    for number in range(9):
        (folder / f"version-{number}").mkdir(parents=True)
    (folder / "mine").mkdir()
    cache.save("x", [1])
    assert cache.load("x") == [1]
    assert len(list(folder.glob("version-*"))) < 9
    assert (folder / "mine").exists()


@pytest.mark.parametrize("name", ["trace", "qemu_log", "ftrace", "qmp_log"])
def test_the_expressions_of_a_grammar_are_kept_as_they_are(name: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = loading.load(name).expressions()
    cache.save(f"expressions-{name}", {"lines": {}})  # of some other program
    assert loading._expressions(name) == first
    monkeypatch.setattr(loading, "load", lambda name: pytest.fail("worked out again"))
    again = loading._expressions(name)
    assert (again, list(again.lines), list(again.labelled)) == (first, list(first.lines), list(first.labelled))


def test_a_check_of_a_short_trace_does_not_wait_for_what_it_does_not_need() -> None:
    trace = Path(__file__).parent.parent / "traces" / "hand" / "lost_write.reject.trace"
    unneeded = {"lark", "numba", "z3", "multiprocessing"}
    code = f"import sys; from balloonproof.checker import check; check({str(trace)!r}); print(sorted({unneeded} & set(sys.modules)))"
    runs = [subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() for _ in range(2)]
    assert runs == ["['lark']", "[]"]


HAND = Path(__file__).parent.parent / "traces" / "hand"


def test_what_events_make_of_sets_is_worked_out_once(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = check(HAND / "precopy.accept.trace")
    transitions._shared.clear()
    monkeypatch.setattr(Automaton, "closure", lambda *_: pytest.fail("worked out again"))
    again = check(HAND / "precopy.accept.trace")
    again.seconds = first.seconds
    assert again == first


@pytest.mark.parametrize("name", ["lost_write", "stale_start", "final-sync"])
def test_a_reject_is_explained_alike_by_sets_that_were_kept(name: str, folder: Path) -> None:
    first = check(HAND / f"{name}.reject.trace")
    assert list(folder.rglob("transitions-*.json"))
    transitions._shared.clear()
    again = check(HAND / f"{name}.reject.trace")
    again.seconds = first.seconds
    assert again == first


def test_sets_are_restored_as_they_were() -> None:
    known = transitions.Transitions()
    states = [np.array(part, dtype=np.int64) for part in ([], [0], [1, 2, 1 << 62], [-5, 7])]
    for number, one in enumerate(states):
        known.after(one, ("write", "own", bool(number % 2)), lambda number=number: states[(number + 1) % 4])  # type: ignore[misc]
    copy = transitions.Transitions.restored(json.loads(json.dumps(known.stored())))
    assert [one.tolist() for one in copy.sets] == [one.tolist() for one in known.sets]
    assert (copy.successors, copy.numbers, copy.kept) == (known.successors, known.numbers, 4)


@pytest.mark.parametrize(
    "data", [None, [], {}, {"sizes": [1], "states": "x", "successors": []}, {"sizes": [0], "states": "", "successors": [[0, "", "", True, 9]]}]
)
def test_sets_of_something_else_are_worked_out_again(data: object, folder: Path) -> None:
    first = check(HAND / "precopy.accept.trace")
    (entry,) = folder.rglob("transitions-*.json")
    whole = entry.read_text()
    cache.save(entry.stem, data)
    transitions._shared.clear()
    again = check(HAND / "precopy.accept.trace")
    again.seconds = first.seconds
    assert again == first
    assert entry.read_text() == whole


def test_what_is_held_in_memory_has_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    first = check(HAND / "precopy.accept.trace")
    assert transitions._shared
    monkeypatch.setattr(transitions, "_MOST_SHARED", 0)
    again = check(HAND / "precopy.accept.trace")
    again.seconds = first.seconds
    assert again == first
    assert not transitions._shared


def twice(number: int) -> int:
    return number + number


def compiled_anew(number: float) -> float:
    """As another process would: what is compiled for an object stays with it."""
    found: float = jit.compiled(twice)(number)  # type: ignore[arg-type]
    return found


def test_machine_code_is_compiled_once(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("numba")
    assert (compiled_anew(4), compiled_anew(0.5)) == (8, 1.0)
    assert len(entries(folder)) == 2, "one for each type of its argument"
    monkeypatch.setattr(cache, "save", lambda name, data: pytest.fail("compiled again"))
    assert (compiled_anew(4), compiled_anew(0.5)) == (8, 1.0)


@pytest.mark.parametrize("damage", [b"", b"\xff\xfe", b"0000\nAA", None])
def test_machine_code_that_is_damaged_is_compiled_again(folder: Path, damage: bytes | None) -> None:
    """numba's own cache raises whatever reading it comes to: EOFError, even."""
    pytest.importorskip("numba")
    compiled_anew(4)
    (entry,) = entries(folder)
    if damage is None:
        cache.save(entry.stem, "AAAA")
    else:
        entry.write_bytes(damage)
    assert compiled_anew(4) == 8
    assert len(cache.load(entry.stem)) > 4


def test_machine_code_that_cannot_be_kept_is_used_all_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("numba")
    (tmp_path / "file").write_text("")
    monkeypatch.setenv(cache.VARIABLE, str(tmp_path / "file" / "below"))
    assert compiled_anew(4) == 8
