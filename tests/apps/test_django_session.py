"""The session store of the Django example keeps the promises that all stores make."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.memory.test_stores import (  # noqa: F401
    test_a_cleared_session_begins_anew_and_leaves_others_alone,
    test_a_limit_gives_the_newest_items_and_splits_nothing,
    test_a_new_session_is_empty,
    test_a_session_is_kept_and_can_be_used_after_closing,
    test_a_store_is_a_session,
    test_a_turn_with_an_item_that_is_not_json_is_refused_whole,
    test_any_text_names_a_session_of_its_own,
    test_items_come_back_as_they_were_added,
    test_items_take_the_place_of_the_oldest_in_one_step_whoever_reads,
    test_pop_undoes_the_newest_item,
    test_threads_share_a_session_and_their_turns_stay_whole,
    test_threads_that_pop_get_each_item_once,
    test_what_is_no_text_names_no_session,
)
from tests.support.session_stores import Store
from tests.support.sites import EXAMPLES


class DjangoStore(Store):
    """The example's database."""

    def open(self, session_id: str, **options: Any) -> Any:
        from chat.sessions import DjangoSession

        return DjangoSession(session_id, **options)


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    django = pytest.importorskip("django")
    path = str(tmp_path_factory.mktemp("django") / "chat.db")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(EXAMPLES / "django_app")
        patch.setenv("DJANGO_SETTINGS_MODULE", "project.settings")
        patch.setenv("CHAT_DATABASE", path)
        django.setup()
        from django.core.management import call_command
        from django.db import connections

        call_command("migrate", verbosity=0)
        yield path
        connections.close_all()


@pytest.fixture
def store(database: str) -> Store:
    return DjangoStore("django", database)


@pytest.fixture
def shared_store(store: Store) -> Store:
    return store
