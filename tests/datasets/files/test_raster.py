"""2D images and masks are read as they are shown, whatever the way to store them, or refused."""

import struct
import zlib

import numpy as np
import pytest
from PIL import Image, ImageOps

from baselines.stable.pretraining_folder import listed, read_image
from benchmark.core.errors import InputError
from datasets.files import raster
from datasets.files.masks import read_mask

ORIENTATION = 274  # EXIF tag
MASK = np.zeros((12, 20), bool)
MASK[2:9, 3:10] = True
PICTURE = np.where(MASK, 250, 5).astype(np.uint8)
PLANE = MASK.astype(np.uint8)
OPAQUE = np.full(MASK.shape, 255, np.uint8)
NOTHING = np.zeros_like(OPAQUE)


def save(path, array, mode=None, **options):
    image = Image.fromarray(array)
    (image.convert(mode) if mode else image).save(path, **options)
    return path


def stored_turned(path, array, orientation, **options):
    """The file that viewers show as `array`, stored another way with the tag that says so."""
    tag = Image.Exif()
    tag[ORIENTATION] = {6: 8, 8: 6}.get(orientation, orientation)
    probe = Image.fromarray(array)
    probe.getexif()[ORIENTATION] = tag[ORIENTATION]
    tag[ORIENTATION] = orientation
    ImageOps.exif_transpose(probe).save(path, exif=tag, **options)
    return path


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["png", "jpg", "tif"])
def test_an_orientation_tag_turns_images_and_masks(tmp_path, orientation, kind):
    path = stored_turned(tmp_path / f"a.{kind}", PICTURE, orientation)
    with Image.open(path) as stored:
        assert stored.getexif().get(ORIENTATION, 1) == orientation
    image = raster.read_grey(path)[0]
    assert image.shape == MASK.shape
    assert image[MASK].mean() > 245 and image[~MASK].mean() < 10
    if kind != "jpg":
        assert np.array_equal(raster.read_labels(path)[0] == 250, MASK)
    if kind == "png":
        zero_and_one = stored_turned(tmp_path / "mask.png", PLANE, orientation)
        assert np.array_equal(read_mask(zero_and_one).mask, MASK)


@pytest.mark.parametrize("dtype", [np.uint16, np.float32, np.int32])
def test_deep_files_are_turned_and_keep_their_values(tmp_path, dtype):
    values = (PICTURE.astype(dtype) + 1) * 200
    path = stored_turned(tmp_path / "a.tif", values, 6)
    assert np.array_equal(raster.read_grey(path)[0], values)
    assert np.array_equal(raster.read_labels(path)[0], values)


def rgba(red, green, blue, alpha):
    planes = [np.broadcast_to(plane, MASK.shape) for plane in (red, green, blue, alpha)]
    return np.dstack(planes).astype(np.uint8)


SEEN = OPAQUE * PLANE
MASKS = {
    "in alpha, white everywhere": rgba(255, 255, 255, SEEN),
    "in alpha, black everywhere": rgba(0, 0, 0, SEEN),
    "in alpha, 1": rgba(0, 0, 0, PLANE),
    "red 1": rgba(PLANE, 0, 0, 255),
    "blue 4": rgba(0, 0, PLANE * 4, 255),
    "dark and nearly transparent": rgba(PLANE, 0, 0, PLANE),
    "grey and alpha": np.dstack([PLANE, OPAQUE]),
    "grey alpha alone": np.dstack([NOTHING, SEEN]),
    "deep grey": PLANE.astype(np.uint16) * 257,
    "rgb": np.dstack([NOTHING, PLANE, NOTHING]),
}


@pytest.mark.parametrize("style", MASKS)
@pytest.mark.parametrize("kind", ["png", "tif"])
def test_masks_of_colours_and_transparency(tmp_path, style, kind):
    path = save(tmp_path / f"mask.{kind}", MASKS[style])
    assert np.array_equal(raster.read_labels(path)[0] > 0, MASK)
    if kind == "png":
        assert np.array_equal(read_mask(path).mask, MASK)


@pytest.mark.parametrize("colour", [(1, 0, 0), (1, 0, 1), (0, 0, 4), (255, 0, 0), (9, 9, 9)])
@pytest.mark.parametrize("alpha", [False, True])
def test_palettes(tmp_path, colour, alpha):
    image = Image.fromarray(PLANE, "P")
    image.putpalette([0, 0, 0, *colour])
    options = {"transparency": 0} if alpha else {}
    image.save(tmp_path / "mask.png", **options)
    assert np.array_equal(raster.read_labels(tmp_path / "mask.png")[0] > 0, MASK)


def test_colours_of_one_luminance_are_different_labels(tmp_path):
    red, green = np.array([255, 0, 0]), np.array([0, 130, 0])
    picture = np.zeros((*MASK.shape, 3), np.uint8)
    picture[2:5, 3:10], picture[5:9, 3:10] = red, green
    path = save(tmp_path / "two.png", picture)
    assert len(set(np.asarray(Image.open(path).convert("L"))[MASK])) == 1
    assert len(np.unique(raster.read_labels(path))) == 3
    with pytest.raises(InputError, match="is not a mask"):
        read_mask(path)


