"""Settings of the towers and of their training, and two presets of them."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from difflib import get_close_matches
from functools import cache
from typing import Annotated, Any, Final, Self, get_type_hints

from pydantic import Field, TypeAdapter, ValidationError

from features.errors import InputError

_Count = Annotated[int, Field(ge=0)]
_PositiveCount = Annotated[int, Field(ge=1)]
_Rate = Annotated[float, Field(ge=0, lt=1)]
_LearningRate = Annotated[float, Field(ge=0, allow_inf_nan=False)]


@dataclass(frozen=True)
class Config:
    """Settings of the towers and of their training, validated on construction.

    Attributes:
        preset: name of the preset that these settings are based on.
        query_service: feature service of the query tower.
        item_service: feature service of the item tower.
        content_dimensions: length of the content part of the vectors, the output of the dense layers.
        item_memory_dimensions: length of the item-memory part, which identifies individual purchased items; 0 for none.
        hidden_widths: widths of the hidden dense layers; the output layer has `content_dimensions`.
        embedding_dimensions: length of the embedding of each category and id.
        has_new_item_head: whether the query tower has a second head, for items the user has never bought.
        id_dropout: probability, in training, that an item's id is replaced by the unknown id. The item is then
            represented by its content features, as new items are.
        list_dropout: share of each list that is dropped in training, for the content part.
        item_memory_dropout: the same for the item memory. It also learns co-purchases, because dropped purchases are
            predicted from the others.
        training_days: days of purchases before the end of the first training stage to train on; None for all.
        refit_days: days of purchases of a pass over recent days: before the cut, and before the release.
        day_batches: whether a batch holds purchases of one day only, so that all its candidates are as of that day.
        sampled_per_day: catalogue items sampled per day as additional candidates, at most; needs `day_batches`.
        sampled_per_batch: how many of them each batch of the day gets, sampled again per batch.
        log_q_correction: whether candidate logits are corrected by the log of the candidate's sampling frequency.
        basket_discount: a purchase in a basket of n has weight n ** -basket_discount: 0 weights purchases equally, 1
            baskets. Recall is a mean over users; without a discount heavy buyers dominate the loss.
        batch_size: purchases per step.
        shuffle_window: purchases held in memory for shuffling; at least one day is.
        epochs: maximum number of passes over the training purchases.
        enough_steps: no further pass begins after so many training steps: the more purchases there are, the fewer
            passes they need. None for no limit.
        patience: training stops after this many epochs without a gain in recall.
        smallest_gain: increase of the best recall, as a share of it, below which an epoch counts as one without a gain.
            Its weights are still kept if they are the best.
        learning_rate: of AdamW.
        embedding_learning_rate: of the row-wise Adam for embeddings; None trains them by AdamW.
        item_memory_learning_rate: of the item-memory embeddings, which have to separate quickly.
        weight_decay: of AdamW.

    Raises:
        InputError: a value has the wrong type or is out of range; names each such setting.
    """

    preset: str
    query_service: str
    item_service: str
    content_dimensions: _PositiveCount
    item_memory_dimensions: _Count
    hidden_widths: tuple[_PositiveCount, ...]
    embedding_dimensions: _PositiveCount
    has_new_item_head: bool
    id_dropout: Annotated[float, Field(ge=0, le=1)]
    list_dropout: _Rate
    item_memory_dropout: _Rate
    training_days: _PositiveCount | None
    refit_days: _PositiveCount
    day_batches: bool
    sampled_per_day: _Count
    sampled_per_batch: _Count
    log_q_correction: bool
    basket_discount: Annotated[float, Field(ge=0, le=1)]
    batch_size: _PositiveCount
    shuffle_window: _PositiveCount
    epochs: _PositiveCount
    enough_steps: _PositiveCount | None
    patience: _PositiveCount
    smallest_gain: _Rate
    learning_rate: _LearningRate
    embedding_learning_rate: _LearningRate | None
    item_memory_learning_rate: _LearningRate
    weight_decay: Annotated[float, Field(ge=0)]

    def __post_init__(self) -> None:
        problems = []
        for name, adapter in _adapters().items():
            try:
                adapter.validate_python(getattr(self, name), strict=True)
            except ValidationError as error:
                problems.append(f"{name} is {getattr(self, name)!r}: {error.errors()[0]['msg']}")
        if not problems and self.sampled_per_day and not self.day_batches:
            problems.append(f"sampled_per_day is {self.sampled_per_day}, which needs day_batches")
        if problems:
            raise InputError(f"Invalid settings of preset '{self.preset}': {'; '.join(problems)}.")

    @property
    def dimensions(self) -> int:
        """Length of the vectors."""
        return self.content_dimensions + self.item_memory_dimensions

    def to_json(self) -> dict[str, Any]:
        """Return the settings as JSON-ready values; `from_json` reads them back."""
        return {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(self).items()}

    @classmethod
    def from_json(cls, content: Mapping[str, Any], source: str) -> Self:
        """Read the settings that `to_json` wrote.

        Args:
            content: settings by name; one that is missing, because it is newer than the file, takes the preset's value.
            source: names the file in error messages.

        Raises:
            InputError: a setting or the preset is unknown, or a value is invalid.
        """
        names = [field.name for field in fields(cls)]
        unknown = [_describe_unknown(name, names) for name in content if name not in names]
        if unknown:
            raise InputError(f"{source} holds unknown settings: {', '.join(unknown)}.")
        preset = content.get("preset")
        if preset not in PRESETS:
            raise InputError(f"{source} names the preset {preset!r}: expected one of {', '.join(PRESETS)}.")
        values = {name: tuple(value) if isinstance(value, list) else value for name, value in content.items()}
        return cls(**{**asdict(PRESETS[preset]), **values})


@cache
def _adapters() -> dict[str, TypeAdapter[Any]]:
    """Validator of each setting, from its annotation."""
    return {name: TypeAdapter(kind) for name, kind in get_type_hints(Config, include_extras=True).items()}


def _describe_unknown(name: str, names: list[str]) -> str:
    close = get_close_matches(name, names, n=1)
    return f"'{name}' (did you mean '{close[0]}'?)" if close else f"'{name}'"


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
    enough_steps=None,
    patience=5,
    smallest_gain=0.0,
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
    item_memory_dimensions=128,
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
    enough_steps=2_000,
    patience=1,
    smallest_gain=0.04,
    learning_rate=0.001,
    embedding_learning_rate=0.001,
    item_memory_learning_rate=0.01,
    weight_decay=0.01,
)

PRESETS: Final = {config.preset: config for config in (SEED, DEFAULT)}


def load_preset(preset: str, *, training_days: int | None, epochs: int | None) -> Config:
    """Return a preset; values that are not None replace its own.

    Raises:
        InputError: there is no such preset, or a value is invalid.
    """
    if preset not in PRESETS:
        raise InputError(f"There is no preset '{preset}': expected one of {', '.join(PRESETS)}.")
    config = PRESETS[preset]
    return replace(
        config,
        training_days=config.training_days if training_days is None else training_days,
        epochs=config.epochs if epochs is None else epochs,
    )
