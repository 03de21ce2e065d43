"""The scoring engine. Knows no Django and no database; works from a shell and from a notebook.

``ml.rubric``, ``ml.interface``, ``ml.errors`` and ``ml.feedback`` are light (standard library only)
and may be imported by the web process. Everything else needs torch and belongs to workers.
"""
