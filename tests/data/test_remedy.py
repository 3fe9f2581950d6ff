"""The sample task that a message offers is one of the asker's own family, never another protocol's."""

from __future__ import annotations

import pytest

from lorafair.data.remedy import find_sample_tasks


@pytest.mark.parametrize(
    ("dataset", "first"),
    [
        ("hurtlex_en", "lorafair_honest_sample"),  # four tasks of HONEST read it, one of another family
        ("honest_binary_it", "lorafair_honest_sample"),
        ("winomt", "lorafair_winomt_sample"),
        ("winomt_tr_pro", "lorafair_winomt_tr_en_sample"),  # no task reads it: winomt_tr_general is the nearest name
        ("imdb_train", "lorafair_imdb_sample"),
        ("imdb_cad", "lorafair_imdb_counterfactual_sample"),
        ("measuring_hate_speech_200", "lorafair_hatespeech_sample"),
        ("winobias", "lorafair_counterfactual_gender_sample"),
    ],
)
def test_the_nearest_sample_task_comes_first(dataset, first):
    assert find_sample_tasks(dataset)[0] == first
