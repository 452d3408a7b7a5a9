"""A method of one's own in one file: every training slice with its mask, shifted at random.

python cli.py run --dataset prostate --method examples/shaken.py:Shaken
"""

import numpy as np

from baselines.method import Generator, Sampling, Settings, named_seed, training_ids


class Shift(Sampling):
    shift: int = 4  # largest shift, pixels: --set generator.sampling.shift=8


class ShakenSettings(Settings):
    sampling: Shift = Shift()


class Shaken(Generator):
    name, version = "shaken", 1  # raise the version when the results change
    joins = "pairs"  # beside the real slices; "patches": merged with them, as emitdiff
    settings = ShakenSettings

    @classmethod
    def fit(cls, data, settings, job):
        # slices of the fold's training cases, and of no other
        np.save(job.out / "images.npy", data.images)

    @classmethod
    def load(cls, folder, device, places):
        made = cls()
        made.images = dict(zip(training_ids(folder), np.load(folder / "images.npy"), strict=True))
        return made

    def sample_batch(self, conditions, *, variants, key, sampling):
        images, masks = [], []
        for slice_id, mask, variant in zip(conditions.ids, conditions.masks, variants, strict=True):
            move = np.random.default_rng(named_seed(variant, key, slice_id)).integers(
                -sampling.shift, sampling.shift + 1, 2
            )
            images.append(np.roll(self.images[slice_id], move, (0, 1)))
            masks.append(np.roll(mask, move, (0, 1)))
        return np.stack(images), np.stack(masks)
