"""Fixtures: one database a test process, made by the migrations; three accounts; a collection for each entity.

A test runs inside a transaction that is rolled back. `committed` tests really commit, because they run requests at the
same time or compare times; what they leave is deleted afterwards.
"""
