"""What must be there beside the web processes: static files, and a worker."""

from collections.abc import Iterator

from django.conf import settings
from django.contrib.staticfiles import finders
from django.contrib.staticfiles.storage import staticfiles_storage
from django.db import DatabaseError

from asgi_app.doctor.finding import Finding, Visit
from messaging.queries.chores import overdue_s

ONE_OF_OURS = "pages/site.js"
WORKER_LATE_S = 1800.0


def check_static_files(visit: Visit) -> Iterator[Finding]:
    if finders.find(ONE_OF_OURS) is None:
        yield Finding(
            "scripts-not-built",
            "The pages' scripts have not been built: pages work, and are not live.",
            "cd frontend && npm ci && npm run build, then collectstatic.",
        )
        return
    try:
        collected = staticfiles_storage.path(staticfiles_storage.stored_name(ONE_OF_OURS))  # type: ignore[attr-defined]
        with open(collected, "rb"):  # noqa: PTH123 - whatever the storage calls a path
            return
    except (ValueError, OSError):
        yield Finding(
            "static-not-collected",
            f"Static files are not in {settings.STATIC_ROOT}, or are from another version: pages fail or look bare.",
            "python manage.py collectstatic --noinput, and restart the web processes.",
        )


def check_worker(visit: Visit) -> Iterator[Finding]:
    try:
        late = overdue_s()
    except DatabaseError:
        return  # told of by the database's check
    if not late:
        yield Finding(
            "no-worker",
            "No worker has ever done anything.",
            "Start one: python -m asgi_app.worker (the worker line of the Procfile).",
        )
    elif (most := max(late.values())) > WORKER_LATE_S:
        yield Finding(
            "worker-late",
            f"What a worker should have done {most / 60:.0f} minutes ago is not done.",
            "See whether `python -m asgi_app.worker` runs, and its log.",
        )
