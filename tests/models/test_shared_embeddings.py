"""The embeddings that both towers look up."""

from dataclasses import replace

import numpy as np
import pytest


@pytest.fixture
def shared(tiny):
    """Shared words, looked up once so that their weights are there."""

    def shared(tiny=tiny, **settings):
        from models.shared_embeddings import SharedEmbeddings

        fitted = tiny.encodings()
        words = SharedEmbeddings(fitted.query, fitted.item, replace(tiny.config, **settings))
        for embedding in (*words.content.values(), words.item_memory, words.repeat_log_weights):
            if embedding is not None:
                embedding(np.zeros(1, np.int32))
        return words

    return shared


def test_there_is_a_vector_for_every_word_that_items_and_lists_have_in_common(shared):
    content = shared().content

    # missing, unknown and a, b, c; missing, unknown and blue, red
    assert {name: words.get_weights()[0].shape for name, words in content.items()} == {
        "item_id": (5, 4),
        "colour": (4, 4),
    }


def test_two_lists_of_the_same_words_share_their_vectors(shared, tiny):
    colours = tiny.query_schema.lists[1]
    more = replace(tiny.query_schema, columns=(*tiny.query_schema.columns, replace(colours, name="liked_colours")))

    assert sorted(shared(replace(tiny, query_schema=more)).content) == ["colour", "item_id"]


def test_every_item_has_a_memory_and_a_purchase_of_it_counts_once_at_first(shared):
    words = shared()

    assert words.item_memory.get_weights()[0].shape == (5, 3)
    assert words.repeat_log_weights.get_weights()[0].tolist() == [[0]] * 5  # the log of 1


def test_without_dimensions_for_it_there_is_no_memory(shared):
    words = shared(item_memory_dimensions=0)

    assert (words.item_memory, words.repeat_log_weights) == (None, None)


def test_without_a_list_of_items_there_is_nothing_to_remember(shared, tiny):
    without = tuple(column for column in tiny.query_schema.columns if not column.name.startswith("recent"))

    words = shared(replace(tiny, query_schema=replace(tiny.query_schema, columns=without)))

    assert (list(words.content), words.item_memory, words.repeat_log_weights) == (["colour"], None, None)


def test_without_lists_nothing_is_shared(shared, tiny):
    words = shared(replace(tiny, query_schema=replace(tiny.query_schema, columns=tiny.query_schema.columns[:3])))

    assert (words.content, words.item_memory) == ({}, None)


def test_both_towers_learn_the_same_vectors(tiny):
    model = tiny.towers().model

    queries, items = (
        {weight.ref() for weight in tower.trainable_weights} for tower in (model.query_tower, model.item_tower)
    )
    words = [*model.shared.content.values(), model.shared.item_memory, model.shared.repeat_log_weights]
    assert queries & items == {embedding.embeddings.ref() for embedding in words}
