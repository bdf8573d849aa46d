"""What goes into a release: the catalogue as of its own moment, and what candidates are drawn from."""

from collections.abc import Sequence

from feast import FeatureStore

from features.catalogue import catalogue_at
from features.service_fingerprints import service_fingerprints
from filters.settings import FilterSettings
from jobs.fusing import fusions_of
from jobs.label_weeks import LabelWeek
from jobs.ranking_run import rankings_carried, rankings_of
from jobs.refitting import Refit
from jobs.sourcing import purchases_before, sources_at
from jobs.training_run import TrainingRun
from models.config import Config
from models.contents import Contents
from models.manifest import facts
from models.release import Release


def release_contents(
    store: FeatureStore, run: TrainingRun, weeks: Sequence[LabelWeek], refit: Refit, config: Config,
    filters: FilterSettings, *, seed: int, commit: str | None, earlier: Release | None,
) -> Contents:  # fmt: skip
    """Embed the catalogue as of the release's moment, and take what sells and goes together by then.

    `weeks` teach how sources are put together and candidates in order; `filters` are in force wherever the release is
    asked without others; `earlier` is the release from which the training went on.
    """
    purchases, moment = run.data.purchases, run.data.purchases.split.as_of
    catalogue = catalogue_at(store, refit.towers.item.schema, moment)
    past = purchases_before(purchases, catalogue.item_ids, moment)
    vectors = refit.towers.item_vectors(catalogue.features)
    sources, selling = sources_at(store, past, catalogue.item_ids, vectors, moment)
    fusions = fusions_of(weeks[-1], _say)
    if earlier:
        rankings = rankings_carried(store, weeks[-1], earlier, seed=seed, say=_say)
    else:
        rankings = rankings_of(store, weeks, seed=seed, say=_say)
    seconds = {**run.seconds, "refit": refit.seconds}
    return Contents(
        learned=run.towers.learned,
        item_ids=catalogue.ids,
        item_vectors=vectors,
        arrays={
            "item_sales": selling.week,
            "item_month": selling.month,
            "item_again": selling.again,
            "departments": selling.departments,
            "neighbours": sources.neighbours.neighbours,
            "similarities": sources.neighbours.similarities,
        },
        fusion={"keep": fusions.keep.to_json(), "drop": fusions.drop.to_json()},
        rankers=rankings.rankers,
        ranking={"keep": rankings.keep.to_json(), "drop": rankings.drop.to_json()},
        split=purchases.split,
        curve=run.curve,
        varieties=refit.varieties,
        baselines=run.baselines,
        facts=facts(
            config,
            filters=filters.to_json(),
            ranked_until=rankings.until,
            serving=service_fingerprints(store, ranked=bool(rankings.rankers)),
            seed=seed,
            data=run.data,
            commit=commit,
            seconds=seconds,
            refit=(refit.since, refit.purchases),
            earlier=earlier.version if earlier else None,
        ),
    )


def _say(line: str) -> None:
    print(line, flush=True)
