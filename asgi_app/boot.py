"""Sets Django up, on import: whatever runs imports this before anything that has models."""

import os

import django

from asgi_app.observers import observe

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "asgi_app.settings")
django.setup()
observe()
