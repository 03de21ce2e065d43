"""Limits of the web server, for `make run` and for a school server alike; gunicorn finds this file.

How large a body may be is said in the settings (BODY_MAX_BYTES), by page.
"""

limit_request_line = 4094  # bytes of an address
limit_request_fields = 100  # headers of one request
limit_request_field_size = 8190  # bytes of one; a page may send 8000 (grading.views.board)
header_map = "drop"  # X_Forwarded_Proto does not pass for X-Forwarded-Proto
