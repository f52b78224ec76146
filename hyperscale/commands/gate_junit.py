"""What a gate found, as JUnit XML: one test suite per candidate, one test case per check."""

from collections.abc import Sequence
from typing import TYPE_CHECKING
from xml.etree import ElementTree

from hyperscale.analysis.check import Check, Outcome
from hyperscale.commands.gate_summary import HEADERS, row

if TYPE_CHECKING:
    from hyperscale.commands.gate import Gated, Undecided


def junit(runs: Sequence["Gated"], undecided: "Undecided") -> str:
    """As Jenkins, GitLab and GitHub's report actions read it.

    JUnit knows no third outcome: an inconclusive check is an error, a failure, or passes with a remark, as asked.
    """
    root = ElementTree.Element("testsuites", name="hyperscale gate")
    for run in runs:
        checks = run.verdict.checks
        kinds = [_element(check, undecided) for check in checks]
        suite = ElementTree.SubElement(
            root,
            "testsuite",
            name=run.title,
            tests=str(len(checks)),
            failures=str(kinds.count("failure")),
            errors=str(kinds.count("error")),
        )
        for check, kind in zip(checks, kinds, strict=True):
            case = ElementTree.SubElement(suite, "testcase", classname=run.title, name=check.name)
            if kind:
                found = ElementTree.SubElement(case, kind, type=str(check.outcome), message=check.reason)
                found.text = " ".join([_details(check), *run.verdict.notes])
            else:
                ElementTree.SubElement(case, "system-out").text = _details(check)
    ElementTree.indent(root)
    return ElementTree.tostring(root, encoding="unicode", xml_declaration=True) + "\n"


def _element(check: Check, undecided: "Undecided") -> str:
    if check.outcome is Outcome.INCONCLUSIVE:
        return {"inconclusive": "error", "fail": "failure", "pass": ""}[undecided]
    return "failure" if check.outcome is Outcome.FAIL else ""


def _details(check: Check) -> str:
    told = "; ".join(f"{header} {cell}" for header, cell in zip(HEADERS[2:], row(check, "")[2:], strict=True))
    return f"{check.outcome}: {told}. {check.estimand}"
