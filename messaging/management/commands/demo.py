"""`manage.py demo`: a lively community to look around in, made by the same actions as everything else."""

import secrets
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from messaging.actions.accounts import sign_up
from messaging.actions.chats import add_member, create_room, mark_read
from messaging.actions.messages import delete_message, edit_message, post_message
from messaging.actions.threads import close_thread, open_thread
from messaging.management.demo_desk import fill_desk
from messaging.models import Chat, User

PEOPLE = (
    ("alice", "Alice", "Lindqvist"),
    ("bob", "Bob", "Okafor"),
    ("charlie", "Charlie", "Moreau"),
    ("dora", "Dora", "Haas"),
    ("emil", "Emil", "Santos"),
    ("farida", "Farida", "Karimova"),
    ("goran", "Goran", "Petrov"),
    ("olive", "Olive", "Tanaka"),
)

FEED = (
    ("olive", "Welcome to Parley. This is the feed: everybody here reads it."),
    ("bob", "Morning all. The ferry is back on its summer timetable from Monday."),
    ("farida", "Finally! The 7:40 as well?"),
    ("bob", "Yes, the 7:40 too. Full list: https://ferries.example/timetable"),
    (
        "dora",
        "Lost on the pier yesterday evening: a small green umbrella. It has been with me for ten years 🌂",
    ),
    ("emil", "I think it is at the kiosk. They put things like that behind the counter."),
    ("dora", "It was there! Thank you, Emil."),
    ("charlie", "Choir practice moves to Thursday this week, same room, 19:00."),
    ("goran", "Does anyone have a ladder that reaches a second floor? Only for Saturday."),
    ("alice", "I do. Come by after ten."),
    ("goran", "You are the best."),
    ("farida", "Всем доброе утро! Кто идёт на рынок в субботу?"),
    ("olive", "The library has the new opening hours on the door: open until nine on Wednesdays."),
    ("emil", "Photos from the regatta are up. Thank you to everybody who rowed, shouted or made soup."),
    ("alice", "The soup was the best part."),
    ("bob", "Strongly agreed."),
)

ROOMS: dict[str, tuple[tuple[str, ...], tuple[tuple[str, str], ...]]] = {
    "Harbour watch": (
        ("alice", "bob", "emil", "farida", "goran"),
        (
            ("alice", "New week, new list. Who takes which evening?"),
            ("bob", "Tuesday and Friday for me."),
            ("farida", "Wednesday. I bring the big torch."),
            ("goran", "I can do Thursday if somebody swaps with me on the 14th."),
            ("emil", "I swap. The 14th is fine."),
            ("alice", "Lovely. Then Monday and the weekend are mine."),
            (
                "alice",
                "Reminder for everybody:\n• log in at 20:00\n• one round on foot\n• call if the east light is out",
            ),
            ("bob", "The east light flickered last night. I told the harbour master."),
            ("farida", "They are replacing the fitting tomorrow morning."),
            ("emil", "Then the boats at the outer jetty should wait until noon, I suppose?"),
            ("bob", "Yes, noon. I put a note on the board."),
        ),
    ),
    "Choir": (
        ("charlie", "alice", "dora", "farida"),
        (
            ("charlie", "Scores for the autumn are printed. Pick yours up on Thursday."),
            ("dora", "Is the Fauré in?"),
            ("charlie", "The Fauré is in. So is the very high note."),
            ("dora", "I was afraid of that."),
            ("farida", "We can lean on the second sopranos."),
            ("alice", "The second sopranos are leaning on the altos already."),
            ("charlie", "Thursday, 19:30, everybody. Bring a pencil."),
            ("dora", "And an alto or two."),
        ),
    ),
    "Book club: one long summer novel": (
        ("dora", "alice", "goran", "olive"),
        (
            ("dora", "We meet on the 28th. Until then chapters 9 to 14, if you dare."),
            ("goran", "I dare. I am on 11 and do not trust the aunt."),
            ("olive", "Nobody trusts the aunt."),
            ("alice", "I read ahead. I say nothing."),
            ("goran", "Alice!"),
            ("dora", "Nobody says anything until the 28th."),
            ("olive", "Not even about the aunt?"),
        ),
    ),
}

