"""What all our pages of the admin share: nothing is added, deleted or changed but by actions, which commit by themselves."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from django.contrib import messages
from django.contrib.admin import ModelAdmin, helpers
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse

from messaging.errors import ParleyError

if TYPE_CHECKING:
    AnyModelAdmin = ModelAdmin[Any]
else:
    AnyModelAdmin = ModelAdmin


class LookOnly(AnyModelAdmin):
    """Rows that nobody changes by hand."""

    show_full_result_count = False
    list_per_page = 50

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        may_change = request.user.has_perm(f"{self.opts.app_label}.change_{self.opts.model_name}")
        return may_change or super().has_view_permission(request, obj)

    def do_to_each(
        self,
        request: HttpRequest,
        rows: QuerySet[Any],
        do: Callable[[Any], object],
        done: str,
        *,
        notes_itself: bool = False,
    ) -> None:
        """Does it to each row, each in a transaction of its own; says how many, and why not the others. Unless the
        action `notes_itself`, it is written down here who did it.
        """
        count = 0
        for row in rows:
            try:
                do(row)
            except ParleyError as error:
                self.message_user(request, f"{row}: {error.sentence}", messages.ERROR)
            else:
                if not notes_itself:
                    self.log_change(request, row, done)
                count += 1
        if count:
            self.message_user(request, f"{done} ({count})", messages.SUCCESS)

    def confirmation(
        self, request: HttpRequest, rows: QuerySet[Any], *, action: str, question: str
    ) -> HttpResponse | None:
        """The page that asks before something that cannot be undone; None: it has been answered."""
        if "confirmed" in request.POST:
            return None
        context: dict[str, Any] = {
            **self.admin_site.each_context(request),
            "title": "Are you sure?",
            "question": question,
            "rows": rows,
            "action": action,
            "checkbox": helpers.ACTION_CHECKBOX_NAME,
            "opts": self.opts,
        }
        return TemplateResponse(request, "admin/messaging/confirm.html", context)


def shortened(text: str) -> str:
    return text if len(text) <= 80 else f"{text[:79]}…"
