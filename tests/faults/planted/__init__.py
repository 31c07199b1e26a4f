"""Bugs that are put into a worker process on purpose; the harness must catch each of them.

Each module has ``plant()``, called before the worker starts. They are the mistakes that stream processors are known
for, cut down to a few lines each.
"""
