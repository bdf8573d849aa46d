"""What goes into a release: the catalogue as of its own moment, and what candidates are drawn from."""

from collections.abc import Callable, Sequence

import numpy as np
from feast import FeatureStore

from candidates.filters.settings import FilterSettings
from features.store.catalogue import catalogue_ids
from features.store.reader import FeatureReader
from features.store.request_services import request_service_fingerprints
from models.config import Config
from models.release.manifest import manifest_fields
from models.release.release import Release
from models.release.release_contents import ReleaseContents
from pipelines.build_sources import purchases_before, sources_at
from pipelines.fit_blender import fit_blenders
from pipelines.ranker_weeks import RankerWeek
from pipelines.refit import Refit
from pipelines.train_ranker import carry_over_rankers, train_rankers
from pipelines.train_towers import TrainedTowers


def release_contents(
    store: FeatureStore, run: TrainedTowers, weeks: Sequence[RankerWeek], refit: Refit, config: Config,
    filters: FilterSettings, *, seed: int, commit: str | None, earlier: Release | None, say: Callable[[str], object],
) -> ReleaseContents:  # fmt: skip
    """Embed the catalogue as of the release's moment, and take what sells and goes together by then.

    `weeks` teach how sources are put together and candidates in order; `filters` are in force wherever the release is
    asked without others; `earlier` is the release from which the training went on; `say` is called
    with a sentence for each finished step.
    """
    purchases, moment = run.data.purchases, run.data.purchases.split.as_of
    item_ids = catalogue_ids(store, moment)
    past = purchases_before(purchases, item_ids, moment)
    features = FeatureReader(store, "offline").read(refit.towers.item.schema.service, item_ids, moment)
    vectors = refit.towers.item_vectors(features)
    sources, sales = sources_at(store, past, item_ids, vectors, moment)
    blenders = fit_blenders(weeks[-1], say)
    if earlier:
        rankings = carry_over_rankers(store, weeks[-1], earlier, seed=seed, say=say)
    else:
        rankings = train_rankers(store, weeks, seed=seed, say=say)
    seconds = {**run.seconds, "refit": refit.seconds}
    return ReleaseContents(
        checkpoint=run.towers.checkpoint,
        item_ids=np.array(item_ids, np.str_),
        item_vectors=vectors,
        arrays={
            "sales_7d": sales.sales_7d,
            "sales_28d": sales.sales_28d,
            "repurchase_rates": sales.repurchase_rates,
            "garment_groups": sales.garment_groups,
            "neighbours": sources.item_knn.neighbours,
            "similarities": sources.item_knn.similarities,
        },
        blender={"keep": blenders.keep.to_json(), "drop": blenders.drop.to_json()},
        rankers=rankings.rankers,
        ranking={"keep": rankings.keep.to_json(), "drop": rankings.drop.to_json()},
        split=purchases.split,
        training_history=run.training_history,
        diversities=refit.diversities,
        baselines=run.baselines,
        manifest_fields=manifest_fields(
            config,
            filters=filters.to_json(),
            ranker_trained_until=rankings.until,
            request_services=request_service_fingerprints(store),
            seed=seed,
            data=run.data,
            commit=commit,
            seconds=seconds,
            refit=(refit.since, refit.purchases),
            earlier=earlier.version if earlier else None,
        ),
    )
