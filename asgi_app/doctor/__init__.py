"""What `manage.py doctor` looks at. Each check returns what it found wrong, and how to mend it; nothing: it is well.

A part of the house that can be set up wrongly adds its check to `CHECKS`.
"""

from asgi_app.doctor import clock, database, environment, platforms, proxy, redis, site
from asgi_app.doctor.finding import Check

CHECKS: list[tuple[str, Check]] = [
    ("settings", environment.check),
    ("database", database.check),
    ("redis", redis.check),
    ("clock", clock.check),
    ("static files", site.check_static_files),
    ("worker", site.check_worker),
    ("platforms", platforms.check),
    ("proxy", proxy.check),
]
