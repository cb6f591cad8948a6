"""The scripts know the same events as the server."""

from io import StringIO

from django.core.management import call_command

from tests.services import ROOT


def test_the_scripts_types_are_those_of_the_catalogue() -> None:
    output = StringIO()
    call_command("wire_types", stdout=output)
    kept = (ROOT / "frontend" / "src" / "wire.ts").read_text()
    assert kept == output.getvalue(), "run: python manage.py wire_types > frontend/src/wire.ts"
