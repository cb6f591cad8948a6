"""Which door answers which path."""

from django.contrib import admin
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import include, path

from api import errors as api_errors
from asgi_app.at_a_glance import at_a_glance
from frontend.pages import errors as page_errors
from frontend.pages.views import accounts


def admin_log_in(request: HttpRequest) -> HttpResponse:
    if request.user.is_authenticated and request.user.is_staff and request.user.lacks_second_factor:
        return redirect("pages:second-factor")
    if request.user.is_authenticated:
        raise PermissionDenied  # signed in, and no business there: logging in again would lead back here
    return redirect_to_login(request.GET.get("next", "/admin/"))


def admin_password_change(request: HttpRequest) -> HttpResponse:
    return redirect("pages:password-change")


urlpatterns = [
    path("", include("api.urls")),
    path("", include("frontend.pages.urls")),
    # Django's own would neither count failures, nor end live connections, nor sign other devices out.
    path("admin/login/", admin_log_in),
    path("admin/logout/", accounts.log_out),
    path("admin/password_change/", admin_password_change),
    path("admin/at-a-glance/", admin.site.admin_view(at_a_glance), name="at-a-glance"),
    path("admin/", admin.site.urls),
]


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    if _is_for_programs(request):
        return api_errors.answer_plainly(400, "invalid", "The request cannot be read.")
    return page_errors.bad_request(request, exception)


def server_error(request: HttpRequest) -> HttpResponse:
    if _is_for_programs(request):
        return api_errors.answer_plainly(500, "defect", api_errors.DEFECT)
    return page_errors.server_error(request)


def _is_for_programs(request: HttpRequest) -> bool:
    return request.path_info.startswith(("/api/", "/auth/"))


handler400 = bad_request
handler403 = "frontend.pages.errors.forbidden"
handler404 = "frontend.pages.errors.not_found"
handler500 = server_error
