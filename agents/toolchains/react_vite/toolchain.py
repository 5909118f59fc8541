"""React, built by Vite: the frontend, and the client made from the API's document."""

from __future__ import annotations

from agents.checks.node.packages import InstallCheck
from agents.contracts import Binding, Toolchain
from agents.toolchains.react_vite.checks import BuildCheck, ClientCheck, ComponentTestsCheck, TypesCheck
from skills.core.conditions import choices, conditions

_LOCK = "frontend/package-lock.json"

TOOLCHAIN = Toolchain(
    name="react-vite",
    when=conditions("frontend=React"),
    provides=choices("frontend=React"),
    bindings={
        "frontend-agent": Binding(
            owns=("frontend/**",),
            checks=(InstallCheck(_LOCK), ClientCheck(), TypesCheck(), ComponentTestsCheck(), BuildCheck()),
            locks={"node": _LOCK},
        ),
    },
)
