"""A proof or a counterexample as text, readable by someone who knows QEMU and has not read this project's code."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping

from balloonproof.model.engines.bounded import Run, RunStep
from balloonproof.model.engines.result import Counterexample, ProofResult
from balloonproof.model.explicit import DONE_ID, STOP_ID, Explicit
from balloonproof.model.language import Actor
from balloonproof.model.terms import show_value

FIRST_QEMU_ID = 0x80000000
"""VIRTIO_BALLOON_FREE_PAGE_HINT_CMD_ID_MIN: ids count up from here."""


def proof_lines(result: ProofResult, width: int = 110, verbose: bool = False) -> Iterator[str]:
    """The lines to print for one configuration."""
    name = str(result.configuration)
    if result.verdict == "proved":
        yield f"{name}: proved, for any number of pages, rounds, migrations and queued messages  ({result.seconds:.1f} s)"
        yield from _evidence(result, verbose)
    elif result.verdict == "refuted":
        yield f"{name}: refuted  ({result.seconds:.1f} s, {result.states:,} states searched)"
        for counterexample in result.counterexamples:
            yield ""
            yield from counterexample_lines(counterexample, width, verbose)
    else:
        yield f"{name}: undecided  ({result.seconds:.1f} s)"
    for reason in result.reasons:
        yield f"  {reason}"


def _evidence(result: ProofResult, verbose: bool) -> Iterator[str]:
    assert result.invariant is not None
    lemmas = result.invariant.lemmas
    yield f"  search      {result.states:,} states that one page can be in, {result.depth} steps deep; no bad one among them"
    own = len(result.obligations) - result.premise_checks
    yield f"  invariant   {len(lemmas)} lemmas, inductive: {own} obligations, shown by Z3, each confirmed by {result.rechecked_by}"
    yield f"  premise     one page and a summarised queue stand for any number: {result.premise_checks} claims, confirmed likewise"
    for witness in result.witnesses:
        yield f"  witness     {witness.name}: shown in {len(witness.run) if witness.run else 0} steps"
    actions = len(result.configuration.system.actions) - len(result.impossible_actions)
    yield f"  witness     {actions} actions: each can happen"
    for item in result.progress:
        yield f"  progress    {item}"
    if result.impossible_actions:
        yield f"  never       with these settings these steps cannot happen: {', '.join(result.impossible_actions)}"
    if verbose:
        yield from (f"  lemma       {lemma}" for lemma in lemmas)


def counterexample_lines(counterexample: Counterexample, width: int = 110, verbose: bool = False) -> Iterator[str]:
    """A run with one lane per actor, what each step changed, and what the steps stand for."""
    run = counterexample.run
    meaning = next(item.meaning for item in run.explicit.configuration.system.properties if item.name == counterexample.property)
    yield f"  {counterexample.property} is violated.  {meaning}"
    shortest = (
        "no shorter run exists on any number of pages"
        if len(run) == counterexample.abstract_length
        else f"no run has fewer than {counterexample.abstract_length} steps on any number of pages"
    )
    pages = run.explicit.shape.pages
    yield f"  {len(run)} steps on {pages} page{'s' if pages > 1 else ''}; {shortest}."
    yield ""
    yield from lane_lines(run, width)
    yield ""
    yield f"  At the end, page 0: {final_state(run)}"
    yield ""
    yield "  What the steps stand for:"
    for action in dict.fromkeys(item.step.action for item in run.steps):
        text = action.meaning if verbose else action.meaning.split("\n\n")[0]
        yield from textwrap.wrap(f"{action.name}: {' '.join(text.split())}  [{action.source}]", width, initial_indent="    ", subsequent_indent="        ")


def lane_lines(run: Run, width: int = 110) -> Iterator[str]:
    """One line per step, a lane per actor."""
    actors = [actor for actor in Actor if any(item.step.action.actor is actor for item in run.steps)]
    for number, actor in enumerate(actors):
        yield "       " + "│  " * number + actor.value
    names = [item.step.action.name + (f" {_page(item.step.role)}" if item.step.role else "") for item in run.steps]
    name_width = max(24, *(len(name) + 1 for name in names))
    for number, (item, name) in enumerate(zip(run.steps, names, strict=True), 1):
        lanes = "  ".join("●" if item.step.action.actor is actor else "│" for actor in actors)
        start = f"  {number:3}  {lanes}  {name:<{name_width}}"
        changes = "; ".join(changes_of(run.explicit, item)) or "nothing that is modelled"
        blank = " " * 7 + "  ".join("│" for _ in actors) + " " * (name_width + 2)
        lines = textwrap.wrap(changes, max(30, width - len(start)))
        yield start + lines[0]
        yield from (blank + line for line in lines[1:])


def _page(role: str) -> str:
    return f"page {role.removeprefix('page')}"


def changes_of(explicit: Explicit, item: RunStep) -> list[str]:
    """What a step changed, in words; the queue as what was put in or taken out.

    Of a store it is also said where it left its mark in vain: a bit that was set already tells of the first write only.
    """
    marks = _marks(item)
    groups: dict[str, list[str]] = {}
    for name, sort in explicit.variables.items():
        before, after = item.before[name], item.after[name]
        owner, _, variable = name.rpartition(".")
        stays = before == after and name in marks
        if (before == after and not stays) or name.startswith("queue.") or name == "sent_page":
            continue
        label = f"page {owner.removeprefix('page')}" if owner.startswith("page") else owner.replace("chunk", "chunk ")
        shown = [_id(value) if name in ("command_id", "received", "active") else show_value(sort, value) for value in (before, after)]
        change = f"stays {shown[0]}" if stays else f"{shown[0]} → {shown[1]}"
        groups.setdefault(label, []).append(f"{variable.replace('_', ' ')} {change}")
    texts = [f"{label}: {', '.join(parts)}" if label else ", ".join(parts) for label, parts in groups.items()]
    return texts + _queue_change(explicit, item)


def _marks(item: RunStep) -> set[str]:
    """The page's bits by which a store that the guest relies on is known to have happened."""
    page, updates = item.step.role, item.step.updates.keys()
    return {f"{page}.{bit}" for bit in ("logged", "ram_dirty")} & updates if f"{page}.relied" in updates else set()


