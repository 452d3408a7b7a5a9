"""Distances in features of a public network, in a whole run; and the kernel distance by hand."""

from dataclasses import replace

import numpy as np
import pytest
import timm
import torch

from benchmark.core import published_weights
from benchmark.core.errors import InputError
from benchmark.core.published_weights import EFFICIENTNET_LITE0
from benchmark.planning import plan as planning
from benchmark.planning import settings
from benchmark.planning.settings import settle
from benchmark.stages import features
from benchmark.stages.features import distances, frechet_of_few
from benchmark.stages.memorisation import frechet_distance, kernel_distance
from reports.comparison.repeat_command import repeat_command
from reports.comparison.study import Study
from reports.tables.samples import standard_table
from tests.support.runs import run, tiny


def test_the_kernel_distance_leaves_out_each_image_with_itself():
    rng = np.random.default_rng(0)
    one, other = rng.normal(0, 1, (5, 3)), rng.normal(1, 1, (4, 3))

    def mean(a, b, same):
        values = [
            (x @ y / 3 + 1) ** 3
            for i, x in enumerate(a)
            for j, y in enumerate(b)
            if not (same and i == j)
        ]
        return np.mean(values)

    wanted = mean(one, one, True) + mean(other, other, True) - 2 * mean(one, other, False)
    assert kernel_distance(one, other) == pytest.approx(wanted)


def test_the_kernel_distance_is_0_on_average_for_one_distribution_and_few_images():
    rng = np.random.default_rng(1)
    found = [kernel_distance(*rng.normal(0, 1, (2, 6, 8))) for _ in range(400)]
    assert abs(np.mean(found)) < 3 * np.std(found) / 20 and min(found) < 0 < max(found)
    assert kernel_distance(rng.normal(0, 1, (6, 8)), rng.normal(2, 1, (6, 8))) > max(found)


def test_the_short_way_to_frechets_distance_ends_at_the_same_number():
    rng = np.random.default_rng(2)
    one, other = rng.normal(0, 1, (9, 12)), rng.normal(0.5, 2, (7, 12))
    assert frechet_of_few(one, other) == pytest.approx(frechet_distance(one, other), rel=1e-6)
    assert frechet_of_few(one, one) == pytest.approx(0, abs=1e-9)


def test_one_image_has_no_distance():
    assert distances(np.zeros((1, 4)), np.zeros((5, 4))) == {}


@pytest.fixture
def weights(weights_here, monkeypatch):
    weights_here.mkdir()
    torch.manual_seed(0)
    path = weights_here / EFFICIENTNET_LITE0.file
    torch.save(timm.create_model("tf_efficientnet_lite0", pretrained=False).state_dict(), path)
    made = replace(EFFICIENTNET_LITE0, sha256=published_weights._digest(str(path), 0, 0))
    for module in (features, settings, planning):
        monkeypatch.setattr(module, "EFFICIENTNET_LITE0", made)
    return made


def test_a_run_that_asks_for_them_carries_them(weights, tmp_path):
    asked = tiny("emitdiff", "phantom_cases=8", "audit=imagenet", ratio=1, dataset="breast")
    code, (record,) = run(tmp_path, asked)
    assert code == 0 and record.spec.audit == f"imagenet:{weights.short}"
    found = record.samples.standard
    assert found.weights == weights.identity
    assert found.frechet.keys() == found.kernel.keys() == {"training", "held-out", "real"}
    assert all(value >= 0 for value in found.frechet.values())
    (stage,) = [one for one in record.stages if one.stage == "features"]
    assert stage.purpose == "audit"
    (samples,) = Study([record]).audited
    table = standard_table(samples)
    assert "no FID" in " ".join(table.columns) and len(table.rows) == 2
    assert f"audit=imagenet:{weights.short}" in repeat_command(record.spec)
    again = settle(replace(asked, sets=(*asked.sets[:-1], f"audit=imagenet:{weights.short}")))
    assert again.audit == record.spec.audit, "the printed command asks for the same run"


def test_without_weights_it_is_one_sentence(weights_here):
    with pytest.raises(InputError, match="audit=imagenet needs the weights .*data fetch effic"):
        settle(tiny("emitdiff", "audit=imagenet"))
    with pytest.raises(InputError, match="give true, false or imagenet"):
        settle(tiny("emitdiff", "audit=inception"))
