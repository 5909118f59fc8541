"""An agent writes the files it owns and no others: the backend agent makes no frontend component."""

from __future__ import annotations

from agents.contracts import Proposal, Violation


class Ownership:
    """Every proposed path belongs to the proposing agent."""

    name = "ownership"

    def violations(self, proposal: Proposal, /) -> list[Violation]:
        return [
            Violation(
                guard=self.name,
                path=path,
                line=0,
                message=f"`{proposal.agent}` does not own this path",
                hint="Leave the file to the agent that owns it, and say in the handoff what it should hold.",
            )
            for path in sorted(proposal.files)
            if not proposal.owned(path)
        ]
