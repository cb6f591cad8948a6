"""The feed, and the deployment with its first epoch."""

import secrets

from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps


def create(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    apps.get_model("messaging", "Chat").objects.create(uri="feed", kind="feed", name="Feed", link_open=False)
    apps.get_model("messaging", "Deployment").objects.create(pk=1, epoch=secrets.token_hex(4))


class Migration(migrations.Migration):
    dependencies = [("messaging", "0001_initial")]
    operations = [migrations.RunPython(create, migrations.RunPython.noop)]
