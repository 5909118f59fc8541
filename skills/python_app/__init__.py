"""What the skills of a Python app state to one another. It is no skill."""
