"""What is declared to the platform is what the app has."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable
from typing import Any

from orchestrator.vertex.app import BatonApp
from orchestrator.vertex.operation_schemas import FILE, as_text, class_methods


def test_the_file_is_what_the_methods_say() -> None:
    assert FILE.read_text(encoding="utf-8") == as_text(), "python -m orchestrator.vertex.operation_schemas > the file"


def test_every_registered_method_is_declared_under_its_mode_and_with_its_parameters() -> None:
    declared = {(each["api_mode"], each["name"]): each["parameters"] for each in class_methods()}
    registered = {(mode, name) for mode, names in BatonApp().register_operations().items() for name in names}

    assert declared.keys() == registered
    for (_, name), parameters in declared.items():
        signature = inspect.signature(getattr(BatonApp, name))
        assert set(parameters["properties"]) == set(signature.parameters) - {"self"}
        wanted = [each.name for each in signature.parameters.values() if each.default is each.empty]
        assert parameters["required"] == [each for each in wanted if each != "self"]


def test_each_method_is_of_the_kind_that_its_mode_says() -> None:
    kinds: dict[str, Callable[[object], bool]] = {
        "": inspect.isfunction,
        "async": inspect.iscoroutinefunction,
        "stream": inspect.isgeneratorfunction,
        "async_stream": inspect.isasyncgenfunction,
    }
    for mode, names in BatonApp().register_operations().items():
        assert [name for name in names if not kinds[mode](getattr(BatonApp, name))] == []


def test_the_declarations_fit_into_protobuf() -> None:
    json_format: Any = importlib.import_module("google.protobuf.json_format")
    struct_pb2: Any = importlib.import_module("google.protobuf.struct_pb2")
    for each in class_methods():
        assert json_format.MessageToDict(json_format.ParseDict(each, struct_pb2.Struct())) == each