def _queue_change(explicit: Explicit, item: RunStep) -> list[str]:
    before, after = item.before.get("queue.length", 0), item.after.get("queue.length", 0)
    if after > before:
        return [f"queue: + {_element(explicit, item.after, before)}"]
    if after < before:
        return [f"queue: - {_element(explicit, item.before, 0)}, {after} left"]
    return []


def _element(explicit: Explicit, values: Mapping[str, int], slot: int) -> str:
    kind = explicit.declared[f"queue.{slot}.kind"].values[_value(explicit, values, f"queue.{slot}.kind")].lower()
    if kind == "hint":
        return f"hint of page {_value(explicit, values, f'queue.{slot}.page')}"
    if kind == "stop":
        return "stop"
    if explicit.configuration.setting("command-id-buffer") == "shared":
        return f"start (its id is read when it is taken; the shared buffer holds {_id(_value(explicit, values, 'active'))})"
    return f"start {_id(_value(explicit, values, f'queue.{slot}.id'))}"


def _value(explicit: Explicit, values: Mapping[str, int], name: str) -> int:
    """A variable's value; one that cannot change is not among `values`, but known."""
    return values[name] if name in values else explicit.state().transaction.read(name).value


def _id(number: int) -> str:
    return {STOP_ID: "STOP", DONE_ID: "DONE"}.get(number, f"{FIRST_QEMU_ID + number - 2:#x}")


def final_state(run: Run) -> str:
    """Page 0's bits at the end."""
    last = run.steps[-1].after
    shown = []
    for name, sort in run.explicit.variables.items():
        if name.startswith("page0.") and name != "page0.holds_ring":
            shown.append(f"{name.removeprefix('page0.').replace('_', ' ')} {show_value(sort, last[name])}")
    ring = ", holds the used ring" if _value(run.explicit, last, "page0.holds_ring") else ""
    return ", ".join(shown) + ring
