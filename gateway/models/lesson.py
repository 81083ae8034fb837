"""What spam engines are taught: that a message is spam, or is none."""

import enum

from django.db import models

from gateway.models.choices import choices


class LessonKind(enum.StrEnum):
    """What is taught."""

    SPAM = "spam"
    HAM = "ham"


class LessonState(enum.StrEnum):
    """Where a lesson is. ``failed`` was refused by the engine, or given up."""

    WAITING = "waiting"
    LEARNED = "learned"
    FAILED = "failed"


class Lesson(models.Model):
    """One message for one engine. ``message`` is the trace's id, by which the spool finds the bytes."""

    message = models.CharField(max_length=40)
    engine = models.CharField(max_length=32, help_text="The check whose engine learns it.")
    kind = models.CharField(max_length=8, choices=choices(LessonKind))
    by = models.CharField(max_length=150, help_text="Who said so.")
    asked = models.DateTimeField()
    state = models.CharField(max_length=16, choices=choices(LessonState), default=LessonState.WAITING, db_index=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    next_attempt = models.DateTimeField(null=True, blank=True)
    detail = models.TextField(blank=True, help_text="What the engine answered.")

    class Meta:
        """Table options."""

        ordering = ("-asked", "-id")
        constraints = (models.UniqueConstraint(fields=("message", "engine"), name="one_lesson_per_engine"),)

    def __str__(self) -> str:
        """Give message, engine and kind."""
        return f"{self.message} as {self.kind} for {self.engine}"
