"""The version of each stage, part of its keys: raise one when a change of code changes that stage's result."""

STAGE_VERSIONS = {
    "prepare": 1,
    "pretrain": 1,
    "fit-generator": 1,
    "synthesize": 2,
    "audit": 2,
    "fit-segmenter": 1,
    "predict": 1,
    "score": 1,
}
