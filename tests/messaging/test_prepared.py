"""Prepared reads: what the query set would return, with nothing put together twice."""

import threading

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from messaging.models import Member, User
from messaging.prepared import Prepared

pytestmark = pytest.mark.django_db(transaction=True)

BY_NAME = Prepared(lambda names: User.objects.filter(username__in=names).order_by("username"))
PLACES = Prepared(
    lambda chats, users: (
        Member.objects.filter(chat__in=chats).filter(user__in=users, from_seq__isnull=False)
    ).select_related("user", "chat")
)


def test_rows_are_as_the_query_set_makes_them(alice: User, bob: User, charlie: User) -> None:
    for names in (["alice"], ["bob", "charlie"], ["alice", "nobody", "bob"], ["x"] * 9):
        found = BY_NAME.rows(names)
        wanted = list(User.objects.filter(username__in=names).order_by("username"))
        assert [vars(row) | {"_state": None} for row in found] == [
            vars(row) | {"_state": None} for row in wanted
        ]
        assert all(not row._state.adding and row._state.db == "default" for row in found)


def test_related_rows_come_along(alice: User, bob: User, room: str) -> None:
    chat = Member.objects.filter(user=alice, chat__uri=room).get().chat_id
    rows = PLACES.rows([chat], [alice.pk, bob.pk, 10**9])
    with CaptureQueriesContext(connection) as queries:
        assert {row.user.username for row in rows} == {"alice", "bob"}
        assert {row.chat.uri for row in rows} == {room}
    assert not queries.captured_queries


def test_no_values_no_rows_and_no_question(alice: User) -> None:
    with CaptureQueriesContext(connection) as queries:
        assert PLACES.rows([], [alice.pk]) == []
        assert PLACES.rows([1], set()) == []
    assert not queries.captured_queries


def test_what_looks_like_sql_is_a_value(alice: User) -> None:
    assert BY_NAME.rows(["' OR 1=1 --", "%s", "alice') OR ('1'='1"]) == []


def test_values_in_another_order_than_in_the_sql_are_refused(alice: User) -> None:
    # Django sorts the conditions of one filter by their names.
    mixed_up = Prepared(lambda users, chats: Member.objects.filter(user__in=users, chat__in=chats))
    with pytest.raises(ValueError, match="do not stand in the SQL"):
        mixed_up.rows([1], [1])


def test_each_thread_asks_on_its_own_connection(alice: User) -> None:
    assert BY_NAME.rows(["alice"]) == [alice]
    found: list[User] = []

    def ask() -> None:
        found.extend(BY_NAME.rows(["alice"]))
        connection.close()

    thread = threading.Thread(target=ask)
    thread.start()
    thread.join()
    assert found == [alice]
