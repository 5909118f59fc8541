"""What models cost: list prices, in US dollars per million tokens. Overridable, since providers change them.

A key is `provider:model`, which also stands for that model's dated versions, or `provider:` for all its models.

Source: the providers' price lists (claude.com/pricing, openai.com/api/pricing, ai.google.dev/gemini-api/docs/pricing),
prompts of usual length, without batch or priority tiers. Look there before relying on them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

MILLION = 1_000_000

_VERSION = re.compile(r"[-@](\d{8}|\d{6}|\d{4}-\d{2}-\d{2}|\d{3}|latest)")


@dataclass(frozen=True, kw_only=True, slots=True)
class Price:
    """US dollars per million tokens. `cached` is for input tokens that the provider had in its cache."""

    input: Decimal
    output: Decimal
    cached: Decimal | None = None  # None: as `input`

    def cost(self, *, input_tokens: int, output_tokens: int, cached_tokens: int) -> Decimal:
        """Return US dollars; `cached_tokens` are part of `input_tokens`."""
        cached = self.input if self.cached is None else self.cached
        fresh = input_tokens - cached_tokens
        return (fresh * self.input + cached_tokens * cached + output_tokens * self.output) / MILLION


def price_of(model: str, prices: Mapping[str, Price]) -> Price | None:
    """Return the price of `provider:model`, or None if none is known."""
    if model in prices:
        return prices[model]
    # Only a date may follow: `openai:gpt-5.5` is another model than `openai:gpt-5`, with another price.
    version = _VERSION.search(model)
    plain = model[: version.start()] if version and version.end() == len(model) else model
    return prices.get(plain) or prices.get(f"{model.partition(':')[0]}:")


def _price(put_in: str, out: str, cached: str) -> Price:
    return Price(input=Decimal(put_in), output=Decimal(out), cached=Decimal(cached))


_OPUS, _SONNET, _HAIKU = _price("5", "25", "0.50"), _price("3", "15", "0.30"), _price("1", "5", "0.10")
_PRO, _FLASH = _price("1.25", "10", "0.125"), _price("0.30", "2.50", "0.03")

PRICES: Mapping[str, Price] = {
    "anthropic:claude-opus-4-5": _OPUS,
    "anthropic:claude-sonnet-4": _SONNET,
    "anthropic:claude-sonnet-4-5": _SONNET,
    "anthropic:claude-haiku-4-5": _HAIKU,
    "openai:gpt-5": _price("1.25", "10", "0.125"),
    "openai:gpt-5-mini": _price("0.25", "2", "0.025"),
    "openai:gpt-5-nano": _price("0.05", "0.40", "0.005"),
    "openai:gpt-4.1": _price("2", "8", "0.50"),
    "openai:gpt-4.1-mini": _price("0.40", "1.60", "0.10"),
    "google_genai:gemini-2.5-pro": _PRO,
    "google_genai:gemini-2.5-flash": _FLASH,
    "google_vertexai:gemini-2.5-pro": _PRO,
    "google_vertexai:gemini-2.5-flash": _FLASH,
    "ollama:": _price("0", "0", "0"),  # runs on one's own machine
}
