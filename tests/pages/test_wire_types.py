"""The scripts know the same events and the same API as the server."""

import subprocess
from io import StringIO
from pathlib import Path

from django.core.management import call_command

from tests.services import ROOT

FRONTEND = ROOT / "frontend"


def test_the_scripts_types_are_those_of_the_catalogue() -> None:
    output = StringIO()
    call_command("wire_types", stdout=output)
    kept = (FRONTEND / "src" / "wire.ts").read_text()
    assert kept == output.getvalue(), "run: python manage.py wire_types > frontend/src/wire.ts"


def test_the_apps_types_are_those_of_the_api(tmp_path: Path) -> None:
    described, made = tmp_path / "openapi.json", tmp_path / "schema.ts"
    call_command("spectacular", "--format", "openapi-json", "--file", str(described))
    command = [
        FRONTEND / "node_modules" / ".bin" / "openapi-typescript",
        described,
        "--silent",
        "--default-non-nullable=false",
        "--output",
        made,
    ]
    subprocess.run([str(part) for part in command], cwd=FRONTEND, check=True, capture_output=True)
    kept = (FRONTEND / "src" / "app" / "api" / "schema.ts").read_text()
    assert kept == made.read_text(), "run: npm --prefix frontend run api-types"
