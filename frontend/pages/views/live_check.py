"""The page that looks for the broken hop; its script does the looking."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render


def live_check(request: HttpRequest) -> HttpResponse:
    return render(request, "pages/live_check.html")
