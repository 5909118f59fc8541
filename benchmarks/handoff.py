"""What reading a handoff costs: parse and validate, beside bare `markdown-it-py` + `jsonschema` on the same text.

The bare pair parses the markdown to tokens and validates the finished data; it does not turn the one into the other.

    python -m benchmarks.handoff
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence

from jsonschema import Draft202012Validator
from markdown_it import MarkdownIt

from handoff.codec import parse, render
from schemas.base import JSON
from schemas.contract import Contract, contract_of

ROUNDS = 7
SIZES = (10, 100, 1000)  # kB
KILOBYTE = 1000


def endpoint(number: int) -> dict[str, JSON]:
    return {
        "method": "POST",
        "path": f"/api/v1/things-{number}",
        "auth_required": True,
        "scopes": "none",
        "request": {"title": "Buy milk", "tags": ["a", "b"], "size": number},
        "response_status": 201,
        "response": {"id": number, "title": "Buy milk", "tags": ["a", "b"], "created_at": "2026-01-31T12:00:00Z"},
        "errors": [
            {"status": 400, "code": "VALIDATION_ERROR", "when": "title is empty, or longer than 200 characters"},
            {"status": 401, "code": "UNAUTHORIZED", "when": "no token, or an expired one"},
            {"status": 404, "code": "NOT_FOUND", "when": "the list does not exist, or is not yours"},
        ],
    }


def note(number: int) -> dict[str, JSON]:
    return {
        "base_url": "http://localhost:8000",
        "endpoint": f"POST /api/v1/things-{number}",
        "auth_header": "Authorization: Bearer <token>",
        "content_type": "application/json",
        "request_fields": "title: string, tags: string[], size: integer",
        "response_shape": "{id: integer, title: string, tags: string[], created_at: string}",
    }


def document(contract: Contract, size: int) -> tuple[str, dict[str, JSON]]:
    """Return a backend handoff of about `size` bytes and its data."""

    def of(endpoints: int) -> dict[str, JSON]:
        return {
            "task": "Benchmark",
            "timestamp": "2026-01-31T12:00:00Z",
            "files": [f"app/models/thing_{number}.py" for number in range(endpoints)],
            "api_contract": [endpoint(number) for number in range(endpoints)],
            "for_frontend_agent": [note(number) for number in range(endpoints)],
            "dependencies_added": ["fastapi==0.128.0"],
        }

    each = (len(render(contract, of(100))) - len(render(contract, of(50)))) / 50
    data = of(max(1, round(size / each)))
    return render(contract, data), data


def seconds(work: Callable[[], object]) -> float:
    start = time.process_time()
    work()
    return time.process_time() - start


def median(samples: list[float]) -> str:
    return f"{statistics.median(samples) * 1000:8.1f} ms  (best {min(samples) * 1000:.1f})"


def main(rounds: int = ROUNDS, sizes: Sequence[int] = SIZES) -> None:
    contract = contract_of("python-backend-agent-output")
    text, data = document(contract, 100 * KILOBYTE)
    markdown = MarkdownIt("commonmark").enable("table")
    validator = Draft202012Validator(dict(contract.schema))
    assert parse(contract, text).data == data  # noqa: S101 (a benchmark of a wrong answer is worth nothing)
    validator.validate(data)

    ours: list[float] = []
    bare: list[float] = []
    for _ in range(rounds):  # turn by turn, so that a busy machine slows both
        ours.append(seconds(lambda: parse(contract, text)))
        bare.append(seconds(lambda: markdown.parse(text)) + seconds(lambda: validator.validate(data)))
    ratios = sorted(one / other for one, other in zip(ours, bare, strict=True))
    print(f"{len(text) // KILOBYTE} KB handoff, {rounds} rounds, CPU time, medians")
    print(f"  parse + validate                {median(ours)}")
    print(f"  bare markdown-it-py + jsonschema{median(bare)}")
    print(
        f"  ratio                           {statistics.median(ratios):8.2f}     ({ratios[0]:.2f} .. {ratios[-1]:.2f})"
    )

    print("linearity (parse + validate; render)")
    for size in sizes:
        text, data = document(contract, size * KILOBYTE)
        reading = [seconds(lambda: parse(contract, text)) for _ in range(3)]  # noqa: B023 (called at once)
        writing = [seconds(lambda: render(contract, data)) for _ in range(3)]  # noqa: B023 (called at once)
        per = [min(samples) * 1e6 / (len(text) / KILOBYTE) for samples in (reading, writing)]
        print(f"  {len(text) / KILOBYTE:7.0f} KB  {per[0]:7.0f} µs/KB  {per[1]:7.0f} µs/KB")


if __name__ == "__main__":
    main()
