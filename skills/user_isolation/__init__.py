"""The skill `user-isolation`."""
