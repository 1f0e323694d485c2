"""What the database holds: repairs, refunds, conversations, runs that wait, and a journal."""

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


class JournalRun(models.Model):
    """A run in the journal: its fields are those of `agents_lite.journal.RunRow`, its table is that
    of other journals, so `agents-lite runs list --db shop.db` shows it.
    """

    run_id = models.TextField(primary_key=True)
    about = models.TextField()
    status = models.CharField(max_length=16)
    note = models.TextField()
    holder = models.TextField(null=True)
    lease_until = models.FloatField()
    started_at = models.FloatField()
    changed_at = models.FloatField()
    entries = models.IntegerField()

    class Meta:
        db_table = "agent_runs"
        indexes = [models.Index(fields=["status", "changed_at"], name="agent_runs_by_change")]


class JournalEntry(models.Model):
    """What a run has done, commit by commit."""

    run_id = models.TextField()
    number = models.IntegerField()
    entry = models.TextField()

    class Meta:
        db_table = "agent_run_entries"
        constraints = [models.UniqueConstraint(fields=["run_id", "number"], name="one_entry")]
