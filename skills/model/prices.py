"""What models cost: list prices, in US dollars per million tokens. Overridable, since providers change them.

A key is `provider:model`, which also stands for that model's dated versions, or `provider:` for all its models.

They are of November 2026, for prompts up to 200,000 tokens, without batch or priority; where a provider has a price for
short prompts or for the first weeks too, the dearer one stands here.

Source: the providers' price lists, as others report them; look there before relying on these:
platform.claude.com/docs/en/about-claude/pricing, developers.openai.com/api/docs/pricing,
ai.google.dev/gemini-api/docs/pricing.
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
    # Only a date may follow: `openai:gpt-5.4-mini` is another model than `openai:gpt-5.4`, at another price.
    version = _VERSION.search(model)
    plain = model[: version.start()] if version and version.end() == len(model) else model
    return prices.get(plain) or prices.get(f"{model.partition(':')[0]}:")


def _price(put_in: str, out: str, cached: str) -> Price:
    return Price(input=Decimal(put_in), output=Decimal(out), cached=Decimal(cached))


_OPUS, _OPUS_5_5 = _price("5", "25", "0.50"), _price("4", "20", "0.20")
_ARGON, _PRO, _FLASH = _price("4", "20", "0.20"), _price("1.25", "10", "0.125"), _price("0.30", "2.50", "0.03")

PRICES: Mapping[str, Price] = {
    "anthropic:claude-opus-5-5": _OPUS_5_5,
    "anthropic:claude-opus-5": _OPUS,
    "anthropic:claude-opus-4-8": _OPUS,
    "anthropic:claude-opus-4-7": _OPUS,
    "anthropic:claude-opus-4-6": _OPUS,
    "anthropic:claude-opus-4-5": _OPUS,
    "anthropic:claude-sonnet-5-5": _price("2", "10", "0.10"),
    "anthropic:claude-sonnet-5": _price("2", "10", "0.20"),
    "anthropic:claude-sonnet-4-6": _price("3", "15", "0.30"),
    "anthropic:claude-haiku-5-5": _price("0.50", "2.50", "0.05"),
    "anthropic:claude-haiku-4-5": _price("1", "5", "0.10"),
    "openai:gpt-6-astra": _price("10", "50", "1"),
    "openai:gpt-6-sol": _price("2", "10", "0.20"),
    "openai:gpt-6-luna": _price("0.10", "0.50", "0.01"),
    "openai:gpt-5.5": _price("5", "30", "0.50"),
    "openai:gpt-5.4": _price("2.50", "15", "0.25"),
    "openai:gpt-5.4-mini": _price("0.75", "4.50", "0.075"),
    "google_genai:gemini-4-argon": _ARGON,
    "google_genai:gemini-2.5-pro": _PRO,
    "google_genai:gemini-2.5-flash": _FLASH,
    "google_vertexai:gemini-4-argon": _ARGON,
    "google_vertexai:gemini-2.5-pro": _PRO,
    "google_vertexai:gemini-2.5-flash": _FLASH,
    "ollama:": _price("0", "0", "0"),  # runs on one's own machine
}
