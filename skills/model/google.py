"""Google's chat models with their tools as JSON Schema.

`langchain-google-genai` turns a tool's schema into Google's older `Schema`, where a free JSON value becomes a text, and
warns on standard error of each keyword that `Schema` lacks. Google's API takes JSON Schema as well.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from google.genai.types import FunctionDeclaration, Tool
from langchain_core.language_models import LanguageModelInput
from langchain_core.messages import AIMessage
from langchain_core.runnables import Runnable
from langchain_core.tools import BaseTool
from langchain_core.utils.function_calling import convert_to_openai_tool
from langchain_google_genai import ChatGoogleGenerativeAI


class GoogleChat(ChatGoogleGenerativeAI):
    """A model of the Gemini API or of Vertex AI."""

    def bind_tools(  # type: ignore[override]  # the base's further parameters are Google's own tools
        self, tools: Sequence[dict[str, Any] | type | Callable[..., Any] | BaseTool], **settings: object
    ) -> Runnable[LanguageModelInput, AIMessage]:
        """Return the model with functions as tools."""
        functions = [convert_to_openai_tool(tool)["function"] for tool in tools]
        declared = [
            FunctionDeclaration(
                name=each["name"], description=each["description"], parameters_json_schema=each["parameters"]
            )
            for each in functions
        ]
        return self.bind(tools=[Tool(function_declarations=declared)], **settings)
