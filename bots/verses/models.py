"""The verse bot's tables: the collection, and what it keeps of its readers."""

from django.db import models

CONTACT = "messaging.Contact"


class Author(models.Model):
    """A poet. `letter` is the first one of the surname: favourites are browsed by it."""

    name = models.CharField(max_length=100, unique=True)
    surname = models.CharField(max_length=100)
    letter = models.CharField(max_length=1, db_index=True)

    class Meta:
        ordering = ["surname", "name"]

    def __str__(self) -> str:
        return self.name


class Verse(models.Model):
    """A short poem. Its digest makes that the same one is taken up once."""

    author = models.ForeignKey(Author, on_delete=models.PROTECT, related_name="verses")
    title = models.CharField(max_length=120)
    year = models.SmallIntegerField(null=True, blank=True)
    language = models.CharField(max_length=2, db_index=True, help_text="Two letters: en, ru …")
    text = models.TextField()
    source = models.CharField(max_length=200, blank=True, default="")
    digest = models.CharField(max_length=64, unique=True, editable=False)

    author_id: int

    class Meta:
        ordering = ["title", "id"]

    def __str__(self) -> str:
        return f"{self.title} ({self.author})"


class Reader(models.Model):
    """What a contact has chosen of the verse of the day. `due_at` is when their next one is; NULL: they want none."""

    contact = models.OneToOneField(CONTACT, primary_key=True, on_delete=models.CASCADE, related_name="+")
    hour = models.PositiveSmallIntegerField(default=9, help_text="By the clocks of their time zone.")
    due_at = models.DateTimeField(null=True, blank=True, db_index=True)
    passed_over_at = models.DateTimeField(
        null=True, blank=True, help_text="When they last got none because they could not be written to."
    )
    passed_over = models.CharField(max_length=40, blank=True, default="", help_text="Why, as a code.")

    contact_id: int

    class Meta:
        constraints = [
            models.CheckConstraint(condition=models.Q(hour__lt=24), name="reader_hour_of_day"),
        ]

    def __str__(self) -> str:
        return f"reader {self.contact_id}"


class Favourite(models.Model):
    contact = models.ForeignKey(CONTACT, on_delete=models.CASCADE, related_name="+")
    verse = models.ForeignKey(Verse, on_delete=models.CASCADE, related_name="favourites")
    added_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["contact", "verse"], name="favourite_once")]

    def __str__(self) -> str:
        return f"{self.verse_id} of {self.contact_id}"

    contact_id: int
    verse_id: int


class DailyVerse(models.Model):
    """That a person got the verse of a day: once, however many of their contacts and of our workers there are.

    `person` is who reads: the account behind the contact, or the contact itself. `day` is the date where they live.
    """

    person = models.CharField(max_length=40)
    day = models.DateField()
    contact = models.ForeignKey(CONTACT, on_delete=models.CASCADE, related_name="+")
    verse = models.ForeignKey(Verse, null=True, on_delete=models.SET_NULL, related_name="+")
    sent_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name = "verse of the day"
        verbose_name_plural = "verses of the day"
        constraints = [models.UniqueConstraint(fields=["person", "day"], name="daily_verse_once")]

    def __str__(self) -> str:
        return f"{self.day} for {self.person}"


class Action(models.Model):
    """Something a reader did: which command or button, never their words."""

    contact = models.ForeignKey(CONTACT, on_delete=models.CASCADE, related_name="+")
    name = models.CharField(max_length=40)
    at = models.DateTimeField(auto_now_add=True, db_index=True)

    contact_id: int

    def __str__(self) -> str:
        return f"{self.name} by {self.contact_id}"
