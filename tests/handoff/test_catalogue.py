"""What a stack can be follows from what is provided; the providers here are made up."""

from __future__ import annotations

import pytest

from handoff.catalogue import Catalogue, Provider
from handoff.feature import feature_of
from handoff.problems import HandoffInvalid
from schemas.feature import Feature
from schemas.handoffs import FeaturePrd, PrdChoice, PrdEntity, PrdField
from schemas.stack import Choice, Condition

FASTAPI = Condition(part="framework", choices=("FastAPI",))
DJANGO = Condition(part="framework", choices=("Django",))
FLASK = Condition(part="framework", choices=("Flask",))
ACCOUNTS = Condition(part="authentication", choices=("none",), negated=True)


def skill(name: str, *provides: str, defaults: tuple[str, ...] = (), when: tuple[Condition, ...] = ()) -> Provider:
    return Provider(name=name, kind="skill", provides=choices(*provides), defaults=choices(*defaults), when=when)


def choices(*words: str) -> tuple[Choice, ...]:
    return tuple(Choice(*word.split("=")) for word in words)


PROVIDERS = (
    skill("fastapi-app", "framework=FastAPI", "frontend=none", defaults=("orm=SQLAlchemy",), when=(FASTAPI,)),
    skill("fastapi-models", "orm=SQLAlchemy", when=(FASTAPI,)),
    skill("flask-models", "orm=SQLAlchemy", when=(FLASK,)),
    skill("django-app", "framework=Django", "frontend=none", defaults=("orm=Django ORM",), when=(DJANGO,)),
    skill("django-models", "orm=Django ORM", when=(DJANGO,)),
    skill("sign-in", "authentication=JWT", "authentication=none"),
    skill("pages", "frontend=React", when=(ACCOUNTS,)),
    skill("tasks", "background_tasks=Celery", defaults=("broker=Redis",)),
    skill("queue", "broker=Redis"),
)


def read(*rows: tuple[str, str], catalogue: Catalogue | None = None) -> Feature:
    stack = tuple(PrdChoice(part=part, choice=choice) for part, choice in rows)
    name = PrdField(name="name", type="string", required=True, rules="")
    prd = FeaturePrd(title="Things", stack=stack, entities=(PrdEntity(name="Thing", fields=(name,)),))
    return feature_of(prd, catalogue or Catalogue(PROVIDERS))


def refused(*rows: tuple[str, str], catalogue: Catalogue | None = None) -> str:
    with pytest.raises(HandoffInvalid) as caught:
        read(*rows, catalogue=catalogue)
    return str(caught.value)


def test_a_default_follows_from_another_choice() -> None:
    assert read().stack["orm"] == "SQLAlchemy"
    assert read(("Framework", "Django")).stack["orm"] == "Django ORM"
    assert read().stack["broker"] == "none"
    assert read(("Background tasks", "celery")).stack["broker"] == "Redis"


def test_what_the_prd_says_goes_before_any_default() -> None:
    stack = read(("framework", "django"), ("ORM", "django  orm"), ("Frontend", "None")).stack
    assert (stack["framework"], stack["orm"], stack["frontend"]) == ("Django", "Django ORM", "none")


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([("ORM", "Django ORM")], "ORM `Django ORM` needs framework Django, the stack has FastAPI"),
        (
            [("Framework", "Django"), ("ORM", "SQLAlchemy")],
            "ORM `SQLAlchemy` needs framework FastAPI or framework Flask, the stack has Django",
        ),
        ([("Authentication", "none")], "Frontend `React` needs authentication other than none, the stack has none"),
        ([("Framework", "Flask")], "Framework `Flask` is not implemented yet"),
        ([("Ids", "uuid")], "Ids `uuid` is not implemented yet"),
        ([("Cache", "Redis")], "Cache `Redis` is not implemented yet"),
        ([("Framework", "Fastpi")], "did you mean `FastAPI`?"),
    ],
)
def test_what_does_not_go_together_or_is_not_provided_is_refused_with_the_reason(
    rows: list[tuple[str, str]], message: str
) -> None:
    assert message in refused(*rows)


def test_what_is_refused_is_told_once_with_what_there_is() -> None:
    text = refused(("Framework", "Flask"), ("ORM", "Django ORM"))
    assert "`FastAPI`, `Django`" in text
    assert "needs framework" not in text


def test_a_part_that_can_be_left_out_becomes_a_gap() -> None:
    feature = read(("Background tasks", "ARQ"), ("Dependency manager", "poetry"))
    assert [gap.text for gap in feature.gaps] == ["Background tasks: ARQ", "Dependency manager: poetry"]
    assert (feature.stack["background_tasks"], feature.stack["dependency_manager"]) == ("none", "uv")
    queued = read(("Background tasks", "Celery"), ("Broker", "RabbitMQ"))
    assert [gap.reason for gap in queued.gaps] == ["not implemented yet: the app is made with `Redis`"]
    assert queued.stack["broker"] == "Redis"


def test_of_a_part_that_nobody_provides_there_is_its_default_alone() -> None:
    empty = Catalogue(())
    assert empty.stack()["framework"] == "FastAPI"
    assert "Framework `Django` is not implemented yet" in refused(("Framework", "Django"), catalogue=empty)
    assert read(catalogue=empty).stack == empty.stack()


def test_a_default_that_nobody_provides_gives_way_to_what_there_is() -> None:
    django = Catalogue(provider for provider in PROVIDERS if "django" in provider.name)
    assert (django.stack()["framework"], django.stack()["orm"]) == ("Django", "Django ORM")


def test_a_choice_and_a_part_that_the_language_does_not_have_are_accepted_where_they_are_provided() -> None:
    outside = Catalogue((*PROVIDERS, skill("solid-pages", "frontend=Solid"), skill("stripe", "gift_cards=Stripe")))
    stack = read(("Frontend", "solid"), ("gift  cards", "STRIPE"), catalogue=outside).stack
    assert (stack["frontend"], stack["gift_cards"]) == ("Solid", "Stripe")
    assert read(catalogue=outside).stack["gift_cards"] == "none"
    assert "did you mean `Gift cards`?" in refused(("Gift card", "Stripe"), catalogue=outside)
    assert "unknown choice for `Frontend` `Solid`" in refused(("Frontend", "Solid"))


def test_two_skills_that_provide_one_choice_at_once_are_refused() -> None:
    twice = Catalogue((*PROVIDERS, skill("other-pages", "frontend=React")))
    assert "Frontend `React` is provided by `pages` and `other-pages` at once" in refused(catalogue=twice)
    assert read(("Frontend", "none"), catalogue=twice).stack["frontend"] == "none"


def test_a_skill_does_not_stand_in_for_a_toolchain() -> None:
    chain = Provider(name="vite", kind="toolchain", provides=choices("frontend=React"), when=(DJANGO,))
    both = Catalogue((*PROVIDERS, chain))
    assert "Frontend `React` needs framework Django, the stack has FastAPI" in refused(catalogue=both)
    assert read(("Framework", "Django"), catalogue=both).stack["frontend"] == "React"
