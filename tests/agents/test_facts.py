"""What skills state and checks measure is read by its type."""

from __future__ import annotations

import pickle

import pytest

from agents.checks.results import LiveSchema, ServedApi
from agents.contracts import NotMeasured
from agents.custom import claims, compose
from agents.gaps import business_rules, open_gaps
from schemas.feature import BUSINESS_RULE, Gap
from schemas.handoffs import (
    BusinessRule,
    Endpoint,
    OwnAgentOutput,
    Page,
    Table,
    Unimplemented,
    Unreachable,
    WorkNotes,
)
from skills.core.contribution import Contribution
from tests.support.agent_material import feature, work


def endpoint(path: str) -> Endpoint:
    return Endpoint(method="GET", path=path, auth_required=False, scopes="none", response_status=200)


class Planned(Contribution):
    endpoints: tuple[Endpoint, ...]


class Health(Contribution):
    """One fact, not a tuple of them, in a field that no other skill has."""

    alive: Endpoint
    pages: tuple[Page, ...] = ()
    lost: tuple[Unreachable, ...] = ()


def test_facts_of_one_kind_come_from_all_skills_in_order_whatever_their_fields_are_called() -> None:
    page = Page(path="/", component="Home", purpose="To begin", endpoints=())
    outputs = {
        "first": Planned(endpoints=(endpoint("/a"), endpoint("/b"))),
        "plain": Contribution(),
        "second": Health(alive=endpoint("/health"), pages=(page,)),
    }
    done = work(feature(), outputs=outputs)

    assert [each.path for each in done.facts(Endpoint)] == ["/a", "/b", "/health"]
    assert done.facts(Page) == (page,)
    assert done.facts(Unreachable) == ()


def test_a_result_is_found_by_the_type_that_its_check_declares() -> None:
    live = LiveSchema(tables=(Table(name="todos", entity="Todo", columns=()),))
    api = ServedApi(endpoints=(), document={"openapi": "3.1.0"})

    assert work(feature(), measured=(api, live)).result(LiveSchema) is live


def test_a_result_that_no_check_measured_is_named_with_what_was() -> None:
    done = work(feature(), measured=(LiveSchema(tables=()),))

    with pytest.raises(NotMeasured, match=r"`ServedApi` \(measured: `LiveSchema`\)") as caught:
        done.result(ServedApi)
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)  # noqa: S301  # our own bytes


def test_the_words_of_an_own_agents_skills_become_its_notes() -> None:
    class Said(Contribution):
        words: WorkNotes

    outputs = {"a": Said(words=WorkNotes(text="One.")), "b": Contribution(), "c": Said(words=WorkNotes(text="Two."))}
    handoff = compose(work(feature(), outputs=outputs))

    assert handoff.notes == "One.\n\nTwo."
    assert compose(work(feature(), outputs={"outside": claims(handoff)})).notes == handoff.notes
    assert isinstance(handoff, OwnAgentOutput)


def test_what_is_open_are_the_prds_gaps_with_the_last_word_on_each_and_what_is_stated_beyond() -> None:
    gaps = tuple(Gap(kind=BUSINESS_RULE, subject="", text=text, reason="prose") for text in ("One.", "Two.", "Three."))
    rule = BusinessRule(text="One.", files=("a.py",), tests=("t.py::test_a",))
    said = Unimplemented(text="Two.", reason="there is no mail server")
    beyond = Unimplemented(text="Printing", reason="nobody asked")
    done = work(
        feature().model_copy(update={"gaps": gaps}),
        outputs={"a": Contribution(business_rules=(rule,)), "outside": Contribution(declined=(said, beyond))},
    )

    assert business_rules(done) == (rule,)
    assert open_gaps(done) == (said, Unimplemented(text="Three.", reason="prose"), beyond)
    assert open_gaps(work(feature())) is None
