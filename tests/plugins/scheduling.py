"""Distribution of test files to workers under `pytest -n`."""

import os
from pathlib import Path

from xdist.scheduler import LoadScopeScheduling

ROOT = Path(__file__).resolve().parents[2]

# Groups of files that run on the same worker, because each worker takes ten seconds to import Feast or TensorFlow, and
# because a shared project has one writer: all files with `served_project` are in one group. Files with OpenSearch are
# one group, too, except the one that also uses `served_project`. Any other file is its own. (xdist_group markers have
# no effect with pytest 9.2 and xdist 3.8.)
GROUPS = {
    **dict.fromkeys((path.stem for path in (ROOT / "tests" / "models").rglob("test_*.py")), "towers"),
    "test_bad_input": "towers",
    "test_list_snapshots": "towers",
    "test_serving": "towers",
    "test_candidate_generation": "towers",
    "test_show_candidates": "towers",
    "test_request_users": "towers",
    "test_earlier_items": "towers",
    "test_export_towers": "towers",
    "test_index_items": "towers",
    "test_index_store": "towers",
    "test_candidates_api": "towers",
    "test_api_contract": "towers",
    "test_candidate_steps": "towers",
    "test_events_api": "towers",
    "test_events_in_redis": "towers",
    "test_pushed_events": "towers",
    "test_inspector_page": "towers",
    "test_second_release": "towers",
    "test_golden_queries": "towers",
    "test_purchase_now": "towers",
    "test_inspector_in_browser": "towers",
    "test_release_switch": "towers",
    "test_self_test": "towers",
    "test_reasons": "towers",
    "test_refresh": "towers",
    "test_redis": "towers",
    "test_degradation": "towers",
    "test_session_features": "towers",
    "test_serve": "towers",
    "test_fit_blender": "towers",
    "test_check_leakage": "release",
    "test_backtest": "release",
    "test_build_sources": "release",
    "test_gate": "release",
    "test_ranker_weeks": "release",
    "test_refit": "release",
    "test_train_release": "release",
    "test_train_towers": "release",
    "test_training_stages": "release",
    "test_warm_start_job": "release",
    "test_feature_snapshots": "store",
    "test_catalogue_snapshot": "store",
    "test_feature_blocks": "store",
    "test_feature_contract": "store",
    "test_reader": "store",
    "test_historical_features": "store",
    "test_late_rows": "store",
    "test_online_equals_offline": "store",
    "test_online_service": "store",
    "test_request_services": "store",
    "test_request_timestamp": "store",
    "test_rewritten_tables": "store",
    "test_store_copy": "store",
    "test_training_set": "store",
    "test_search_engines": "opensearch",
    "test_opensearch_connection": "opensearch",
    "test_opensearch_index": "opensearch",
    "test_index_opensearch": "towers",
}
# Groups and files in this order, so that no worker is left with a long one at the end. Others come after these.
LONGEST_FIRST = (
    "towers",
    "test_whole_path",
    "test_evaluate",
    "release",
    "opensearch",
    "test_hm_sample",
    "store",
)


class FileGroupScheduling(LoadScopeScheduling):
    def _split_scope(self, nodeid):
        file = nodeid.split("::")[0]
        return GROUPS.get(Path(file).stem, file)


def pytest_xdist_make_scheduler(config, log):
    config.option.loadscopereorder = False
    return FileGroupScheduling(config, log)


def pytest_collection_modifyitems(items):
    if "PYTEST_XDIST_WORKER" in os.environ:
        ranks = {group: rank for rank, group in enumerate(LONGEST_FIRST)}
        items.sort(key=lambda item: ranks.get(GROUPS.get(item.path.stem, item.path.stem), len(ranks)))
