"""The version of each stage, part of its keys: raise one when a change of code changes that stage's
result."""

STAGE_VERSIONS = {
    "prepare": 2,
    "pretrain": 3,
    "fit-generator": 3,
    "synthesize": 3,
    "audit": 3,
    "fit-segmenter": 2,
    "predict": 1,
    "score": 1,
}
