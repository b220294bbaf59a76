"""JUnit XML: one test suite per trace, one test case per rule.

A rule that a trace breaks is a failure that carries the story; one that the trace does not decide is skipped, with what to record.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from xml.etree import ElementTree

from balloonproof.checker.report.check_text import finding_lines
from balloonproof.checker.report.rules import TRACE_EXPLAINED, Rule, message_of, rule_of, rules_of
from balloonproof.checker.verdict import Finding, Report

_NOT_XML = re.compile("[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def junit_xml(reports: Sequence[Report]) -> str:
    """The reports as a JUnit document, in UTF-8."""
    root = ElementTree.Element("testsuites", name="balloonproof")
    for report in reports:
        root.append(_suite(report))
    _count(root, [case for suite in root for case in suite.iter("testcase")])
    root.set("time", f"{sum(report.seconds for report in reports):.3f}")
    ElementTree.indent(root, " ")
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ElementTree.tostring(root, encoding="unicode") + "\n"


def _suite(report: Report) -> ElementTree.Element:
    name = _text(report.name)
    suite = ElementTree.Element("testsuite", name=name)
    cases = [_case(report, rule, name) for rule in rules_of([report.configuration.system], report.findings)]
    _count(suite, cases)
    suite.set("time", f"{report.seconds:.3f}")
    properties = ElementTree.SubElement(suite, "properties")
    for key, value in (("verdict", report.verdict), ("model", str(report.configuration)), ("events", str(report.events))):
        ElementTree.SubElement(properties, "property", name=key, value=_text(value))
    suite.extend(cases)
    return suite


def _case(report: Report, rule: Rule, name: str) -> ElementTree.Element:
    """One rule on one trace.  Following the trace is what takes the time, so it stands at the rule that says so."""
    seconds = report.seconds if rule.name == TRACE_EXPLAINED else 0.0
    case = ElementTree.Element("testcase", classname=name, name=rule.name, time=f"{seconds:.3f}")
    findings = [item for item in report.findings if rule_of(item) == rule.name]
    broken = [item for item in findings if item.kind != "undecided"]
    if broken:
        failure = ElementTree.SubElement(case, "failure", type=broken[0].kind, message=_text(message_of(broken[0])))
        failure.text = _story(broken)
    elif findings or (report.reasons and rule.name == TRACE_EXPLAINED):
        message = message_of(findings[0]) if findings else "; ".join(report.reasons)
        skipped = ElementTree.SubElement(case, "skipped", message=_text(f"not decided: {message}"))
        skipped.text = _story(findings)
    return case


def _story(findings: Sequence[Finding]) -> str:
    return _text("\n".join(line for item in findings for line in finding_lines(item, verbose=False)))


def _count(element: ElementTree.Element, cases: Sequence[ElementTree.Element]) -> None:
    element.set("tests", str(len(cases)))
    element.set("failures", str(sum(case.find("failure") is not None for case in cases)))
    element.set("errors", "0")
    element.set("skipped", str(sum(case.find("skipped") is not None for case in cases)))


def _text(text: str) -> str:
    """Text without the characters that XML 1.0 cannot hold."""
    return _NOT_XML.sub("\N{REPLACEMENT CHARACTER}", text)
