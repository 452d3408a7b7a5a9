"""Sampling EMIT-Diff from scratch: edges, text and style of a batch, and the guided prediction. Not
here: the solver (diffusion.py)."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch

from baselines.generators.base import Conditions
from baselines.generators.fit_folder import read_config, read_weights, training_ids
from baselines.scratch import diffusion, style
from baselines.scratch.emitdiff_network import EmitDiffNetwork, condition_grid
from baselines.scratch.settings import GeneratorSettings, SamplingSettings
from baselines.scratch.slice_augmentation import addressed_edges, shown_planes
from baselines.scratch.text_encoder import Vocabulary, embed
from benchmark.training.graphs import make_graphs
from benchmark.training.static_pass import StaticPasses
from benchmark.training.to_device import fetched, sent


class EmitDiffSampler:
    """A fitted network with its vocabulary and the ids of its training slices."""

    def __init__(self, folder: Path, device: torch.device, graphs: bool = True):
        self.settings, config = read_config(folder, GeneratorSettings)
        self.vocabulary = Vocabulary(config["words"], config["prompt_length"])
        self.ids, self.device = training_ids(folder), device
        network = EmitDiffNetwork(self.settings, config["size"], self.vocabulary, len(self.ids))
        self.network = read_weights(folder, network, device)
        self.graphs = make_graphs(device, (), wanted=graphs)
        self._loops: dict[SamplingSettings, StaticPasses] = {}

    @torch.inference_mode()
    def images(
        self,
        conditions: Conditions,
        variants: Sequence[int],
        key: str,
        sampling: SamplingSettings,
    ) -> Callable[[], np.ndarray]:
        """Waits for uint8 (B,S,S): one image for each of the conditions."""
        settings, ids = self.network.settings, conditions.ids
        texts = embed(
            self.network.text, self.vocabulary, ["", *conditions.prompts], sampling.text_mix
        )
        text = torch.stack([texts[prompt] for prompt in conditions.prompts])
        edges = self._edge_grid(conditions, variants, key, sampling)
        shape = (settings.unshuffle**2, *edges.shape[2:])
        noise = diffusion.starting_noise(key, ids, variants, shape, sampling.noise, self.device)
        styles = self._styles(ids, variants, key, sampling.style)
        if sampling.guidance_scale != 1:
            edges, styles = torch.cat([edges, edges]), torch.cat([styles, styles])
            text = torch.cat([texts[""].expand_as(text), text])
        grid = self._loop(sampling)(noise=noise, edges=edges, text=text, styles=styles)
        images = diffusion.to_uint8(diffusion.from_grid(grid, settings.unshuffle))[:, 0]
        return fetched(images)

    def _edge_grid(
        self,
        conditions: Conditions,
        variants: Sequence[int],
        key: str,
        sampling: SamplingSettings,
    ) -> torch.Tensor:
        masks, edges = shown_planes(conditions)

        def draws(purpose: str) -> list[np.random.Generator]:
            return diffusion.all_addressed(key, conditions.ids, variants, purpose)

        edges = addressed_edges(edges, masks, sampling, draws)
        return sent(condition_grid(edges, masks, self.network.settings), self.device)

    def _styles(
        self, ids: Sequence[str], variants: Sequence[int], key: str, chosen: str
    ) -> torch.Tensor:
        """What the network is told of the style of each sample, (B, WIDTH or 0).

        Only styles of training slices are known: a slice that is none of them has no style of its
        own to be told, and a generator of one case no other one's. The style is left open then.
        """
        network = self.network
        if not network.settings.style:
            return torch.zeros(len(ids), 0, device=self.device)
        if chosen == "other":
            draws = diffusion.all_addressed(key, ids, variants, "style")
            rows = style.rows_of_other_cases(ids, self.ids, draws)
        else:
            own = (
                {slice_id: row for row, slice_id in enumerate(self.ids)} if chosen == "own" else {}
            )
            rows = [own.get(slice_id, -1) for slice_id in ids]
        places = sent(torch.tensor(rows), self.device)
        return style.encoded(network.styles[places], network.style_scale, (places >= 0).float())

    def _loop(self, sampling: SamplingSettings) -> StaticPasses:
        """All denoising steps of a batch, with classifier-free guidance: `guidance_scale` times the
        way from no text to the text; 1 is one pass."""
        if sampling not in self._loops:
            denoise = _guided(self.network, sampling.guidance_scale)
            prediction = self.network.settings.prediction
            loop = diffusion.sampling_loop(denoise, prediction, sampling, self.device)
            self._loops[sampling] = StaticPasses(loop, self.graphs, sampling.steps)
        return self._loops[sampling]


def _guided(network: EmitDiffNetwork, scale: float) -> Callable[..., torch.Tensor]:
    """One prediction from (B, ...) grid and timesteps; above a scale of 1 the conditions are (2B,
    ...), those without text first."""
    if scale == 1:
        return network

    def both_passes(grid: torch.Tensor, timesteps: torch.Tensor, **shown: torch.Tensor):
        both = network(torch.cat([grid, grid]), torch.cat([timesteps, timesteps]), **shown)
        without, with_text = both.float().chunk(2)
        return without + scale * (with_text - without)

    return both_passes
