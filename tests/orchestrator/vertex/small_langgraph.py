"""The graph of small agents, as `langgraph.json` of a test names it. `SKILLS` is the folder of their skills."""

from __future__ import annotations

import os
from pathlib import Path

from orchestrator.langgraph_server.graph import server_graph
from orchestrator.vertex.app import BatonApp
from tests.support.small_agents import Kit

kit = Kit(Path(os.environ["SKILLS"]))
graph = server_graph(BatonApp(pipeline=kit.pipeline(), registry=kit.registry()), kit.pipeline()).compile()
