"""What labels and rules of a PRD mean for an app, one aspect a module. Adding a module adds an aspect
(`skills.design.aspects`).
"""  # noqa: D205  # one sentence
