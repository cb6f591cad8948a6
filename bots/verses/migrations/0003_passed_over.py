from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("verses", "0002_collection"),
    ]

    operations = [
        migrations.AddField(
            model_name="reader",
            name="passed_over",
            field=models.CharField(blank=True, default="", help_text="Why, as a code.", max_length=40),
        ),
        migrations.AddField(
            model_name="reader",
            name="passed_over_at",
            field=models.DateTimeField(
                blank=True,
                help_text="When they last got none because they could not be written to.",
                null=True,
            ),
        ),
    ]
