"""What hostile clients meet: the stage of the live connections."""

from tests.consumers.conftest import cast, server_command, server_settings, stage, stage_database

__all__ = ["cast", "server_command", "server_settings", "stage", "stage_database"]
