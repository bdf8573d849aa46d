"""Sampled softmax over the candidates of a batch, for queries with one or more purchases."""

import tensorflow as tf

_MASKED_SCORE = -1e9


def softmax_losses(scores: tf.Tensor, queries: tf.Tensor, ignored: tf.Tensor) -> tf.Tensor:
    """Return the cross entropy of each purchase against the negatives of its query.

    Purchase p of query q is candidate p. Its loss is log(exp(s_qp) + sum over negatives c of exp(s_qc)) - s_qp, which
    is softplus(logsumexp - s_qp). The sum is shared by all purchases of a query, and computed once.

    Args:
        scores: float32 (queries, candidates), with sampling corrections applied.
        queries: int32 (purchases,), the query of each purchase; purchase p is candidate p.
        ignored: bool (queries, candidates), candidates that are not negatives. A query's own purchases must be.

    Returns:
        float32 (purchases,).
    """
    negatives = tf.reduce_logsumexp(tf.where(ignored, _MASKED_SCORE, scores), axis=1)
    positives = tf.gather_nd(scores, tf.stack([queries, tf.range(tf.shape(queries)[0])], axis=1))
    return tf.nn.softplus(tf.gather(negatives, queries) - positives)


def purchase_weights(queries: tf.Tensor, discount: float) -> tf.Tensor:
    """Return the weight of each purchase: n ** -discount for a query with n purchases, scaled to a mean of 1.

    Args:
        queries: int32 (purchases,), the query of each purchase.
        discount: from 0, equal weight per purchase, to 1, equal weight per query.

    Returns:
        float32 (purchases,).
    """
    sizes = tf.cast(tf.math.bincount(queries), tf.float32)
    weights = tf.gather(sizes, queries) ** -discount
    return weights / tf.reduce_mean(weights)


def bought_in_batch(users: tf.Tensor, queries: tf.Tensor, candidates: tf.Tensor) -> tf.Tensor:
    """Return which candidates are items that the query's user buys anywhere in this batch.

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


def in_lists(lists: tf.Tensor, candidates: tf.Tensor, size: int) -> tf.Tensor:
    """Return which candidates are in the list of each query.

    Args:
        lists: int32 (queries, length), item codes; codes may repeat.
        candidates: int32 (candidates,), item codes.
        size: number of codes of the vocabulary.

    Returns:
        bool (queries, candidates).
    """
    item = tf.unique(candidates)
    outside = tf.size(item.y)  # column of all items that are not candidates
    columns = tf.tensor_scatter_nd_update(
        tf.fill([size], outside), item.y[:, None], tf.range(outside, dtype=outside.dtype)
    )
    rows = tf.broadcast_to(tf.range(tf.shape(lists)[0])[:, None], tf.shape(lists))
    pairs = tf.stack([rows, tf.gather(columns, lists)], axis=-1)
    listed = tf.scatter_nd(pairs, tf.ones_like(lists), tf.stack([tf.shape(lists)[0], outside + 1])) > 0
    return tf.gather(listed, item.idx, axis=1)
