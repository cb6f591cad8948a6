"""The feed: read by anybody, written to by whoever has signed in."""

from django.conf import LazySettings

from messaging.actions.messages import post_message
from messaging.models import Message, User
from messaging.queries.chats import readable
from messaging.queries.messages import messages_of
from tests.pages.visitor import Visitor


def test_anybody_reads_what_is_posted(as_alice: Visitor, nobody: Visitor) -> None:
    page = as_alice.say("/", "Good morning", "Post")
    assert (page.status, page.url, page.messages) == (200, "/", ["Good morning"])
    assert nobody.open("/").messages == ["Good morning"]


def test_the_newest_message_is_on_top(as_alice: Visitor) -> None:
    as_alice.say("/", "first", "Post")
    assert as_alice.say("/", "second", "Post").messages == ["second", "first"]


def test_nobody_is_invited_to_sign_up_instead_of_to_write(nobody: Visitor) -> None:
    page = nobody.open("/")
    assert not page.root.all("textarea", name="text")
    assert page.link("Sign up") == "/signup/"
    assert "Nobody has said anything yet." in page.content.said


def test_what_people_write_is_text(as_alice: Visitor) -> None:
    text = "<b onclick=alert(1)>bold</b> & </script><script>alert(1)</script>"
    page = as_alice.say("/", text, "Post")
    assert page.messages == [text]
    assert not page.root.all("b")
    assert page.live["page"]["messages"][0]["text"] == text


def test_a_form_sent_twice_posts_once(as_alice: Visitor) -> None:
    form = as_alice.open("/").form("Post")
    as_alice.submit(form, text="once")
    assert as_alice.submit(form, text="once").messages == ["once"]


def test_each_form_posts_its_own_message(as_alice: Visitor) -> None:
    as_alice.say("/", "again", "Post")
    assert as_alice.say("/", "again", "Post").messages == ["again", "again"]


def test_a_form_that_was_come_back_to_and_changed_posts_when_it_is_sent_again(as_alice: Visitor) -> None:
    form = as_alice.open("/").form("Post")
    as_alice.submit(form, text="first words")
    page = as_alice.submit(form, text="other words")
    assert page.status == 409
    assert "another text" in page.errors[0]
    assert page.messages == ["first words"]
    assert as_alice.submit(page.form("Post")).messages == ["other words", "first words"]


def test_nothing_is_not_posted(as_alice: Visitor) -> None:
    for nothing in ("", " \r\n\t "):
        page = as_alice.say("/", nothing, "Post")
        assert (page.status, page.messages) == (400, [])
        assert page.errors


def test_what_is_too_long_is_kept_in_the_form(as_alice: Visitor) -> None:
    page = as_alice.say("/", "x" * 8001, "Post")
    assert page.status == 400
    assert page.form("Post").fields["text"] == "x" * 8001
    assert as_alice.submit(page.form("Post"), text="x" * 8000).messages == ["x" * 8000]


def test_lines_end_as_they_do_everywhere_else(as_alice: Visitor, alice: User) -> None:
    form = as_alice.open("/").form("Post")
    page = as_alice.submit(form, text="one\r\ntwo\r\n\r\n  three")
    assert page.messages == ["one\ntwo\n\n  three"]
    # The script, whose answer was lost, sends the same again.
    post_message(user=alice, chat="feed", text="one\ntwo\n\n  three", client_id=form.fields["client_id"])
    assert Message.objects.count() == 1


def test_a_line_break_at_the_beginning_stays_when_the_form_comes_back(as_alice: Visitor) -> None:
    text = "\n\nfar below" + "x" * 8000
    assert as_alice.say("/", text, "Post").form("Post").fields["text"] == text


def test_whoever_posts_too_fast_is_told_to_wait_and_keeps_the_text(
    as_alice: Visitor, settings: LazySettings
) -> None:
    settings.POSTS_PER_MINUTE = 1
    as_alice.say("/", "one", "Post")
    page = as_alice.say("/", "two", "Post")
    assert page.status == 429
    assert int(page.headers["Retry-After"]) >= 1
    assert page.form("Post").fields["text"] == "two"


def test_whoever_was_signed_out_meanwhile_keeps_the_text(as_alice: Visitor) -> None:
    form = as_alice.open("/").form("Post")
    token = as_alice.client.cookies["csrftoken"].value
    as_alice.client.logout()
    as_alice.client.cookies["csrftoken"] = token
    page = as_alice.submit(form, text="lost?")
    assert page.status == 401
    assert page.root.all("textarea")[0].text.strip() == "lost?"


