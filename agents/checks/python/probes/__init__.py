"""Plugins that a check loads into the app's own pytest. Baton's packages do not exist there."""
