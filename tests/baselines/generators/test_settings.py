"""The settings class of each generator, and how a request reaches it."""

import subprocess
import sys
from dataclasses import replace

import pytest

from baselines.generators.catalogue import (
    generator_class,
    generators,
    methods,
    settings_class,
)
from baselines.generators.settings import BaseSettings
from benchmark.core.errors import InputError
from benchmark.planning.options import Request
from benchmark.planning.settings import fitting_sets, settle
from benchmark.spec.protocol import Protocol

REQUEST = Request(dataset="prostate", method="emitdiff", source="phantom")


def test_every_method_trains_the_generator_of_its_name_first():
    assert list(methods()) == ["unconditional", "seg-guided", "pix2pix", "emitdiff", "folder"]
    for method, kinds in methods().items():
        assert kinds[0] == method
        assert set(kinds) <= set(generators())


@pytest.mark.parametrize("kind", list(generators()))
def test_settings_fall_apart_into_training_and_sampling(kind):
    settings = settings_class(kind)()
    assert isinstance(settings, BaseSettings)
    assert "sampling" not in settings.training_spec()
    switches = Protocol().model_dump(mode="json")
    assert settings.sampling_from(settings.sampling_spec(switches)) is not None
    assert settings.sampling_from(settings.sampling.model_dump(mode="json")) == settings.sampling


def test_listing_the_generators_needs_no_torch():
    code = (
        "import sys; from baselines.generators.catalogue import generators; generators();"
        " sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_a_stage_that_was_planned_for_another_version_is_refused():
    assert generator_class("pix2pix@1") is generator_class("pix2pix")
    with pytest.raises(InputError, match="version 1 here, and version 2 was planned"):
        generator_class("pix2pix@2")


def test_dotted_names_are_looked_up():
    found = settings_class("emitdiff")
    assert found.has(["steps"])
    assert found.has(["sampling", "steps"])
    assert not found.has(["sampling", "step"])
    assert not found.has(["steps", "more"])


@pytest.mark.parametrize(
    ("method", "kind"),
    [("unconditional", "emitdiff"), ("emitdiff", "unconditional"), ("emitdiff", "emitdif")],
)
def test_a_kind_that_the_method_cannot_train_is_refused(method, kind):
    with pytest.raises(InputError, match=f"generator.kind of {method} '{kind}'"):
        settle(replace(REQUEST, method=method, sets=(f"generator.kind={kind}",)))


def test_naming_the_methods_own_kind_changes_nothing():
    named, plain = settle(replace(REQUEST, sets=("generator.kind=emitdiff",))), settle(REQUEST)
    assert replace(named, request=REQUEST) == plain


def test_a_suite_keeps_what_no_generator_knows_so_that_it_is_named():
    wrong = ("generator.stepz=4",)
    assert fitting_sets(replace(REQUEST, sets=wrong)).sets == wrong
    right = ("generator.steps=4", "epochs=2")
    assert fitting_sets(replace(REQUEST, sets=right)).sets == right


def test_a_rule_about_several_settings_is_told_in_one_sentence_without_all_of_them():
    with pytest.raises(
        InputError,
        match=r"^--set generator: sampling.style=other needs .*; set style=true, or .*own\.$",
    ):
        settle(replace(REQUEST, sets=("generator.style=false",)))
