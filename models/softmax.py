"""The softmax over candidates, for queries that several purchases share."""

import tensorflow as tf

_NEVER = -1e9


def softmax_losses(scores: tf.Tensor, queries: tf.Tensor, ignored: tf.Tensor) -> tf.Tensor:
    """Cross entropy of each purchase against the candidates that count for its query.

    Purchase p of query q has candidate p; its loss is log(exp(s_qp) + sum over counted c of exp(s_qc)) - s_qp, which is
    softplus(log sum - s_qp). The sum is the same for all purchases of a query, and is taken once.

    Args:
        scores: float32 (queries, candidates), already corrected.
        queries: int32 (purchases,), the query of each purchase; purchase p is candidate p.
        ignored: bool (queries, candidates), which candidates are no negatives. A query's own purchases must be.

    Returns:
        float32 (purchases,).
    """
    others = tf.reduce_logsumexp(tf.where(ignored, _NEVER, scores), axis=1)
    own = tf.gather_nd(scores, tf.stack([queries, tf.range(tf.shape(queries)[0])], axis=1))
    return tf.nn.softplus(tf.gather(others, queries) - own)


def purchase_weights(queries: tf.Tensor, discount: float) -> tf.Tensor:
    """By how much each purchase counts: n ** -discount for one of n of its query, with a mean of 1.

    Args:
        queries: int32 (purchases,), the query of each purchase.
        discount: from 0, every purchase alike, to 1, every query alike.

    Returns:
        float32 (purchases,).
    """
    baskets = tf.cast(tf.math.bincount(queries), tf.float32)
    weights = tf.gather(baskets, queries) ** -discount
    return weights / tf.reduce_mean(weights)


def bought_in_batch(users: tf.Tensor, queries: tf.Tensor, candidates: tf.Tensor) -> tf.Tensor:
    """Which candidates are items that the query's user bought in this batch, whichever purchase it was.

    Args:
        users: int32 (queries,), the user of each query.
        queries: int32 (purchases,), the query of each purchase.
        candidates: int32 (candidates,), the item of each candidate; the first are those of the purchases.

    Returns:
        bool (queries, candidates).
    """
    user, item = tf.unique(users).idx, tf.unique(candidates).idx
    pairs = tf.stack([tf.gather(user, queries), item[: tf.shape(queries)[0]]], axis=1)
    shape = tf.stack([tf.reduce_max(user) + 1, tf.reduce_max(item) + 1])
    bought = tf.scatter_nd(pairs, tf.ones_like(queries), shape) > 0
    return tf.gather(tf.gather(bought, user), item, axis=1)


def in_lists(lists: tf.Tensor, candidates: tf.Tensor, words: int) -> tf.Tensor:
    """Which candidates stand on the list of each query.

    Args:
        lists: int32 (queries, length), item codes; repeated codes do no harm.
        candidates: int32 (candidates,), item codes.
        words: how many codes there are.

    Returns:
        bool (queries, candidates).
    """
    item = tf.unique(candidates)
    nowhere = tf.size(item.y)
    columns = tf.tensor_scatter_nd_update(
        tf.fill([words], nowhere), item.y[:, None], tf.range(nowhere, dtype=nowhere.dtype)
    )
    rows = tf.broadcast_to(tf.range(tf.shape(lists)[0])[:, None], tf.shape(lists))
    pairs = tf.stack([rows, tf.gather(columns, lists)], axis=-1)
    listed = tf.scatter_nd(pairs, tf.ones_like(lists), tf.stack([tf.shape(lists)[0], nowhere + 1])) > 0
    return tf.gather(listed, item.idx, axis=1)
