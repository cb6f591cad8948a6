"""Makes tables and writers; prints a token a line."""

import os
import sys

import django
from django.core.management import call_command

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "benchmarks.stock_site.settings")
django.setup()

from django.contrib.auth.models import User  # noqa: E402 - needs the set-up
from django.db import connection  # noqa: E402
from rest_framework.authtoken.models import Token  # noqa: E402

from benchmarks.stock_site.models import Inbound, Message  # noqa: E402

if __name__ == "__main__":
    call_command("migrate", verbosity=0)
    with connection.schema_editor() as editor:
        editor.create_model(Message)
        editor.create_model(Inbound)
    for number in range(int(sys.argv[1])):
        user = User.objects.create(username=f"writer{number}")
        print(Token.objects.create(user=user).key)