THREAD = (
    ("bob", "Hi Alice, do you still have the keys to the boathouse?"),
    ("alice", "I do! Do you need them today?"),
    ("bob", "Tomorrow would do. I want to look at the winch before it rains."),
    ("alice", "I am there at nine with coffee."),
    ("bob", "Then I come for the coffee and look at the winch afterwards."),
    ("alice", "That is the right order."),
    ("bob", "See you at nine ☕"),
)

OLD_THREAD = (
    ("alice", "Charlie, may I bring a friend to choir? She sings alto."),
    ("charlie", "An alto! Bring two."),
)


class Command(BaseCommand):
    help = "Fills a deployment without accounts with people, rooms, threads and posts; prints how to sign in."

    def add_arguments(self, parser: Any) -> None:
        parser.add_argument("--password", default="", help="everybody's; default: a random one")

    def handle(self, *args: Any, **options: Any) -> None:
        if User.objects.exists():
            raise CommandError("There are accounts already. The demo is for an empty deployment: VAR_DIR=…")
        # Nobody is at the keyboard: what protects from haste has nothing to protect here.
        settings.POSTS_PER_MINUTE = 1_000_000
        password: str = options["password"] or secrets.token_urlsafe(9)
        people = self._sign_up(password)
        self._talk("feed", FEED[:10], people)
        self._correct_and_regret(people)
        self._talk("feed", FEED[10:], people)
        for name, (members, said) in ROOMS.items():
            self._make_room(name, members, said, people)
        old, _ = open_thread(user=people["alice"], username="charlie")
        self._talk(old.uri, OLD_THREAD, people)
        close_thread(user=people["charlie"], chat=old.uri)
        thread, _ = open_thread(user=people["bob"], username="alice")
        self._talk(thread.uri, THREAD, people)
        self._leave_some_unread(people)
        fill_desk(User.objects.get(username="olive"))
        self.stdout.write(
            f"  Sign in as {', '.join(people)} with the password {password}  (olive is an operator)"
        )

    def _sign_up(self, password: str) -> dict[str, User]:
        people = {
            username: sign_up(username=username, password=password, first_name=first, last_name=last)
            for username, first, last in PEOPLE
        }
        User.objects.filter(username="olive").update(is_staff=True, is_superuser=True)
        return people

    def _talk(self, uri: str, said: tuple[tuple[str, str], ...], people: dict[str, User]) -> None:
        for name, text in said:
            post_message(user=people[name], chat=uri, text=text)

    def _make_room(
        self, name: str, members: tuple[str, ...], said: tuple[tuple[str, str], ...], people: dict[str, User]
    ) -> None:
        owner, *others = members
        room = create_room(user=people[owner], name=name)
        for other in others:
            add_member(user=people[other], chat=room.uri)
        self._talk(room.uri, said, people)

    def _correct_and_regret(self, people: dict[str, User]) -> None:
        edit_message(
            user=people["charlie"],
            chat="feed",
            number=8,
            text="Choir practice moves to Thursday this week, same room, 19:30.",
        )
        regretted = post_message(user=people["goran"], chat="feed", text="wrong window, sorry")
        delete_message(user=people["goran"], chat="feed", number=regretted.number)

    def _leave_some_unread(self, people: dict[str, User]) -> None:
        """Everybody has read everything, but alice: two of her rooms have gone on without her."""
        for chat in Chat.objects.all():
            for member in chat.members.filter(from_seq__isnull=False).select_related("user"):
                if member.user != people["alice"] or chat.kind != Chat.Kind.ROOM:
                    mark_read(user=member.user, chat=chat.uri, number=chat.message_count)
