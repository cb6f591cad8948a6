from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("messaging", "0008_deployment_for_tests"),
    ]

    operations = [
        migrations.AddField(
            model_name="delivery",
            name="delivered_at",
            field=models.DateTimeField(
                blank=True, help_text="Up to when the platform says that everything has arrived.", null=True
            ),
        ),
        migrations.AddField(
            model_name="delivery",
            name="read_at",
            field=models.DateTimeField(blank=True, help_text="The same of what they have read.", null=True),
        ),
    ]
