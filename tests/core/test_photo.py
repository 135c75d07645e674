"""Picture files, good, odd and hostile: right pixels, or one sentence."""

import io
import struct
import subprocess
import sys
import warnings
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageFile, TiffImagePlugin

from cnnviz_widgets.core import photo
from cnnviz_widgets.core.photo import decode

NOISE = np.random.default_rng(0).integers(0, 256, (24, 16, 3), np.uint8)


@pytest.fixture(autouse=True)
def warnings_are_errors():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


def assert_is_one_sentence(error):
    text = str(error)
    assert text.endswith(".")
    assert text.isprintable()  # so that there is no line break either
    assert 20 < len(text) < 300
    assert "Traceback" not in text
    assert "PIL" not in text


def file(array, kind, **options):
    """The bytes of a file of the given kind that Pillow writes for the array or picture."""
    picture = array if isinstance(array, Image.Image) else Image.fromarray(array)
    stream = io.BytesIO()
    picture.save(stream, kind, **options)
    return stream.getvalue()


# ---- Files made by hand


def chunk(name, body):
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def png(width, height, pixels, bits=8, colour=0, before=b"", after=b""):
    header = struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, 0)
    chunks = chunk(b"IHDR", header) + before + chunk(b"IDAT", pixels) + after + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + chunks


def zeros(count):
    """So many zero bytes, deflated: a thousandth of their number."""
    packer = zlib.compressobj(9)
    pieces = [packer.compress(bytes(1 << 20)) for _ in range(count >> 20)]
    return b"".join([*pieces, packer.compress(bytes(count % (1 << 20))), packer.flush()])


def tiff(width, height, data, *extra):
    """A deflated 8-bit grey TIFF, with more tags: (number, type, count, value)."""
    tags = [(256, 4, 1, width), (257, 4, 1, height), (258, 3, 1, 8), (259, 3, 1, 8), (262, 3, 1, 1)]
    data += b"\0" * (len(data) % 2)
    entries = b"".join(struct.pack("<HHII", *tag) for tag in sorted([*tags, *extra]))
    head = b"II*\0" + struct.pack("<I", 8 + len(data))
    return head + data + struct.pack("<H", len(tags) + len(extra)) + entries + bytes(4)


def webp_of(width, height):
    """An animated WebP whose header claims the size and whose only frame is 8×8 px."""

    def part(name, body):
        return name + struct.pack("<I", len(body)) + body

    def three(number):
        return struct.pack("<I", number)[:3]

    frame = bytes(6) + three(7) + three(7) + bytes(4) + file(NOISE[:8, :8], "WEBP")[12:]
    size = b"\x02\0\0\0" + three(width - 1) + three(height - 1)
    body = b"WEBP" + part(b"VP8X", size) + part(b"ANIM", bytes(6)) + part(b"ANMF", frame)
    return b"RIFF" + struct.pack("<I", len(body)) + body