def test_older_messages_are_pages_away(as_alice: Visitor, nobody: Visitor, alice: User) -> None:
    for number in range(1, 121):
        post_message(user=alice, chat="feed", text=str(number))
    newest = nobody.open("/")
    assert newest.messages == [str(number) for number in range(120, 70, -1)]
    middle = nobody.open(newest.link("Older messages"))
    assert middle.messages == [str(number) for number in range(70, 20, -1)]
    oldest = nobody.open(middle.link("Older messages"))
    assert oldest.messages == [str(number) for number in range(20, 0, -1)]
    assert nobody.open(oldest.link("Newer")).messages[0] == "70"
    assert nobody.open(oldest.link("Newest messages")).messages[0] == "120"


def test_no_page_is_made_of_nonsense(nobody: Visitor) -> None:
    for query in ("before=x", "before=-1", "before=1&after=1", "around=99999999999999999999", "before=%00"):
        assert nobody.open(f"/?{query}").status == 400


def test_a_message_has_an_address_of_its_own(as_alice: Visitor, nobody: Visitor, alice: User) -> None:
    for number in range(1, 121):
        post_message(user=alice, chat="feed", text=str(number))
    page = nobody.open("/messages/feed/60/")
    assert page.url == "/?around=60#m60"
    assert "60" in page.messages
    assert nobody.open("/messages/feed/121/").status == 404
    assert nobody.open(f"/messages/feed/{'9' * 15}/").status == 404
    assert nobody.open(f"/messages/feed/{'9' * 30}/").status == 404


def test_the_script_starts_from_where_the_page_stands(as_alice: Visitor, nobody: Visitor) -> None:
    as_alice.say("/", "one", "Post")
    live = as_alice.say("/", "two", "Post").live
    assert live["page"]["position"]["seq"] == 2
    assert [message["number"] for message in live["page"]["messages"]] == [1, 2]
    assert live["me"]["username"] == "alice"
    assert nobody.open("/").live["me"] is None


def test_one_edits_ones_own_message(as_alice: Visitor, as_bob: Visitor) -> None:
    page = as_alice.say("/", "Good mourning", "Post")
    editing = as_alice.open(page.link("Edit message 1"))
    assert editing.form("Save").fields["text"] == "Good mourning"
    page = as_alice.submit(editing.form("Save"), text="Good morning")
    assert page.messages == ["Good morning"]
    assert page.has("span", "edited")
    assert not as_bob.open("/").has("a", "Edit message 1")
    assert as_bob.open("/messages/feed/1/edit/").status == 403
    empty = as_alice.submit(as_alice.open("/messages/feed/1/edit/").form("Save"), text=" ")
    assert (empty.status, empty.errors) == (400, ["must not be empty"])


def test_one_deletes_ones_own_message_and_that_there_was_one_stays(
    as_alice: Visitor, as_bob: Visitor
) -> None:
    page = as_alice.say("/", "Oops", "Post")
    asked = as_alice.open(page.link("Delete message 1"))
    assert "Oops" in asked.content.said
    assert as_alice.submit(asked.form("Delete")).messages == ["Deleted by its author."]
    assert as_bob.open("/").messages == ["Deleted by its author."]
    assert as_alice.open("/messages/feed/1/edit/").status == 409


def test_others_cannot_delete_it_but_operators_can(
    as_alice: Visitor, as_bob: Visitor, as_olive: Visitor
) -> None:
    as_alice.say("/", "rude", "Post")
    assert as_bob.open("/messages/feed/1/delete/").status == 403
    page = as_olive.open("/")
    assert not page.has("a", "Edit message 1")
    page = as_olive.submit(as_olive.open(page.link("Delete message 1")).form("Delete"))
    assert page.messages == ["Deleted by an operator."]


def test_a_page_costs_a_fixed_number_of_queries(
    as_alice: Visitor, alice: User, django_assert_max_num_queries: object
) -> None:
    for number in range(60):
        post_message(user=alice, chat="feed", text=str(number))
    with django_assert_max_num_queries(24):  # type: ignore[operator]  # pytest-django's fixture is a context manager
        as_alice.open("/")


def test_what_is_posted_while_a_page_is_read_comes_live_and_not_on_a_page_further_on(alice: User) -> None:
    post_message(user=alice, chat="feed", text="one")
    access = readable("feed", alice)
    post_message(user=alice, chat="feed", text="two")
    page = messages_of(access, after=0, limit=1)
    assert ([message.text for message in page.messages], page.position.seq) == (["one"], 1)
    assert not page.has_newer
    assert messages_of(readable("feed", alice), after=0, limit=1).has_newer
