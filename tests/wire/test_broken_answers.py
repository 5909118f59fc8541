"""What comes over the wire is broken: it is asked for again, or the model is told; half of a file is never taken."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import pytest

from skills.core.contribution import Contribution
from skills.model.call import Patience
from skills.model.executor import ModelExecutor
from tests.wire.conftest import Serve
from tests.wire.exchange import Call, Cut, Dropped, Player, Raw, Reply, Request, Trouble
from tests.wire.hand import Hand
from tests.wire.openai_responses import MODEL, ResponsesApi
from tests.wire.providers import KEY
from tests.wire.workplaces import Workplace, in_order, workplaces

pytestmark = pytest.mark.slow

AT_ONCE = Patience(first=0.0, longest=0.0)


@pytest.fixture(scope="module")
def place() -> Workplace:
    """A skill whose template writes two files."""
    return next(each for each in workplaces() if each.skill.name == "password-security")


def at_first(twist: Callable[[Reply], Reply | Trouble]) -> Player:
    """Play the hand, with a twist in its first reply."""
    hand = Hand()

    def play(request: Request) -> Reply | Trouble:
        return twist(hand(request)) if request.number == 1 else hand(request)

    return play


async def executed(place: Workplace, model: str) -> Contribution:
    return in_order(await ModelExecutor(model, patience=AT_ONCE).execute(place.skill, place.materials, place.bench))


@pytest.mark.parametrize("end", [Cut, Dropped], ids=lambda end: end.__name__.lower())
async def test_a_reply_whose_stream_ends_too_early_is_asked_for_again(
    serve: Serve, place: Workplace, model: str, end: Callable[[Reply], Trouble]
) -> None:
    """However it ends: packages take the half of a file that came for the whole."""
    loopback = serve(at_first(end))

    assert await executed(place, model) == in_order(place.output)
    first, second = (each.turns for each in loopback.asked[:2])
    assert first == second


NOTHING = (b"", b"data: null\n\n", b"data: \xff\xfe\n\n")


@pytest.mark.parametrize("body", NOTHING, ids=range(len(NOTHING)))
async def test_an_answer_that_is_none_is_asked_for_again(
    serve: Serve, place: Workplace, model: str, body: bytes
) -> None:
    serve(at_first(lambda _: Raw(body)))

    assert await executed(place, model) == in_order(place.output)


def _in_a_text(reply: Reply) -> Reply:
    call = reply.calls[0]
    return replace(reply, calls=(Call(call.name, {**dict(call.arguments), "content": "\ud800"}), *reply.calls[1:]))  # type: ignore[arg-type]  # the hand's are no text


BROKEN: Sequence[tuple[Callable[[Reply], Reply], str]] = (
    (_in_a_text, "half a surrogate pair"),
    (lambda reply: replace(reply, calls=(*reply.calls, Call("", {}))), "you called a tool without saying which"),
)


@pytest.mark.parametrize(("twist", "told"), BROKEN, ids=["half a character", "no name"])
async def test_a_model_is_told_what_no_request_could_carry(
    serve: Serve, place: Workplace, model: str, twist: Callable[[Reply], Reply], told: str
) -> None:
    """Sent back as it is, it would be refused, and the conversation lost."""
    loopback = serve(at_first(twist))

    assert await executed(place, model) == in_order(place.output)
    assert loopback.refused == []
    assert told in loopback.asked[1].turns[-1].text


async def test_half_a_character_in_words_harms_nothing(serve: Serve, place: Workplace, model: str) -> None:
    loopback = serve(at_first(lambda reply: replace(reply, text="Now the files \ud83d")))

    assert await executed(place, model) == in_order(place.output)
    assert len(loopback.asked) == len({"write", "submit"})


class Repeating(ResponsesApi):
    """A server that gives every reply the same id."""

    def stream(self, reply: Reply, request: Request) -> Iterator[bytes]:
        for part in super().stream(reply, request):
            yield part.replace(f'"resp_{request.number}"'.encode(), b'"resp_0"')


async def test_replies_of_one_id_are_several_replies(serve: Serve) -> None:
    loopback = serve(Hand())
    loopback.apis = (Repeating(KEY),)
    long = next(each for each in workplaces() if each.skill.name == "jwt-authentication")

    assert await executed(long, f"openai:{MODEL}") == in_order(long.output)
    assert [len(each.turns) for each in loopback.asked] == sorted({len(each.turns) for each in loopback.asked})
    assert len(loopback.asked) > len({"write", "submit"})
