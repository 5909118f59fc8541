"""The business rules that a step's skills say they implement.

Not here: running all tests (`agents.checks.python.tools`), trying that those of rules fail where the rules are missing
(`agents.checks.python.rule_tests`).
"""

from __future__ import annotations

from agents.checks.scratch import Scratch
from agents.contracts import Work
from schemas.handoffs import BusinessRule


def rules_to_try(work: Work) -> tuple[BusinessRule, ...]:
    """Return the rules of a step whose files are known as they were without them, and that have tests."""
    outputs = [output for output in work.outputs.values() if output.baseline]
    return tuple(rule for output in outputs for rule in output.business_rules if rule.tests)


def rule_tests(work: Work) -> tuple[str, ...]:
    """Return the files with the tests of the rules that the step's skills say they implement, sorted."""
    return tuple(sorted({name.partition("::")[0] for rule in work.facts(BusinessRule) for name in rule.tests}))


def absent(scratch: Scratch, work: Work) -> tuple[str, ...]:
    """Say which files that rules name are not in the tree."""
    return tuple(
        f"business rule `{rule.text}`: there is no `{path}`"
        for rule in work.facts(BusinessRule)
        for path in dict.fromkeys((*rule.files, *(name.partition("::")[0] for name in rule.tests)))
        if not (scratch.tree / path).is_file()
    )
