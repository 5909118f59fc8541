"""Skills done by a chat model, under the same contracts as templates. Source: `docs/models.md`."""
