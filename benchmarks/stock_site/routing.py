"""Part 2 of the tutorial, and the echo."""

from django.urls import re_path

from benchmarks.stock_site import consumers

websocket_urlpatterns = [
    re_path(r"ws/chat/(?P<room_name>\w+)/$", consumers.ChatConsumer.as_asgi()),  # type: ignore[arg-type]
    re_path(r"ws/echo/$", consumers.EchoConsumer.as_asgi()),  # type: ignore[arg-type]
]
