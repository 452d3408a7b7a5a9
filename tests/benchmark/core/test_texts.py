"""Short texts: names of files from texts of users."""

import pytest

from benchmark.core.texts import slug


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("emitdiff (from scratch) + deepstack", "emitdiff-from-scratch-deepstack"),
        ("BUSI, 147 of 210", "busi-147-of-210"),
        ("../../etc/passwd", "etc-passwd"),
        ("smp:unet:resnet18", "smp-unet-resnet18"),
        ("--Über--", "ber"),
        ("名前", ""),
    ],
)
def test_a_text_as_a_part_of_a_file_s_name(text, name):
    assert slug(text) == name
