"""What follows from a PRD under any framework: endpoints, names, fields, filters, access, examples.

Skills of every framework read it, so that a backend, its frontend and its tests meet without knowing one another.
"""
