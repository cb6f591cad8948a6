"""The Django application that holds the admin, in place of Django's own."""

from django.contrib.admin.apps import AdminConfig


class OperatorsAdminConfig(AdminConfig):
    default_site = "messaging.admin_site.OperatorsSite"
