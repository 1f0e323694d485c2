"""What the database holds: repairs, refunds, conversations item by item, and runs that wait."""

from django.db import models


class Repair(models.Model):
    """What a customer brings to the workshop."""

    customer = models.TextField()
    problem = models.TextField()
    is_ready = models.BooleanField(default=False)


class Refund(models.Model):
    """Money that a customer gets back."""

    repair = models.TextField()
    euros = models.FloatField()


class WaitingRun(models.Model):
    """A run that waits for its visitor."""

    visitor = models.TextField(unique=True)
    state = models.TextField()
    """The run, as `RunState.to_string` gives it."""


class Conversation(models.Model):
    """A conversation; whoever writes to it locks its row, so turns never mix."""

    session_id = models.TextField(unique=True)


class Item(models.Model):
    """An item of a conversation."""

    conversation = models.ForeignKey(Conversation, models.CASCADE, related_name="items")
    text = models.TextField()
    """The item as JSON: a Responses API input item."""

    class Meta:
        ordering = ["-id"]
