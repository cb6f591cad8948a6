"""What must be true of every log at any time: no holes, no repeats, and the rows are what the events say."""

from django.apps import apps

from messaging.models import Chat, Event, Interval, Member, Message

DELETED = ""


def assert_every_log_is_sound() -> None:
    for chat in Chat.objects.all():
        assert_sound(chat)


def assert_sound(chat: Chat) -> None:
    events = list(Event.objects.filter(chat=chat).order_by("seq"))
    messages = {message.number: message for message in Message.objects.filter(chat=chat)}
    seqs = [event.seq for event in events]
    assert seqs == list(range(chat.pruned_seq + 1, chat.last_seq + 1)), f"{chat.uri}: holes in {seqs}"
    assert sorted(messages) == list(range(1, chat.message_count + 1)), f"{chat.uri}: {sorted(messages)}"
    assert len({message.seq for message in messages.values()}) == len(messages)
    closed_at = next((event.seq for event in events if event.type == "chat.closed"), None)
    if closed_at is not None:
        assert closed_at == chat.last_seq or all(
            event.type == "message.deleted" for event in events if event.seq > closed_at
        ), f"{chat.uri}: events after the close"
    for member in Member.objects.filter(chat=chat):
        assert member.read_number <= chat.message_count
    if chat.pruned_seq == 0:
        _assert_events_tell_the_rows(chat, events, messages)


def _assert_events_tell_the_rows(chat: Chat, events: list[Event], messages: dict[int, Message]) -> None:
    """Replays the log as a client does, deletions last: a deleted text is blank from its first event on."""
    texts: dict[int, str] = {}
    present: dict[int, int] = {}
    stays: list[tuple[int, int, int]] = []
    roles: dict[int, str] = {}
    for event in events:
        match event.type:
            case "message.posted":
                told = event.data["message"]
                assert told["number"] == len(texts) + 1
                assert told["seq"] == event.seq == messages[told["number"]].seq
                assert told["author"] in _references_to(messages[told["number"]])
                texts[told["number"]] = told["text"]
            case "message.edited":
                texts[event.data["number"]] = event.data["text"]
            case "message.deleted":
                texts[event.data["number"]] = DELETED
            case "member.joined":
                user_id = event.data["user"]["user_id"]
                assert user_id not in present
                present[user_id] = event.seq
                roles[user_id] = event.data["role"]
            case "member.left" | "member.removed":
                user_id = event.data["user"]["user_id"]
                assert event.ends == [user_id]
                stays.append((user_id, present.pop(user_id), event.seq + 1))
            case "member.promoted":
                roles[event.data["user"]["user_id"]] = "owner"
    assert texts == {number: message.text for number, message in messages.items()}
    if chat.kind == Chat.Kind.FEED:
        return
    here = {member.user_id: member for member in Member.objects.filter(chat=chat, from_seq__isnull=False)}
    assert here.keys() == present.keys()
    for user_id, member in here.items():
        assert member.from_seq in (1, present[user_id])
        assert member.role == roles[user_id]
    ended = Interval.objects.filter(member__chat=chat).values_list("member__user_id", "to_seq")
    assert sorted(ended) == sorted((user_id, to_seq) for user_id, _, to_seq in stays)


def everything_stored() -> dict[str, str]:
    """Every row of every table, as text, by the table's name: to look for what must not be left anywhere."""
    return {
        model._meta.db_table: str(list(model._default_manager.values()))
        for model in apps.get_models(include_auto_created=True)
        if not model._meta.swapped
    }


def _references_to(message: Message) -> list[dict[str, int | None]]:
    if message.contact_id is not None:
        return [{"contact_id": message.contact_id}]
    return [{"user_id": message.author_id}]
