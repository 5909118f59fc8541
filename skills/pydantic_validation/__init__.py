"""The skill `pydantic-validation`."""
