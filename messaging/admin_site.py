"""Who may enter the admin. Beside the package of its pages, whose import needs it."""

from django.contrib.admin import AdminSite
from django.http import HttpRequest

from messaging.models import User


class OperatorsSite(AdminSite):
    """Staff; and where a second factor is required, staff who have one."""

    site_header = "Parley"
    site_title = "Parley"
    index_template = "admin/operators_index.html"

    def has_permission(self, request: HttpRequest) -> bool:
        user = request.user
        return super().has_permission(request) and isinstance(user, User) and not user.lacks_second_factor