HUNDRED_MEGAPIXELS = png(10_000, 10_000, zeros(1251 * 10_000), bits=1)
PIXELS_8X8 = zlib.compress(bytes(9 * 8))
BOMB = zeros(100 << 20)
GOOD = {
    "PNG": file(NOISE, "PNG"),
    "JPEG": file(NOISE, "JPEG"),
    "WEBP": file(NOISE, "WEBP", lossless=True),
    "GIF": file(NOISE, "GIF"),
    "BMP": file(NOISE, "BMP"),
    "TIFF": file(NOISE, "TIFF", compression="tiff_deflate"),
}
BAD = {
    "empty": b"",
    "text": b"Dear Sir or Madam,\nhere is my cat.\n",
    "zeros": bytes(5000),
    "noise": np.random.default_rng(3).bytes(5000),
    "SVG": b'<svg xmlns="http://www.w3.org/2000/svg"><rect width="9" height="9"/></svg>',
    "SVG with a prologue": b'<?xml version="1.0"?>\n<!-- x -->\n<svg onload="alert(1)"></svg>',
    "HTML": b"\n<!DOCTYPE html><html><body><img src=x onerror=alert(1)></body></html>",
    "EPS": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\nshowpage\n",
    "EPS with a DOS header": b"\xc5\xd0\xd3\xc6" + struct.pack("<II", 32, 99) + bytes(100),
    "PDF": b"%PDF-1.7\n1 0 obj\n",
    "PDF in front of a PNG": b"%PDF-1.7\n" + GOOD["PNG"],
    "page in front of a JPEG": b"<html></html>" + GOOD["JPEG"],
    "ZIP": b"PK\x03\x04" + bytes(100),
    "HEIC": b"\0\0\0\x18ftypheic" + bytes(100),
    "PPM": b"P6 16 16 255\n" + bytes(768),
    "PPM of 400 megapixels": b"P6 20000 20000 255\n" + bytes(768),
    "ICO": file(NOISE[:16], "ICO"),
    "TGA": file(NOISE, "TGA"),
    "JPEG 2000": b"\0\0\0\x0cjP  \r\n\x87\n" + bytes(100),
    "XBM": b"#define x_width 16\n#define x_height 16\nstatic char x_bits[] = {0};\n",
    "PSD": b"8BPS\0\1" + bytes(100),
    "FITS": b"SIMPLE  =                    T" + b" " * 2850,
    **{f"half a {kind}": data[: len(data) // 2] for kind, data in GOOD.items()},
    **{f"head of a {kind}": data[:20] for kind, data in GOOD.items()},
    "JPEG without its end": GOOD["JPEG"][:-200],
    "PNG with a broken chunk": GOOD["PNG"].replace(b"IDAT", b"IDAT\0", 1),
    "PNG without pixels": GOOD["PNG"][:33] + chunk(b"IEND", b""),
    "PNG of no size": png(0, 0, PIXELS_8X8),
    "PNG with pixels that are no zlib": png(8, 8, b"not deflated"),
    "PNG of 100 megapixels": HUNDRED_MEGAPIXELS,
    "PNG of 400 megapixels": png(20_000, 20_000, PIXELS_8X8),
    "PNG of 4 000 000 terapixels": png(2**31 - 1, 2**31 - 1, PIXELS_8X8),
    "PNG one above the limit": png(4096, 4097, PIXELS_8X8),
    "PNG with a zTXt bomb": png(8, 8, PIXELS_8X8, before=chunk(b"zTXt", b"x\0\0" + BOMB)),
    "PNG with an iTXt bomb": png(8, 8, PIXELS_8X8, before=chunk(b"iTXt", b"x\0\1\0\0\0" + BOMB)),
    "PNG with an iCCP bomb": png(8, 8, PIXELS_8X8, before=chunk(b"iCCP", b"x\0\0" + BOMB)),
    "PNG with a late zTXt bomb": png(8, 8, PIXELS_8X8, after=chunk(b"zTXt", b"x\0\0" + BOMB)),
    "one pixel": file(NOISE[:1, :1], "PNG"),
    "60000 x 1": png(60_000, 1, zeros(60_001)),
    "1 x 60000": png(1, 60_000, zeros(120_000)),
    "ribbon": file(np.zeros((4, 81), np.uint8), "PNG"),
    "JPEG of 65500 x 65500": GOOD["JPEG"].replace(b"\0\x18\0\x10", b"\xff\xdc\xff\xdc", 1),
    "GIF of 65535 x 65535": GOOD["GIF"][:6] + b"\xff\xff\xff\xff" + GOOD["GIF"][10:],
    "BMP of 100000 x 100000": GOOD["BMP"][:18] + struct.pack("<ii", 10**5, 10**5) + bytes(999),
    "WebP of 16383 x 16383": webp_of(16_383, 16_383),
    "TIFF of 65535 x 65535": tiff(65_535, 65_535, PIXELS_8X8),
    "TIFF with a tile of 400 megapixels": tiff(
        64, 64, BOMB, (322, 4, 1, 20_000), (323, 4, 1, 20_000), (324, 4, 1, 8), (325, 4, 1, 99)
    ),
    "TIFF with two tile widths": tiff(
        64, 64, PIXELS_8X8, (322, 3, 2, 0x00100010), (323, 4, 1, 16), (324, 4, 1, 8), (325, 4, 1, 9)
    ),
    "TIFF of 200 channels": tiff(64, 64, PIXELS_8X8, (277, 3, 1, 200), (273, 4, 1, 8)),
    "TIFF with NaN": file(np.array([[0, 1], [2, np.nan]] * 4, np.float32).repeat(4, 1), "TIFF"),
    "TIFF with infinity": file(np.full((8, 8), np.inf, np.float32), "TIFF"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_file_that_is_no_usable_picture_is_refused_in_one_sentence(name):
    with pytest.raises(ValueError, match="Received: ") as caught:
        decode(BAD[name])
    assert_is_one_sentence(caught.value)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("empty", "Received: an empty file"),
        ("text", "Received: a text file"),
        ("SVG with a prologue", "Received: an SVG drawing"),
        ("HTML", "Received: a web page"),
        ("EPS", "Received: a PostScript or PDF file"),
        ("HEIC", "HEIC"),
        ("JPEG without its end", "damaged or ends too early"),
        ("PNG of 100 megapixels", "10000×10000 px, 100 megapixels"),
        ("one pixel", "at least 4 px. Received: 1×1 px"),
        ("60000 x 1", "too small"),
        ("ribbon", "20 times the other. Received: 81×4 px"),
        ("TIFF with NaN", "Received: 16 NaN or infinite pixels"),
        ("TIFF with a tile of 400 megapixels", "tiles of 400 megapixels"),
    ],
)
def test_the_sentence_says_what_was_wrong(name, words):
    with pytest.raises(ValueError, match=words):
        decode(BAD[name])


def test_the_zoo_is_large_and_its_bomb_small():
    assert len(BAD) >= 60
    assert len(HUNDRED_MEGAPIXELS) < 20_000


@pytest.mark.parametrize("name", GOOD)
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_a_damaged_file_opens_or_is_refused_but_never_fails_otherwise(name, data):
    damaged = bytearray(GOOD[name])
    places = st.integers(0, len(damaged) - 1)
    for place in data.draw(st.lists(places, min_size=1, max_size=6)):
        damaged[place] = data.draw(st.integers(0, 255))
    try:
        pixels, _ = decode(bytes(damaged))
    except ValueError as error:
        assert_is_one_sentence(error)
    else:
        assert pixels.dtype == np.uint8
        assert pixels.shape[2] == 3


def test_the_size_limit_is_inclusive():
    pixels, _ = decode(png(4096, 4096, zeros(513 * 4096), bits=1))
    assert pixels.shape == (4096, 4096, 3)


@pytest.mark.parametrize(
    "name",
    ["PNG of 100 megapixels", "PNG with a zTXt bomb", "TIFF with a tile of 400 megapixels",
     "WebP of 16383 x 16383"],
)  # fmt: skip
def test_a_bomb_takes_little_memory(name, tmp_path):
    pytest.importorskip("resource")  # not on Windows
    path = tmp_path / "bomb"
    path.write_bytes(BAD[name])
    script = f"""
import resource
from PIL import Image, TiffImagePlugin, WebPImagePlugin
from cnnviz_widgets.core.photo import decode
data = open({str(path)!r}, "rb").read()
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
try:
    decode(data)
except ValueError:
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    unit = 1 if sys.platform == "darwin" else 1024  # bytes there, KiB elsewhere
    assert int(done.stdout) * unit < 50 * 2**20


def test_ghostscript_is_never_started(monkeypatch):
    def started(*arguments, **options):
        raise AssertionError(f"A program was started: {arguments}.")

    monkeypatch.setattr(subprocess, "Popen", started)
    for name in ("EPS", "EPS with a DOS header"):
        with pytest.raises(ValueError, match="PostScript"):
            decode(BAD[name])


def test_pillows_settings_and_pythons_warnings_stay_as_they_were():
    def state():
        return Image.MAX_IMAGE_PIXELS, ImageFile.LOAD_TRUNCATED_IMAGES, list(warnings.filters)

    before = state()
    decode(GOOD["PNG"])
    for data in (HUNDRED_MEGAPIXELS, BAD["JPEG without its end"], BAD["text"]):
        with pytest.raises(ValueError, match="Received: "):
            decode(data)
    assert state() == before


def test_only_one_thread_at_a_time_swaps_the_warnings(monkeypatch):
    opened, inside = Image.open, []

    def watched(*arguments, **options):
        inside.append(photo._warnings_lock.locked())
        return opened(*arguments, **options)

    monkeypatch.setattr(Image, "open", watched)
    decode(GOOD["PNG"])
    with pytest.raises(ValueError, match="a text file"):
        decode(BAD["text"])
    assert inside == [True, True]
    assert not photo._warnings_lock.locked()


# ---- What a good file becomes


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "BMP", "TIFF"])
def test_a_lossless_file_gives_back_its_pixels_without_a_note(kind):
    pixels, notes = decode(GOOD[kind])
    np.testing.assert_array_equal(pixels, NOISE)
    assert notes == ()


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF"])
def test_a_plain_file_is_what_pillow_sees(kind):
    seen = np.asarray(Image.open(io.BytesIO(GOOD[kind])).convert("RGB"))
    np.testing.assert_array_equal(decode(GOOD[kind])[0], seen)


@pytest.mark.parametrize(
    "data",
    [
        GOOD["GIF"] + b"PK\x03\x04 a ZIP behind it",
        GOOD["JPEG"] + b"<script>alert(1)</script>",
        GOOD["PNG"] + GOOD["JPEG"],
        png(8, 8, zeros(1 << 20)),  # far more pixels than its header says
    ],
    ids=["GIF and ZIP", "JPEG and script", "PNG and JPEG", "PNG with too many pixels"],
)
def test_what_hangs_on_behind_a_picture_is_not_read(data):
    assert decode(data)[0].shape in ((24, 16, 3), (8, 8, 3))


RAMP = np.arange(256, dtype=np.uint16).reshape(16, 16)


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_sixteen_bits_keep_all_256_levels(kind):
    pixels, notes = decode(file(RAMP * 257, kind))
    np.testing.assert_array_equal(pixels, np.repeat(RAMP[..., None], 3, axis=2))
    assert notes == ()


def test_sixteen_bits_are_rounded_to_the_nearest_level():
    values = np.array([[0, 128, 129, 65535, 65406, 65407, 257, 300]] * 8, np.uint16)
    assert decode(file(values, "PNG"))[0][0, :, 0].tolist() == [0, 0, 1, 255, 254, 255, 1, 1]


def test_sixteen_bit_colours_keep_all_256_levels():
    wide = (RAMP[..., None] * [257, 257, 0]).astype(">u2")
    rows = b"".join(b"\0" + row.tobytes() for row in wide)
    pixels, _ = decode(png(16, 16, zlib.compress(rows), bits=16, colour=2))
    np.testing.assert_array_equal(pixels[..., 0], RAMP)
    assert not pixels[..., 2].any()


def test_float_values_are_stretched_and_a_note_says_so():
    pixels, notes = decode(file(np.linspace(-3, 5, 64, dtype=np.float32).reshape(8, 8), "TIFF"))
    assert (pixels[0, 0, 0], pixels[7, 7, 0]) == (0, 255)
    assert (np.diff(pixels[..., 0].astype(int).ravel()) >= 4).all()
    (note,) = notes
    assert note.kind == "stretched"
    assert str(note) == "The file's values, -3 to 5, were stretched onto 0 to 255."


def test_a_constant_float_picture_is_black_without_a_division_by_zero():
    pixels, notes = decode(file(np.full((8, 8), 7.5, np.float32), "TIFF"))
    assert not pixels.any()
    assert notes[0].numbers == {"low": 7.5, "high": 7.5}


def test_thirty_two_bit_integers_are_stretched():
    values = np.linspace(-(10**9), 10**9, 64).astype(np.int32).reshape(8, 8)
    pixels, notes = decode(file(values, "TIFF"))
    assert (pixels.min(), pixels.max(), notes[0].kind) == (0, 255, "stretched")


def test_one_bit_is_black_and_white():
    pixels, _ = decode(file(Image.fromarray(NOISE[..., 0] > 128).convert("1"), "PNG"))
    np.testing.assert_array_equal(pixels[..., 0], np.where(NOISE[..., 0] > 128, 255, 0))


def test_cmyk_red_is_red():
    red = file(Image.new("CMYK", (16, 16), (0, 255, 255, 0)), "JPEG", quality=100)
    np.testing.assert_allclose(decode(red)[0], np.broadcast_to([255, 0, 0], (16, 16, 3)), atol=6)


def transparent(kind):
    """Red, green where clear (hidden) on the left half; half clear in the last column."""
    alpha = np.full((8, 8, 1), 255, np.uint8)
    alpha[:, :4], alpha[:, 7] = 0, 128
    colours = np.broadcast_to([255, 0, 0], (8, 8, 3)).astype(np.uint8)
    colours[:, :4] = [0, 255, 0]
    picture = np.concatenate([colours, alpha], axis=2)
    return file(picture, kind, lossless=True, exact=True)  # which only WebP reads


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "TIFF"])
def test_transparency_lies_on_white_and_hidden_colours_stay_hidden(kind):
    pixels, notes = decode(transparent(kind))
    assert (pixels[:, :4] == 255).all()
    assert (pixels[:, 4:7] == [255, 0, 0]).all()
    assert (np.abs(pixels[:, 7].astype(int) - [255, 127, 127]) <= 1).all()
    assert [note.kind for note in notes] == ["transparent"]


@pytest.mark.parametrize("kind", ["PNG", "GIF"])
def test_a_transparent_palette_colour_is_white(kind):
    picture = Image.new("P", (8, 8), 1)
    picture.putpalette([0, 255, 0, 0, 0, 255])
    picture.paste(0, (0, 0, 4, 8))
    pixels, notes = decode(file(picture, kind, transparency=0))
    assert (pixels[:, :4] == 255).all()
    assert (pixels[:, 4:] == [0, 0, 255]).all()
    assert notes[0].kind == "transparent"


def test_grey_with_transparency_lies_on_white():
    pixels, _ = decode(file(Image.new("LA", (8, 8), (0, 51)), "PNG"))
    assert (np.abs(pixels.astype(int) - 204) <= 1).all()


def test_an_opaque_alpha_channel_is_not_worth_a_note():
    pixels, notes = decode(file(Image.fromarray(NOISE).convert("RGBA"), "PNG"))
    np.testing.assert_array_equal(pixels, NOISE)
    assert notes == ()


ORIENTED = np.zeros((24, 16, 3), np.uint8)
ORIENTED[:8, :8] = 255  # a white corner at the top left
UPRIGHT = {
    1: (24, 16, "top left"),
    2: (24, 16, "top right"),
    3: (24, 16, "bottom right"),
    4: (24, 16, "bottom left"),
    5: (16, 24, "top left"),
    6: (16, 24, "top right"),
    7: (16, 24, "bottom right"),
    8: (16, 24, "bottom left"),
}


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("orientation", UPRIGHT)
def test_a_photograph_is_turned_upright(kind, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    height, width, corner = UPRIGHT[orientation]
    pixels, _ = decode(file(ORIENTED, kind, exif=exif))
    assert pixels.shape == (height, width, 3)
    row = 2 if "top" in corner else -3
    column = 2 if "left" in corner else -3
    assert pixels[row, column].min() > 200
    assert pixels.mean() < 80  # and only that corner


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("exif", [b"Exif\0\0garbage!", b"Exif\0\0MM\0*\0\0\0", b"Exif\0\0II*\0\xff\xff\xff\xff"])
def test_damaged_exif_counts_as_none(kind, exif):
    assert decode(file(NOISE, kind, exif=exif))[0].shape == NOISE.shape


def frames(count):
    return [Image.fromarray(np.roll(NOISE, shift, axis=0)) for shift in range(count)]


@pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP"])
def test_an_animation_shows_its_first_frame_and_says_how_many_there_are(kind):
    first, *rest = frames(5)
    options = {"lossless": True} if kind == "WEBP" else {}
    data = file(first, kind, save_all=True, append_images=rest, **options)
    pixels, notes = decode(data)
    if kind != "GIF":  # which has 256 colours
        np.testing.assert_array_equal(pixels, NOISE)
    assert [str(note) for note in notes] == ["Only the first of 5 frames of the animation is shown."]
    assert notes[0].numbers == {"frames": 5}


def test_counting_the_frames_of_a_gif_agrees_with_pillow():
    first, *rest = frames(40)
    data = file(first, "GIF", save_all=True, append_images=rest, comment=b"x" * 700)
    assert photo._gif_frames(data) == Image.open(io.BytesIO(data)).n_frames == 40


def test_a_gif_of_endless_frames_is_not_counted_to_its_end():
    picture = GOOD["GIF"]
    start = 13 + 3 * 256
    assert picture[start] == ord(",")
    empty = b"," + struct.pack("<HHHH", 0, 0, 1, 1) + b"\0\x02\x02\x4c\x01\0"
    data = picture[:-1] + empty * (2 * photo.MOST_FRAMES) + b";"
    (note,) = decode(data)[1]
    assert str(note) == "Only the first of more than 10000 frames of the animation is shown."
    assert note.numbers == {"frames": photo.MOST_FRAMES + 1}


def test_a_tiff_of_several_pages_shows_the_first():
    first, *rest = frames(3)
    pixels, notes = decode(file(first, "TIFF", save_all=True, append_images=rest))
    np.testing.assert_array_equal(pixels, NOISE)
    assert [str(note) for note in notes] == ["Only the first page of the file is shown."]


def test_a_telephones_jpeg_with_a_preview_inside_opens_like_any_other():
    first, second = frames(2)
    data = file(first, "MPO", save_all=True, append_images=[second])
    pixels, notes = decode(data)
    assert pixels.shape == NOISE.shape
    assert notes == ()


@pytest.mark.parametrize("compression", ["tiff_lzw", "packbits", "jpeg", "tiff_adobe_deflate"])
def test_compressed_tiffs_open(compression):
    assert decode(file(NOISE, "TIFF", compression=compression))[0].shape == NOISE.shape


def test_a_progressive_jpeg_opens():
    assert decode(file(NOISE, "JPEG", progressive=True))[0].shape == NOISE.shape


def test_a_tiff_with_a_strange_tag_opens_without_a_warning():
    tags = TiffImagePlugin.ImageFileDirectory_v2()
    tags[65000] = "x"
    assert decode(file(NOISE, "TIFF", tiffinfo=tags))[0].shape == NOISE.shape
