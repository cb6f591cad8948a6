"""Broadcasts and schedules, and the first schedule: the weekly clean-up."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps


def create(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    apps.get_model("messaging", "Schedule").objects.create(
        name="Weekly clean-up", chore="clean_up", cron="30 7 * * 1"
    )


class Migration(migrations.Migration):
    dependencies = [
        ("messaging", "0003_contacts_and_deliveries"),
    ]

    operations = [
        migrations.CreateModel(
            name="Schedule",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("name", models.CharField(max_length=60, unique=True)),
                ("chore", models.CharField(max_length=60)),
                (
                    "cron",
                    models.CharField(
                        help_text="Minute, hour, day of month, month, day of week: “30 7 * * 1”.",
                        max_length=100,
                    ),
                ),
                (
                    "zone",
                    models.CharField(
                        default="UTC",
                        help_text="Whose clock: “UTC”, “Europe/Paris” …",
                        max_length=64,
                        verbose_name="time zone",
                    ),
                ),
                ("enabled", models.BooleanField(default=True)),
                (
                    "bot",
                    models.CharField(
                        blank=True, default="", help_text="Of a broadcast: which bot says it.", max_length=40
                    ),
                ),
                ("text", models.TextField(blank=True, default="", help_text="Of a broadcast: what it says.")),
                ("next_at", models.DateTimeField(blank=True, db_index=True, null=True)),
                ("leased_until", models.DateTimeField(blank=True, null=True)),
                ("last_at", models.DateTimeField(blank=True, null=True)),
                ("last_outcome", models.CharField(blank=True, default="", max_length=300)),
            ],
        ),
        migrations.CreateModel(
            name="Broadcast",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("bot", models.CharField(max_length=40)),
                ("text", models.TextField(blank=True)),
                ("extras", models.JSONField(blank=True, help_text="As a message's.", null=True)),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("draft", "Draft"),
                            ("running", "Running"),
                            ("paused", "Paused"),
                            ("cancelled", "Cancelled"),
                            ("done", "Done"),
                        ],
                        db_index=True,
                        default="draft",
                        max_length=9,
                    ),
                ),
                (
                    "due_at",
                    models.DateTimeField(
                        blank=True, help_text="Of a schedule: the time that it was for. Once each.", null=True
                    ),
                ),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("confirmed_at", models.DateTimeField(blank=True, null=True)),
                ("finished_at", models.DateTimeField(blank=True, null=True)),
                (
                    "author",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "author_contact",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to="messaging.contact",
                    ),
                ),
                (
                    "schedule",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to="messaging.schedule",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="Recipient",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("waiting", "Waiting"),
                            ("handed", "Handed"),
                            ("sent", "Sent"),
                            ("skipped", "Skipped"),
                            ("failed", "Failed"),
                        ],
                        default="waiting",
                        max_length=7,
                    ),
                ),
                ("code", models.CharField(blank=True, default="", max_length=40)),
                ("reason", models.CharField(blank=True, default="", max_length=300)),
                (
                    "lost",
                    models.PositiveIntegerField(
                        default=0,
                        help_text="Tries whose outcome was never recorded: it may have arrived more often.",
                    ),
                ),
                ("handed_at", models.DateTimeField(blank=True, null=True)),
                (
                    "broadcast",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="recipients",
                        to="messaging.broadcast",
                    ),
                ),
                (
                    "contact",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="messaging.contact",
                    ),
                ),
                (
                    "delivery",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to="messaging.delivery",
                    ),
                ),
                (
                    "message",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to="messaging.message",
                    ),
                ),
                (
                    "user",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "indexes": [
                    models.Index(
                        condition=models.Q(("state", "waiting")),
                        fields=["broadcast", "id"],
                        name="recipient_waiting",
                    ),
                    models.Index(
                        condition=models.Q(("state", "handed")),
                        fields=["broadcast", "id"],
                        name="recipient_handed",
                    ),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("contact__isnull", False)),
                        fields=("broadcast", "contact"),
                        name="recipient_contact_once",
                    ),
                    models.UniqueConstraint(
                        condition=models.Q(("user__isnull", False)),
                        fields=("broadcast", "user"),
                        name="recipient_user_once",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("contact__isnull", True), ("user__isnull", True), _connector="XOR"
                        ),
                        name="recipient_is_one",
                    ),
                ],
            },
        ),
        migrations.AddConstraint(
            model_name="broadcast",
            constraint=models.UniqueConstraint(
                condition=models.Q(("schedule__isnull", False)),
                fields=("schedule", "due_at"),
                name="broadcast_once_a_run",
            ),
        ),
        migrations.RunPython(create, migrations.RunPython.noop),
    ]
