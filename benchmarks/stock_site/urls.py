"""Posting as REST framework's tutorial would write it: a serializer, a view, and the chat is told."""

from asgiref.sync import async_to_sync
from channels.layers import get_channel_layer
from django.urls import path
from rest_framework import generics, serializers

from benchmarks.stock_site.models import Message
from benchmarks.stock_site.webhook import webhook


class MessageSerializer(serializers.ModelSerializer[Message]):
    class Meta:
        model = Message
        fields = ["id", "text", "created_at"]


class PostMessage(generics.CreateAPIView[Message]):
    serializer_class = MessageSerializer

    def perform_create(self, serializer: serializers.BaseSerializer[Message]) -> None:
        message = serializer.save(author=self.request.user)
        layer = get_channel_layer()
        assert layer is not None
        async_to_sync(layer.group_send)("chat_bench", {"type": "chat.message", "message": message.text})


urlpatterns = [path("messages/", PostMessage.as_view()), path("webhook/", webhook)]
