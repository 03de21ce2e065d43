"""Picture files on their way in: what a request may check, and what the io worker makes of them.

Knows no models and no database, so it can be tested and measured file by file.
"""
