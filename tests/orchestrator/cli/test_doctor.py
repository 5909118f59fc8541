"""`baton doctor` says what isolation is in force, part by part, and what to install for more."""

from __future__ import annotations

import asyncio
import json

from agents.checks.sandbox.isolation import Isolation, isolation
from orchestrator.cli.doctor import as_json, described
from tests.orchestrator.cli.test_cli_commands import baton


def test_what_tools_can_get_out_of_is_said_and_what_to_install() -> None:
    lines = described(Isolation(namespaces=True, escapes=frozenset({"read", "write"}))).splitlines()
    assert lines[:3] == [
        "namespaces and limits",
        "    ✗ files: tools can read and write what Baton can",
        "    ✓ network: a loopback of their own, and the scratch databases",
    ]
    assert lines[-1] == (
        "    Install bubblewrap (`apt-get install bubblewrap`, `dnf install bubblewrap`) and allow user namespaces;"
        " in a container, see docs/security.md"
    )


def test_complete_isolation_leaves_nothing_to_install() -> None:
    complete = Isolation(bwrap=("bwrap",))
    assert described(complete).count("✓") == 5
    assert "✗" not in described(complete)
    assert (as_json(complete)["complete"], as_json(complete)["more"]) == (True, None)


def test_the_doctor_tells_people_and_programs_the_same() -> None:
    found = asyncio.run(isolation())
    assert f"✓ isolation: {described(found)}" in baton("doctor").stdout
    told = json.loads(baton("doctor", "--json").stdout)
    assert told["isolation"] == as_json(found)
    assert {each["name"] for each in told["found"]} >= {"Python", "PostgreSQL", "isolation"}


def test_a_wish_that_cannot_be_met_or_understood_is_an_ailment() -> None:
    ill = baton("doctor", BATON_ISOLATION="certainly")
    assert ill.returncode == 1
    assert "✗ isolation: BATON_ISOLATION is `certainly`; it can be `auto`, `required`, `off`" in ill.stdout
    assert "✓ isolation: off, by BATON_ISOLATION; possible is " in baton("doctor", BATON_ISOLATION="off").stdout
