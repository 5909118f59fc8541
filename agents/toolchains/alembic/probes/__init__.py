"""Scripts that checks start in the app's environment, as `python <probe> …` in the staged tree.

Baton's own packages do not exist there: these import the standard library and the app's packages only.
"""