@pytest.mark.parametrize(
    ("picture", "message"),
    [
        (rgba(0, 0, 0, SEEN // 2 + np.arange(20, dtype=np.uint8)), None),
        (rgba(SEEN, 0, 0, np.arange(20) + 200), "soft edges"),
        (rgba(OPAQUE - SEEN, 0, 0, SEEN), "nothing but black"),
        (rgba(SEEN, 0, 0, 0), "nothing but black"),
    ],
)
def test_transparency_with_two_meanings_is_refused(tmp_path, picture, message):
    path = save(tmp_path / "mask.png", picture)
    if message is None:  # many levels of alpha are many labels, which no reader of masks takes
        with pytest.raises(InputError, match="is not a mask"):
            read_mask(path)
        return
    with pytest.raises(InputError, match=message):
        raster.read_labels(path)


def test_an_image_with_transparent_pixels_is_refused(tmp_path):
    path = save(tmp_path / "a.png", rgba(PICTURE, PICTURE, PICTURE, SEEN))
    with pytest.raises(InputError, match="a.png has transparent pixels"):
        raster.read_grey(path)
    opaque = save(tmp_path / "b.png", rgba(PICTURE, PICTURE, PICTURE, 255))
    assert np.array_equal(raster.read_grey(opaque)[0], PICTURE)


@pytest.mark.parametrize(
    ("palette", "expected"),
    [
        ([0, 0, 0, 0, 0, 0, 9, 9, 9], [0, 1, 2]),  # two entries of one colour
        ([0, 0, 0, 1, 0, 0, 0, 1, 0], [0, 1, 2]),
        ([9, 0, 0, 0, 9, 0, 0, 0, 9], [0, 1, 2]),  # no black: the first entry is the background
        ([0, 0, 0, 85, 85, 85, 170, 170, 170], [0, 85, 170]),  # grey levels
        ([255, 255, 255, 0, 0, 0, 7, 7, 7], [255, 0, 7]),  # sorted anew
    ],
)
def test_labels_of_a_palette_are_its_numbers(tmp_path, palette, expected):
    numbers = np.array([[0, 1], [2, 0]], np.uint8)
    image = Image.fromarray(numbers, "P")
    image.putpalette(palette)
    image.save(tmp_path / "m.png")
    np.testing.assert_array_equal(
        raster.read_labels(tmp_path / "m.png")[0], np.array(expected, np.int32)[numbers]
    )


def test_black_that_is_another_entry_than_the_first_is_the_background(tmp_path):
    image = Image.fromarray(np.array([[0, 1], [1, 1]], np.uint8), "P")
    image.putpalette([200, 0, 0, 0, 0, 0])
    image.save(tmp_path / "m.png")
    np.testing.assert_array_equal(raster.read_labels(tmp_path / "m.png")[0] > 0, [[1, 0], [0, 0]])


def test_deep_colours_are_refused(tmp_path):
    import tifffile

    tifffile.imwrite(tmp_path / "a.tif", np.zeros((8, 8, 3), np.uint16), photometric="rgb")
    header = bytearray(save(tmp_path / "a.png", np.zeros((8, 8, 3), np.uint8)).read_bytes())
    header[24] = 16  # bits per sample
    (tmp_path / "a.png").write_bytes(header)
    for name in ("a.tif", "a.png"):
        for read in (raster.read_labels, raster.read_grey):
            with pytest.raises(InputError, match=f"{name}.*(16 bits|is not read)"):
                read(tmp_path / name)


def test_pages_are_refused(tmp_path):
    pages = [Image.fromarray(PICTURE)] * 3
    for name in ("a.tif", "a.png"):
        pages[0].save(tmp_path / name, save_all=True, append_images=[pages[1].rotate(180)])
        with pytest.raises(InputError, match=f"{name} holds 2 pages"):
            raster.read_grey(tmp_path / name)


def test_other_kinds_under_the_name_of_an_image_are_refused(tmp_path):
    save(tmp_path / "a.gif", PICTURE).rename(tmp_path / "a.png")
    with pytest.raises(InputError, match="a.png is GIF; store it as PNG"):
        raster.read_grey(tmp_path / "a.png")
    save(tmp_path / "b.jpg", PICTURE).rename(tmp_path / "b.png")
    assert raster.read_grey(tmp_path / "b.png")[0][MASK].mean() > 245


@pytest.mark.parametrize("bits", [2, 4])
def test_labels_of_few_bits_are_the_numbers_of_the_file(tmp_path, bits):
    levels = np.zeros((4, 8), np.uint8)
    levels[1, 2:5], levels[2, 2:5] = 1, 2
    packed = np.packbits(np.unpackbits(levels[..., None], axis=-1)[..., -bits:].reshape(4, -1), -1)
    rows = b"".join(b"\0" + row.tobytes() for row in packed)
    blocks = [
        (b"IHDR", struct.pack(">IIBBBBB", 8, 4, bits, 0, 0, 0, 0)),
        (b"IDAT", zlib.compress(rows)),
        (b"IEND", b""),
    ]
    data = b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        for kind, body in blocks
    )
    (tmp_path / "a.png").write_bytes(data)
    assert np.array_equal(raster.read_labels(tmp_path / "a.png")[0], levels)
    assert raster.read_grey(tmp_path / "a.png").max() == 2 * 255 // (2**bits - 1)


def test_unusual_numbers_of_tiff(tmp_path):
    import tifffile

    tifffile.imwrite(tmp_path / "signed.tif", -PLANE.astype(np.int8))
    with pytest.raises(InputError, match="signed numbers of 8 bits"):
        raster.read_grey(tmp_path / "signed.tif")

    tifffile.imwrite(tmp_path / "a.tif", np.full((8, 8), 3_000_000_000, np.uint32))
    with pytest.raises(InputError, match="above 2147483647"):
        raster.read_grey(tmp_path / "a.tif")
    tifffile.imwrite(tmp_path / "b.tif", PLANE.astype(np.uint16), photometric="miniswhite")
    with pytest.raises(InputError, match="stores white as 0"):
        raster.read_labels(tmp_path / "b.tif")
    tifffile.imwrite(tmp_path / "c.tif", PLANE.astype(np.float32) * np.float32(1.0000001))
    assert np.array_equal(raster.read_labels(tmp_path / "c.tif")[0], PLANE)
    for number in (0.5, np.nan, 1e12):
        tifffile.imwrite(tmp_path / "d.tif", PLANE * np.float32(number))
        with pytest.raises(InputError, match="fractions or NaN"):
            raster.read_labels(tmp_path / "d.tif")


@pytest.mark.parametrize("read", [raster.read_native, raster.read_labels])
def test_channels_without_a_meaning_are_refused(tmp_path, read):
    import tifffile

    one_hot = np.dstack([(1 - PLANE) * 255, PLANE * 255])
    tifffile.imwrite(tmp_path / "a.tif", one_hot, photometric="minisblack", planarconfig="contig")
    with pytest.raises(InputError, match="1 of 2 channels without a meaning"):
        read(tmp_path / "a.tif")
    four = np.dstack([one_hot, one_hot])
    tifffile.imwrite(tmp_path / "b.tif", four, photometric="rgb", extrasamples=["unspecified"])
    with pytest.raises(InputError, match="1 of 4 channels without a meaning"):
        read(tmp_path / "b.tif")
    volume = np.stack([PICTURE, 255 - PICTURE])
    tifffile.imwrite(tmp_path / "c.tif", volume, volumetric=True, tile=(2, 16, 16))
    with pytest.raises(InputError, match="is a volume of 2 planes"):
        read(tmp_path / "c.tif")
    tifffile.imwrite(tmp_path / "d.tif", PLANE.astype(np.float64))
    with pytest.raises(InputError, match="d.tif: it is damaged or of a kind that"):
        read(tmp_path / "d.tif")
    (tmp_path / "e.png").touch()
    with pytest.raises(InputError, match="e.png: the file is empty"):
        read(tmp_path / "e.png")


def test_a_mask_of_1_bit_whose_true_is_black_is_refused(tmp_path):
    import tifffile

    tifffile.imwrite(tmp_path / "a.tif", MASK)  # as scikit-image does: True is 1, and 1 is black
    with pytest.raises(InputError, match="1 bit and stores white as 0"):
        raster.read_labels(tmp_path / "a.tif")
    tifffile.imwrite(tmp_path / "b.tif", MASK, photometric="minisblack")
    assert np.array_equal(raster.read_labels(tmp_path / "b.tif")[0] > 0, MASK)
    tifffile.imwrite(tmp_path / "c.tif", 255 - PICTURE, photometric="miniswhite")
    assert np.array_equal(raster.read_labels(tmp_path / "c.tif")[0] == 250, MASK)


def test_pre_training_images_are_read_alike(tmp_path):
    folder = tmp_path / "CT" / "lung" / "normal"
    folder.mkdir(parents=True)
    turned = stored_turned(folder / "a.png", PICTURE, 3)
    deep = save(folder / "b.png", PICTURE.astype(np.uint16) * 200)
    for junk in ("._a.png", ".DS_Store", "Thumbs.db", "desktop.ini"):
        (folder / junk).write_bytes(b"x")
    (tmp_path / "__MACOSX" / "CT" / "lung").mkdir(parents=True)
    assert [path.name for path in listed(str(tmp_path)).files] == ["a.png", "b.png"]
    for path in (turned, deep):
        shown = read_image(path, 12)
        inside = np.asarray(Image.fromarray(PLANE * 255).resize((12, 12))) == 255
        assert shown[inside].min() > 200 and shown.min() < 20
    save(folder / "c.tif", np.full((9, 9), np.nan, np.float32))
    with pytest.raises(InputError, match="c.tif holds NaN"):
        read_image(folder / "c.tif", 12)
