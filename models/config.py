"""What is decided before training, as two presets."""

from dataclasses import asdict, dataclass, replace
from typing import Any, Final


@dataclass(frozen=True)
class Config:
    """Settings of the towers and of their training.

    Attributes:
        preset: name of the preset these settings began as.
        query_service: feature service of the query tower.
        item_service: feature service of the item tower.
        content_dimensions: length of the part of the vectors that the dense layers make.
        item_memory_dimensions: length of the part by which an item bought before is known again; 0 for none.
        hidden_widths: widths of the dense layers before the last one, which has `content_dimensions`.
        embedding_dimensions: length of the embedding of each category and id.
        has_new_item_head: whether the query tower learns a second vector, which asks for items never bought before.
        id_dropout: how often, in training, an item's id is hidden so that its features must speak for it.
        list_dropout: share of each list that is left out in training, for the content.
        item_memory_dropout: the same for the memory, which learns so what goes with what it is not shown.
        training_days: how many days before the cut are trained on; None for all.
        refit_days: how many days before the release are learned from once more when nothing is left to be judged.
        day_batches: whether a batch holds purchases of one day only, so that all its candidates are as of that day.
        sampled_per_day: catalogue items drawn for each day as further candidates; needs day_batches.
        sampled_per_batch: how many of these, drawn anew, are in each batch of the day.
        log_q_correction: whether the softmax is corrected by how often an item is a candidate.
        basket_discount: a purchase of a basket of n counts n ** -basket_discount: 0 lets every purchase count alike, 1
            every basket. Recall is a mean over users, and whoever buys much would be learned by heart otherwise.
        batch_size: purchases per step.
        shuffle_window: purchases held in memory while they are shuffled; at least those of one day are.
        epochs: passes over the training purchases, at most.
        patience: epochs without a better recall after which training stops.
        learning_rate: of AdamW.
        embedding_learning_rate: of the row-wise Adam of embeddings; None leaves them to AdamW.
        item_memory_learning_rate: of the memory's embeddings, which must become far apart from each other quickly.
        weight_decay: of AdamW.
    """

    preset: str
    query_service: str
    item_service: str
    content_dimensions: int
    item_memory_dimensions: int
    hidden_widths: tuple[int, ...]
    embedding_dimensions: int
    has_new_item_head: bool
    id_dropout: float
    list_dropout: float
    item_memory_dropout: float
    training_days: int | None
    refit_days: int
    day_batches: bool
    sampled_per_day: int
    sampled_per_batch: int
    log_q_correction: bool
    basket_discount: float
    batch_size: int
    shuffle_window: int
    epochs: int
    patience: int
    learning_rate: float
    embedding_learning_rate: float | None
    item_memory_learning_rate: float
    weight_decay: float

    def __post_init__(self) -> None:
        if self.sampled_per_day and not self.day_batches:
            raise ValueError("Candidates drawn for each day need batches of one day: set day_batches.")

    @property
    def dimensions(self) -> int:
        """Length of the vectors."""
        return self.content_dimensions + self.item_memory_dimensions

    def to_json(self) -> dict[str, Any]:
        """Return the settings as JSON-ready values."""
        return asdict(self)


SEED: Final = Config(
    preset="seed",
    query_service="query_tower_v1",
    item_service="item_tower_v1",
    content_dimensions=16,
    item_memory_dimensions=0,
    hidden_widths=(16,),
    embedding_dimensions=16,
    has_new_item_head=False,
    id_dropout=0.0,
    list_dropout=0.0,
    item_memory_dropout=0.0,
    training_days=None,
    refit_days=126,
    day_batches=False,
    sampled_per_day=0,
    sampled_per_batch=0,
    log_q_correction=False,
    basket_discount=0.0,
    batch_size=2_048,
    shuffle_window=262_144,
    epochs=5,
    patience=5,
    learning_rate=0.01,
    embedding_learning_rate=None,
    item_memory_learning_rate=0.0,
    weight_decay=0.001,
)

DEFAULT: Final = Config(
    preset="default",
    query_service="query_tower_v3",
    item_service="item_tower_v3",
    content_dimensions=64,
    item_memory_dimensions=256,
    hidden_widths=(128,),
    embedding_dimensions=16,
    has_new_item_head=True,
    id_dropout=0.5,
    list_dropout=0.7,
    item_memory_dropout=0.5,
    training_days=None,
    refit_days=126,
    day_batches=True,
    sampled_per_day=8_192,
    sampled_per_batch=2_048,
    log_q_correction=True,
    basket_discount=0.5,
    batch_size=1_024,
    shuffle_window=262_144,
    epochs=4,
    patience=1,
    learning_rate=0.001,
    embedding_learning_rate=0.001,
    item_memory_learning_rate=0.01,
    weight_decay=0.01,
)

PRESETS: Final = {config.preset: config for config in (SEED, DEFAULT)}


def load_preset(preset: str, *, training_days: int | None, epochs: int | None) -> Config:
    """Return a preset, with the settings that are not None in place of its own."""
    config = PRESETS[preset]
    return replace(config, training_days=training_days or config.training_days, epochs=epochs or config.epochs)
