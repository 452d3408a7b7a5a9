"""Floating-point operations of the generators' networks, counted on torch's meta device: shapes
without numbers."""

import torch
from diffusers import ControlNetModel, UNet2DConditionModel
from torch.utils.flop_counter import FlopCounterMode

from baselines.generators.catalogue import generator_class, generators
from baselines.pix2pix.networks import UNetGenerator
from baselines.scratch.emitdiff_network import EmitDiffNetwork
from baselines.scratch.text_encoder import Vocabulary
from baselines.scratch.unconditional_network import PairNetwork
from baselines.seg_guided.loss import condition_grid
from baselines.seg_guided.training import network_of
from baselines.stable.parts import Denoiser
from tests.bench.made_stable import SIZES

WORDS = Vocabulary([f"word{number}" for number in range(40)], 12)


def counted(preset: str, size: int) -> dict[str, float]:
    """GFLOP of one slice in one pass, by the kind of the generator."""
    found = {}
    for kind in filter(_PASSES.__contains__, generators()):  # a folder of images has no network
        numbers = generator_class(kind).numbers(preset, "rigorous", "prostate")
        settings = generator_class(kind).settings.model_validate(numbers)
        counter = FlopCounterMode(display=False)
        with torch.no_grad(), torch.device("meta"), counter:
            _PASSES[kind](settings, size)
        found[kind] = counter.get_total_flops() / 1e9
    return found


def _emitdiff(settings, size: int) -> None:
    network = EmitDiffNetwork(settings, size, WORDS, 4).to("meta")
    side = size // settings.unshuffle
    planes = settings.unshuffle**2
    edges = torch.empty(1, planes * (1 + settings.mask_shown), side, side)
    width = network.unet.config.projection_class_embeddings_input_dim - settings.text_width
    network(
        torch.empty(1, planes, side, side),
        torch.zeros(1, dtype=torch.long),
        edges,
        torch.empty(1, WORDS.length, settings.text_width),
        torch.empty(1, width),
    )


def _pairs(settings, size: int) -> None:
    network, side = PairNetwork(settings, size).to("meta"), size // settings.unshuffle
    network(torch.empty(1, 2 * settings.unshuffle**2, side, side), torch.zeros(1, dtype=torch.long))


def _seg_guided(settings, size: int) -> None:
    network = network_of(settings, size).to("meta")
    condition = condition_grid(torch.empty(1, 1, size, size), settings)
    network(torch.empty_like(condition), torch.zeros(1, dtype=torch.long), condition)


def _pix2pix(settings, size: int) -> None:
    network = UNetGenerator(settings, size).to("meta")
    uniform = [torch.empty(1, *shape) for shape in network.dropped]
    network(torch.empty(1, 1, size, size), uniform, 0.5)


def _stable(settings, size: int) -> None:
    """UNet and ControlNet of the size of Stable Diffusion 1.5."""
    widths, _, text, _, _ = SIZES["full"]
    unet = UNet2DConditionModel(
        sample_size=64,
        block_out_channels=widths,
        layers_per_block=2,
        cross_attention_dim=text,
        attention_head_dim=8,
    )
    denoiser, side = Denoiser(unet, ControlNetModel.from_unet(unet)), size // 8
    denoiser(
        torch.empty(1, 4, side, side),
        torch.zeros(1, dtype=torch.long),
        torch.empty(1, 77, text),
        torch.empty(1, 3, size, size),
    )


_PASSES = {
    "emitdiff": _emitdiff,
    "unconditional": _pairs,
    "seg-guided": _seg_guided,
    "pix2pix": _pix2pix,
    "stable-diffusion": _stable,
}
