"""The starter collection, and the schedules of the verse of the day and of the action log's clean-up."""

from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps

from bots.verses.formats import SHIPPED, NewVerse, read_json


def create(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    verses = [entry[1] for entry in read_json(SHIPPED.read_text(encoding="utf-8"))]
    author, verse = apps.get_model("verses", "Author"), apps.get_model("verses", "Verse")
    authors = {
        each.author_name: author(name=each.author_name, surname=each.surname, letter=each.letter)
        for each in verses
        if isinstance(each, NewVerse)
    }
    author.objects.bulk_create(authors.values())
    verse.objects.bulk_create(
        verse(
            author=authors[each.author_name],
            title=each.title,
            year=each.year,
            language=each.language,
            text=each.text,
            source=each.source,
            digest=each.digest,
        )
        for each in verses
        if isinstance(each, NewVerse)
    )
    schedules = apps.get_model("messaging", "Schedule").objects
    schedules.create(name="Verse of the day", chore="verses.daily", cron="* * * * *")
    schedules.create(name="Weekly clean-up of the verse bot", chore="verses.clean_up", cron="30 7 * * 1")


class Migration(migrations.Migration):
    dependencies = [("verses", "0001_initial")]
    operations = [migrations.RunPython(create, migrations.RunPython.noop)]
