"""The self-test passes for a release as it was trained, and names what is wrong with a broken one."""

from dataclasses import replace

import numpy as np
import pytest

from features.errors import InputError


@pytest.fixture(scope="module")
def deployment(served_project):
    from serving.deployment import Deployment

    return Deployment.load(served_project.repo, served_project.releases, None)


def broken(deployment, **changes):
    """The deployment with another candidate pipeline."""
    return replace(deployment, block=replace(deployment.block, pipeline=replace(deployment.pipeline, **changes)))


def test_a_release_passes(deployment):
    from serving.self_test import check_deployment

    check_deployment(deployment)


@pytest.mark.parametrize("settings", [{"already_bought": "drop"}, {"at_most_per_department": 2}, {"unsold_days": 2}])
def test_a_release_with_other_filters_passes(deployment, settings):
    from candidates.filters.filter_set import FilterSet
    from serving.self_test import K, check_deployment

    other = deployment.settings.replace(**settings)
    pipeline = deployment.pipeline.with_filters(FilterSet.from_settings(other), K)

    check_deployment(replace(deployment, settings=other, block=replace(deployment.block, pipeline=pipeline)))


def test_wrong_bestsellers_are_found(deployment):
    from candidates.sources.popularity import PopularityList
    from serving.self_test import check_deployment

    sales = deployment.pipeline.release.arrays["sales_7d"]
    sources = replace(deployment.pipeline.sources, popularity=PopularityList.from_counts(sales[::-1]))

    with pytest.raises(InputError, match="bestsellers") as failure:
        check_deployment(broken(deployment, sources=sources))
    assert deployment.version in str(failure.value)


@pytest.mark.filterwarnings("ignore:invalid value")
def test_scores_that_are_no_numbers_are_found(deployment):
    from serving.self_test import check_deployment

    blenders = {
        policy: replace(blender, order=replace(blender.order, weights=np.full_like(blender.order.weights, np.inf)))
        for policy, blender in deployment.pipeline.blenders.items()
    }

    with pytest.raises(InputError, match="finite"):
        check_deployment(broken(deployment, blenders=blenders))


@pytest.mark.parametrize(
    ("ids", "named"),
    [
        (["0108775001", "0108775008"], "filter"),  # not for sale
        (["0108775008", "0108775008"], "twice"),
        (["0108775007", "0108775008"], "excludes"),  # the session's own item
        (["0108775008"], "1 of 2"),
    ],
)
def test_wrong_candidates_of_a_session_are_found(deployment, ids, named):
    from serving.candidate_block import SubjectCandidates
    from serving.self_test import _check_session

    items = [{"item_id": item, "score": 1.0} for item in ids]

    with pytest.raises(InputError, match=named):
        _check_session(
            deployment,
            "0108775007",
            SubjectCandidates(items, known=True, cold=False, degraded=False, took={}),
            eligible=3,
        )
