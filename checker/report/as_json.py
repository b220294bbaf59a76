"""Results for machines: stable, versioned JSON objects.

Every object has `format` (such as "balloonproof check") and `version`; within a version fields are only added.
`results.schema.json` beside this file describes all of them, and `balloonproof schema` prints it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from balloonproof.checker.read.events import Event
from balloonproof.checker.report.proof_text import changes_of
from balloonproof.checker.verdict import Finding, Report, Telling
from balloonproof.model.engines.bounded import Run
from balloonproof.model.engines.result import ProofResult
from balloonproof.model.language import Configuration, System

if TYPE_CHECKING:
    from balloonproof.checker.coverage import Coverage, Exercise
    from balloonproof.checker.near_misses import Approach, NearMiss

VERSION = 1


def configuration_json(configuration: Configuration) -> dict[str, Any]:
    return {
        "system": configuration.system.name,
        "settings": dict(configuration.settings),
        "without": sorted(configuration.removed),
    }


def systems_json(systems: tuple[System, ...]) -> dict[str, Any]:
    """All systems with their actions, settings, guards and properties."""
    return {
        "format": "balloonproof systems",
        "version": VERSION,
        "systems": [
            {
                "name": system.name,
                "meaning": system.meaning,
                "settings": [{"name": s.name, "values": list(s.values), "default": s.values[0], "meaning": s.meaning} for s in system.settings],
                "guards": [{"name": guard.name, "meaning": guard.meaning} for guard in system.guards],
                "properties": [{"name": p.name, "kind": p.kind, "meaning": p.meaning} for p in system.properties],
                "actions": [{"name": a.name, "actor": a.actor.value, "event": a.event, "source": a.source, "meaning": a.meaning} for a in system.actions],
            }
            for system in systems
        ],
    }


def run_json(run: Run) -> list[dict[str, Any]]:
    """A run as its steps, each with what it changed in words."""
    return [
        {
            "actor": item.step.action.actor.value,
            "action": item.step.action.name,
            "page": int(item.step.role.removeprefix("page")) if item.step.role else None,
            "event": item.step.action.event,
            "changes": changes_of(run.explicit, item),
        }
        for item in run.steps
    ]


def proof_json(result: ProofResult) -> dict[str, Any]:
    """One configuration's verdict and its evidence."""
    return {
        **configuration_json(result.configuration),
        "properties": list(result.properties),
        "verdict": result.verdict,
        "reasons": result.reasons,
        "counterexamples": [
            {
                "property": item.property,
                "length": len(item.run),
                "no_shorter_than": item.abstract_length,
                "pages": item.run.explicit.shape.pages,
                "steps": run_json(item.run),
            }
            for item in result.counterexamples
        ],
        "witnesses": [{"name": item.name, "length": len(item.run) if item.run else None} for item in result.witnesses],
        "progress": [{"name": item.name, "states": item.states, "stuck": item.stuck} for item in result.progress],
        "impossible_actions": result.impossible_actions,
        "states": result.states,
        "depth": result.depth,
        "premise_checks": result.premise_checks,
        "lemmas": [str(lemma) for lemma in result.invariant.lemmas] if result.invariant else [],
        "obligations": len(result.obligations),
        "rechecked_by": result.rechecked_by or None,
        "seconds": round(result.seconds, 3),
    }


def prove_json(results: list[ProofResult]) -> dict[str, Any]:
    return {"format": "balloonproof prove", "version": VERSION, "results": [proof_json(item) for item in results]}


def event_json(event: Event | None) -> dict[str, Any] | None:
    """An event's name, place and time (nanoseconds)."""
    if event is None:
        return None
    return {"name": event.name, "path": event.source.path, "line": event.source.line, "time_ns": event.time}


def finding_json(finding: Finding) -> dict[str, Any]:
    return {
        "kind": finding.kind,
        "property": finding.property_name,
        "page": finding.page,
        "page_count": finding.count,
        "pages": [list(item) for item in finding.pages],
        "event": event_json(finding.event),
        "possible_before": finding.possible_before,
        "forbidden_by": list(finding.forbidden_by),
        "would_need": list(finding.needed),
        "lost_at": event_json(finding.lost_at),
        "history": [str(item) for item in finding.history],
        "story": [_telling_json(item) for item in finding.history],
        "events_untold": finding.untold,
        "stale_hints": list(finding.stale_hints),
        "record_to_decide": list(finding.to_decide),
    }


def _telling_json(item: Telling) -> dict[str, Any]:
    """A line of a story; path and line are null for a step that the trace does not show."""
    path, line = item.source if item.source is not None else (None, None)
    return {"text": item.text, "path": path, "line": line}


def report_json(report: Report) -> dict[str, Any]:
    """One trace's verdict and findings."""
    return {
        "name": report.name,
        "verdict": report.verdict,
        "paths": list(report.sources),
        **configuration_json(report.configuration),
        "pages": report.header.pages,
        "events": report.events,
        "event_counts": dict(report.event_counts),
        "completed": report.completed,
        "findings": [finding_json(item) for item in report.findings],
        "findings_unlisted": report.unlisted,
        "unseen": list(report.unseen),
        "reasons": list(report.reasons),
        "notes": list(report.notes),
        "seconds": round(report.seconds, 3),
    }


def check_json(reports: list[Report]) -> dict[str, Any]:
    return {"format": "balloonproof check", "version": VERSION, "results": [report_json(item) for item in reports]}


def _exercise_json(name: str, exercise: Exercise) -> dict[str, Any]:
    first = exercise.first
    place = {"path": first.path, "line": first.line} if first is not None else None
    return {"name": name, "status": exercise.status, "events": exercise.events, "first": place}


def coverage_json(found: Sequence[Coverage]) -> dict[str, Any]:
    """What traces have exercised, per system."""
    return {
        "format": "balloonproof coverage",
        "version": VERSION,
        "systems": [
            {
                "system": item.system.name,
                "traces": item.traces,
                "actions": [_exercise_json(name, exercise) for name, exercise in item.actions.items()],
                "guards": [_exercise_json(name, exercise) for name, exercise in item.guards.items()],
                "settings": [
                    {"name": setting.name, "value": value, "traces": item.settings[setting.name][value]}
                    for setting in item.system.settings
                    for value in setting.values
                ],
            }
            for item in found
        ],
    }


def _approach_json(item: Approach) -> dict[str, Any]:
    return {
        "nanoseconds": item.nanoseconds,
        "events": item.events,
        "page": item.page,
        "close": event_json(item.close),
        "strike": event_json(item.strike),
    }


def near_misses_json(found: Sequence[tuple[str, Sequence[NearMiss]]]) -> dict[str, Any]:
    """How near each named trace came to each race."""
    return {
        "format": "balloonproof near misses",
        "version": VERSION,
        "traces": [
            {
                "name": name,
                "windows": [
                    {
                        "window": item.window.name,
                        "meaning": item.window.meaning,
                        "races": [race.name for race in item.races],
                        "takes": list(item.takes),
                        "opened": item.opened,
                        "measured": item.measured,
                        "closest": _approach_json(item.closest) if item.closest is not None else None,
                        "missing": list(item.missing),
                    }
                    for item in items
                ],
            }
            for name, items in found
        ],
    }
