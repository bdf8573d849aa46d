"""The contents of a release: what was trained, and the items as of its moment."""

from dataclasses import asdict
from typing import Any

from feast import FeatureStore

from features.store.request_services import request_service_fingerprints
from features.store.table_digests import TableDigests
from models.release.manifest import manifest_fields
from models.release.release_contents import ReleaseContents
from pipelines.list_models import ListModels
from pipelines.refit import Refit
from pipelines.release_items import ReleaseItems
from pipelines.train_towers import TrainedTowers
from pipelines.training_options import ReleaseOptions, TrainingOptions


def release_contents(
    store: FeatureStore,
    options: TrainingOptions,
    release: ReleaseOptions,
    trained: TrainedTowers,
    models: ListModels,
    refit: Refit,
    tables: TableDigests,
) -> ReleaseContents:
    """Return what was trained, and the items as of the moment of the release.

    Args:
        store: an applied feature store.
        options: of the training run.
        release: its release options.
        trained: towers as validated, whose checkpoint a later warm start begins with.
        models: gate, blenders and rankers.
        refit: towers to be released.
        tables: the feature tables that were read.

    Raises:
        ValueError: there are no blenders or rankers.
    """
    blenders, rankers = models.fitted
    purchases, first = trained.purchases, trained.training_sets[0]
    return ReleaseContents(
        served=refit.towers.checkpoint,
        validated=trained.towers.checkpoint,
        **vars(ReleaseItems.build(store, refit.towers, purchases, options.split.as_of)),
        blender={"keep": blenders.keep.to_json(), "drop": blenders.drop.to_json()},
        rankers=rankers.rankers,
        split=purchases.split,
        metrics=release_metrics(trained, models, refit),
        manifest_fields=manifest_fields(
            options.config,
            filters=release.filters.to_json(),
            ranker_trained_until=rankers.until,
            request_services=request_service_fingerprints(store),
            feature_tables=tables.by_view,
            seed=options.seed,
            rows={
                "purchases_before_cut": purchases.rows_before_cut,
                "purchases_trained": purchases.training_rows,
                "purchases_validated": purchases.validation_rows,
                "purchases_refitted": refit.purchases,
                "queries": first.queries.num_rows,
                "sampled_items": first.sampled_items.num_rows,
            },
            commit=release.commit,
            seconds={**trained.seconds, "refit": refit.seconds},
            stages=trained.stages.before_cut,
            refit_start=refit.since,
            earlier=release.earlier.release.version if release.earlier else None,
        ),
    )


def release_metrics(trained: TrainedTowers, models: ListModels, refit: Refit) -> dict[str, Any]:
    """Return the JSON-ready content of metrics.json.

    It holds the training history of the first stage, the metrics of the validated towers and the baselines, the gate,
    the means of the lists that would be served in the validation window, the comparison of the blenders with their best
    sources, the selection of the rankers, and the diversity of the released query vectors.
    """
    _, rankers = models.fitted
    return {
        "gate": asdict(models.gate) if models.gate else None,
        "served": models.served.to_json() if models.served else None,
        "best_epoch": trained.training_history.best.number,
        "validated": asdict(trained.metrics),
        "released": {"diversities": {name: asdict(diversity) for name, diversity in refit.diversities.items()}},
        "epochs": [asdict(epoch) for epoch in trained.training_history.epochs],
        "orders": models.orders.to_json() if models.orders else None,
        "rankers": {"keep": rankers.keep.to_json(), "drop": rankers.drop.to_json()},
        "baselines": {name: asdict(metrics) for name, metrics in trained.baselines.items()},
    }
