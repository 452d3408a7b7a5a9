"""The version of each stage, part of its keys: raise one when a change of code changes that stage's
result."""

STAGE_VERSIONS = {
    "prepare": 1,
    "pretrain": 2,
    "fit-generator": 2,
    "synthesize": 2,
    "audit": 2,
    "fit-segmenter": 1,
    "predict": 1,
    "score": 1,
}
