"""What the database holds: repairs, and conversations item by item."""

from django.db import models


class Repair(models.Model):
    """What a customer brings to the workshop."""

    customer = models.TextField()
    problem = models.TextField()
    is_ready = models.BooleanField(default=False)


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
