"""The embeddings that both towers share."""

from dataclasses import replace

import numpy as np
import pytest


@pytest.fixture
def shared(tiny):
    """Shared embeddings, called once so that their weights exist."""

    def shared(tiny=tiny, **settings):
        from models.shared_embeddings import SharedEmbeddings

        encodings = tiny.encodings()
        embeddings = SharedEmbeddings(encodings.query, encodings.item, replace(tiny.config, **settings))
        for embedding in (*embeddings.content.values(), embeddings.item_memory, embeddings.repeat_log_weights):
            if embedding is not None:
                embedding(np.zeros(1, np.int32))
        return embeddings

    return shared


def test_every_token_that_items_and_lists_have_in_common_has_a_vector(shared):
    content = shared().content

    # missing, unknown and a, b, c; missing, unknown and blue, red
    assert {name: embedding.get_weights()[0].shape for name, embedding in content.items()} == {
        "item_id": (5, 4),
        "colour": (4, 4),
    }


def test_two_lists_of_the_same_category_share_their_vectors(shared, tiny):
    colours = tiny.query_schema.string_lists[1]
    more = replace(tiny.query_schema, columns=(*tiny.query_schema.columns, replace(colours, name="liked_colours")))

    assert sorted(shared(replace(tiny, query_schema=more)).content) == ["colour", "item_id"]


def test_every_item_has_a_memory_vector_and_the_initial_weight_of_a_purchase_is_1(shared):
    embeddings = shared()

    assert embeddings.item_memory.get_weights()[0].shape == (5, 3)
    assert embeddings.repeat_log_weights.get_weights()[0].tolist() == [[0]] * 5  # the log of 1


def test_without_item_memory_dimensions_there_is_no_item_memory(shared):
    embeddings = shared(item_memory_dimensions=0)

    assert (embeddings.item_memory, embeddings.repeat_log_weights) == (None, None)


def test_without_a_list_of_items_there_is_no_item_memory(shared, tiny):
    without = tuple(column for column in tiny.query_schema.columns if not column.name.startswith("recent"))

    embeddings = shared(replace(tiny, query_schema=replace(tiny.query_schema, columns=without)))

    assert (list(embeddings.content), embeddings.item_memory, embeddings.repeat_log_weights) == (["colour"], None, None)


def test_without_lists_there_are_no_shared_embeddings(shared, tiny):
    embeddings = shared(replace(tiny, query_schema=replace(tiny.query_schema, columns=tiny.query_schema.columns[:3])))

    assert (embeddings.content, embeddings.item_memory) == ({}, None)


def test_both_towers_train_the_same_vectors(tiny):
    model = tiny.towers().model

    queries, items = (
        {weight.ref() for weight in tower.trainable_weights} for tower in (model.query_tower, model.item_tower)
    )
    embeddings = [*model.shared.content.values(), model.shared.item_memory, model.shared.repeat_log_weights]
    assert queries & items == {embedding.embeddings.ref() for embedding in embeddings}
