"""InputImage: what it takes, what it is, and how it comes to fit a network."""

import copy
import io
import os
import pickle
import re
import subprocess
import sys
import tracemalloc
import warnings
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image

from cnnviz_widgets.core import picture_file as source
from cnnviz_widgets.core.image import InputImage
from cnnviz_widgets.core.notes import Note

finite = st.floats(width=32, allow_nan=False, allow_infinity=False)
arrays = hnp.arrays(np.float32, hnp.array_shapes(min_dims=3, max_dims=3, max_side=4), elements=finite)


@pytest.fixture(autouse=True)
def warnings_are_errors():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


def noise(height, width, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


def png_of(pixels):
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "PNG", compress_level=1)
    return stream.getvalue()


def photo_of(pixels, **options):
    return InputImage.open(png_of(pixels), **options)


# ---- Arrays


@pytest.mark.parametrize("dtype", ["bool", "uint8", "int64", "uint16", "float16", "float64", ">f4"])
def test_numbers_of_any_real_type_become_float32(dtype):
    image = InputImage(np.array([[0, 1], [1, 0]]).astype(dtype))
    assert image.array.dtype == np.float32
    assert image.array.tolist() == [[[0], [1]], [[1], [0]]]
    assert not image.is_photo


def test_bfloat16_becomes_float32():
    bfloat16 = pytest.importorskip("ml_dtypes").bfloat16
    assert InputImage(np.full((2, 2), 1.5, bfloat16)).array[0, 0, 0] == 1.5


def test_anything_that_numpy_can_read_is_an_array():
    class Tensor:
        def __array__(self, dtype=None, copy=None):
            return np.ones((2, 3, 4))

    assert InputImage(Tensor()).shape == (2, 3, 4)
    assert InputImage([[1, 2, 3]]).shape == (1, 3, 1)


@pytest.mark.parametrize("channels", [1, 2, 3, 4, 7])
def test_any_number_of_channels_is_kept(channels):
    image = InputImage(np.zeros((5, 6, channels)))
    assert (image.height, image.width, image.channels) == image.shape == (5, 6, channels)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_changing_the_callers_array_does_not_change_the_image(dtype):
    given = np.zeros((2, 2, 1), dtype)
    image = InputImage(given)
    digest = image.digest
    given[:] = 7
    assert not image.array.any()
    assert image.digest == digest
    assert given.flags.writeable


@pytest.mark.parametrize("image", [InputImage(np.zeros((4, 4))), photo_of(noise(4, 4))], ids=repr)
def test_nobody_can_write_into_an_image(image):
    with pytest.raises(ValueError, match="read-only"):
        image.array[0, 0, 0] = 1
    with pytest.raises(ValueError, match="WRITEABLE"):
        image.array.setflags(write=True)


@pytest.mark.parametrize("field", ["array", "name", "label", "notes", "digest", "is_photo", "new"])
def test_an_image_cannot_be_changed(field):
    image = InputImage(np.zeros((2, 2)))
    with pytest.raises(AttributeError, match=f"does not change.*Received: '{field}'"):
        setattr(image, field, None)
    with pytest.raises(AttributeError, match="does not change"):
        delattr(image, field)


NAN = np.zeros((4, 5, 3))
NAN[2, 3, 1], NAN[3, 0, 0] = np.nan, np.inf


@pytest.mark.parametrize(
    ("array", "error", "match"),
    [
        (NAN, ValueError, "2 of 60 values .* first at row 2, column 3, channel 1"),
        (np.full((2, 2), 1e300), ValueError, "4 of 4 values"),
        (np.zeros((1, 4, 4, 3)), ValueError, r"array\[0\]. Received: \(1, 4, 4, 3\)"),
        (np.zeros(4), ValueError, r"Received: \(4,\)"),
        (np.float32(4), ValueError, r"Received: \(\)"),
        (np.zeros((0, 4, 3)), ValueError, "each at least 1"),
        (np.zeros((4, 4, 0)), ValueError, "each at least 1"),
        (np.ma.masked_equal([[1, 2], [2, 3]], 2), ValueError, "Received: 2 masked values"),
        (np.zeros((2, 2), complex), TypeError, "an array of complex128"),
        (np.array([["a"]]), TypeError, "real numbers"),
        (np.array([[None]]), TypeError, "an array of object"),
        (np.zeros((2, 2), "datetime64[s]"), TypeError, "real numbers"),
        (np.zeros((2, 2), [("x", float)]), TypeError, "real numbers"),
        ([[1, 2], [3]], TypeError, "a list that NumPy cannot read"),
        ("cat.jpg", TypeError, r"InputImage.open\(path\). Received: str"),
        (b"\x89PNG", TypeError, "Received: bytes"),
        (Image.new("P", (4, 4)), TypeError, "Received: Image"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Image.Image) else str(value),
)
def test_what_is_no_image_is_refused_with_what_would_be_one(array, error, match):
    with pytest.raises(error, match=match) as caught:
        InputImage(array)
    assert str(caught.value).isprintable()
    assert str(caught.value).endswith(".")


def test_notes_that_are_no_notes_are_refused():
    with pytest.raises(TypeError, match="are Note objects"):
        InputImage(np.zeros((2, 2)), notes="dark")


# ---- Equality


@given(arrays, arrays)
def test_images_are_equal_exactly_when_their_numbers_are(first, second):
    same = first.shape == second.shape and (first == second).all()
    assert (InputImage(first) == InputImage(second)) == same


@given(arrays)
def test_a_copy_of_the_numbers_gives_an_equal_key_whatever_its_layout_and_name(array):
    one, other = InputImage(array), InputImage(np.asfortranarray(array), "other", "cat")
    assert one == other
    assert hash(one) == hash(other)
    assert {one: "cached"}[other] == "cached"


def test_the_sign_of_zero_makes_no_difference():
    assert InputImage([[0.0, 1.0]]) == InputImage([[-0.0, 1.0]])


def test_the_same_bytes_in_another_shape_are_another_image():
    shapes = [(2, 6, 1), (6, 2, 1), (3, 4, 1), (2, 2, 3), (1, 4, 3)]
    assert len({InputImage(np.zeros(shape)) for shape in shapes}) == len(shapes)


def test_a_photograph_and_an_array_of_its_numbers_differ_because_they_fit_differently():
    photo = photo_of(noise(8, 8))
    assert photo != InputImage(photo.array)


def test_an_image_equals_nothing_that_is_no_image():
    image = InputImage([[1.0]])
    assert image != image.digest
    assert image != np.ones((1, 1, 1))


@pytest.mark.parametrize("again", [copy.copy, copy.deepcopy, lambda i: pickle.loads(pickle.dumps(i))])
@pytest.mark.parametrize("photo", [True, False])
def test_copies_and_pickles_are_equal_and_read_only(again, photo):
    image = photo_of(noise(8, 8)) if photo else InputImage(np.ones((2, 2)), "x", "cat", [Note("a", "b")])
    other = again(image)
    assert other == image
    assert (other.name, other.label, other.notes) == (image.name, image.label, image.notes)
    assert other.is_photo == image.is_photo
    assert not other.array.flags.writeable


def test_the_repr_is_short_and_tells_what_it_is():
    image = InputImage(np.zeros((224, 224, 3)), "cat", "tabby")
    assert repr(image) == "<InputImage 'cat', array (224, 224, 3), label='tabby'>"
    assert repr(photo_of(noise(8, 9))) == "<InputImage 'image', photo (8, 9, 3)>"


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ("my cat", "my cat"),
        ("a\nb\tc\0d\x1b[31m", "a b c d [31m"),
        ("right \u202eto left", "right to left"),
        ("\ud800", "image"),
        ("", "image"),
        ("x" * 500, "x" * 57 + "..."),
    ],
)
def test_a_name_is_one_short_line_without_control_characters(given, name):
    assert InputImage([[1.0]], given).name == name


# ---- Opening


def test_every_way_to_hand_over_a_file_gives_the_same_photograph(tmp_path):
    pixels = noise(9, 12)
    path = tmp_path / "my cat.v2.png"
    path.write_bytes(png_of(pixels))
    data = path.read_bytes()
    read_to_its_end = io.BytesIO(data)
    read_to_its_end.read()
    with open(path, "rb") as file:
        images = [InputImage.open(given) for given in (path, str(path), file, data, bytearray(data), memoryview(data))]
    images.append(InputImage.open(read_to_its_end))
    for image in images:
        assert image.is_photo
        assert image == images[0]
        np.testing.assert_array_equal(image.array, pixels)
    assert [image.name for image in images] == ["my cat.v2"] * 3 + ["image"] * 4
    assert InputImage.open(path, name="Tom", label="tabby").name == "Tom"
    assert InputImage.open(path, name="Tom", label="tabby").label == "tabby"


def test_a_stream_that_cannot_be_wound_back_is_read_from_where_it_is():
    class Pipe(io.RawIOBase):
        rest = io.BytesIO(png_of(noise(9, 12)))

        def read(self, size=-1):
            return self.rest.read(size)

    assert InputImage.open(Pipe()).shape == (9, 12, 3)


@pytest.mark.parametrize(
    "address",
    ["http://a.org/x.png", "https://a.org/x.png", "gs://b/x", "hf://b/x", "s3://b/x", "HTTPS://A",
     "file:///etc/passwd", "ftp://a/x.png"],
)  # fmt: skip
def test_nothing_is_downloaded(address):
    with pytest.raises(ValueError, match="not downloaded"):
        InputImage.open(address)


def test_a_missing_file_and_a_folder_are_refused_by_their_own_exceptions(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"No such file.*nowhere\.png'\.$"):
        InputImage.open(tmp_path / "nowhere.png")
    with pytest.raises(IsADirectoryError, match="This is a folder"):
        InputImage.open(tmp_path)
    with pytest.raises(FileNotFoundError, match="No such file"):
        InputImage.open("")
    (tmp_path / "file").touch()
    with pytest.raises(FileNotFoundError, match="No such file"):
        InputImage.open(tmp_path / "file" / "in it.png")


@pytest.mark.parametrize("path", ["nul\0.png", "x" * 5000, "\n" * 90])
def test_an_impossible_path_is_refused_in_one_line(path):
    with pytest.raises((ValueError, FileNotFoundError)) as caught:
        InputImage.open(path)
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 300


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_a_pipe_that_nobody_writes_to_is_refused_instead_of_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe.png")
    with pytest.raises(ValueError, match="an ordinary file"):
        InputImage.open(tmp_path / "pipe.png")


@pytest.mark.parametrize("given", [42, None, np.zeros((4, 4)), ["a.png"]], ids=repr)
def test_what_is_no_source_is_refused(given):
    with pytest.raises(TypeError, match=r"InputImage\(array\)"):
        InputImage.open(given)


def test_a_text_stream_is_refused_with_the_mode_that_would_do():
    with pytest.raises(ValueError, match="mode 'rb'"):
        InputImage.open(io.StringIO("x"))


def test_a_closed_stream_is_refused_in_a_sentence():
    stream = io.BytesIO()
    stream.close()
    with pytest.raises(ValueError, match=r"file object cannot be read. Received: BytesIO\."):
        InputImage.open(stream)


@pytest.mark.parametrize("way", [bytes, io.BytesIO, "path"])
def test_a_file_that_is_too_large_is_refused(way, tmp_path, monkeypatch):
    monkeypatch.setattr(source, "MOST_BYTES", 2**20)
    data = bytes(2**20 + 1)
    if way == "path":
        (tmp_path / "x.png").write_bytes(data)
    with pytest.raises(ValueError, match="up to 1 MB"):
        InputImage.open(tmp_path / "x.png" if way == "path" else way(data))


def test_an_enormous_file_is_not_read_to_its_end(tmp_path, monkeypatch):
    monkeypatch.setattr(source, "MOST_BYTES", 2**20)
    path = tmp_path / "x.png"
    path.touch()
    os.truncate(path, 2**27)  # sparse: takes no room on the disk
    tracemalloc.start()
    with open(path, "rb") as stream:
        for enormous in (path, stream):
            with pytest.raises(ValueError, match="too large"):
                InputImage.open(enormous)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 2**23


@pytest.mark.parametrize("data", [b"", b"no picture", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff"])
def test_what_is_no_picture_is_refused_in_one_line(data, tmp_path):
    path = tmp_path / "x.png"
    path.write_bytes(data)
    for where in (data, path):
        with pytest.raises(ValueError, match="This is not a picture") as caught:
            InputImage.open(where)
        assert str(caught.value).isprintable()


def test_what_was_done_to_the_file_is_noted_on_the_image():
    clear = Image.new("RGBA", (8, 8), (0, 0, 0, 0))
    image = InputImage.open(png_of(np.asarray(clear)))
    assert [note.kind for note in image.notes] == ["transparent"]
    assert (image.array == 255).all()


# ---- Fitting a photograph


@settings(max_examples=40, deadline=None)
@given(*[st.integers(8, 70)] * 2, *[st.integers(4, 50)] * 2, st.sampled_from([1, 3]))
def test_a_fitted_photograph_is_what_pillow_makes_of_it(rows, columns, height, width, channels):
    pixels = noise(rows, columns)
    keep_rows = min(rows, max(1, columns * height // width))
    keep_columns = min(columns, max(1, rows * width // height))
    top, left = (rows - keep_rows) // 2, (columns - keep_columns) // 2
    picture = Image.fromarray(pixels).crop((left, top, left + keep_columns, top + keep_rows))
    picture = picture.convert("L" if channels == 1 else "RGB")
    expected = np.asarray(picture.resize((width, height), Image.Resampling.BICUBIC))
    fitted = photo_of(pixels).fitted(height, width, channels)
    np.testing.assert_array_equal(fitted.array, expected.reshape(height, width, channels))


def test_a_square_network_gets_the_central_square():
    pixels = np.zeros((20, 60, 3), np.uint8)
    pixels[:, 20:40] = 200
    fitted = photo_of(pixels).fitted(20, 20, 3)
    assert (fitted.array == 200).all()


def test_a_grey_picture_of_the_right_size_comes_through_untouched():
    grey = noise(28, 28)[..., 0]
    np.testing.assert_array_equal(photo_of(grey).fitted(28, 28, 1).array[..., 0], grey)


def test_grey_is_the_luma_of_the_colours():
    pixels = np.zeros((8, 24, 3), np.uint8)
    pixels[:, :8, 0], pixels[:, 8:16, 1], pixels[:, 16:, 2] = 255, 255, 255
    grey = photo_of(pixels).fitted(8, 24, 1).array[0, [0, 12, 23], 0]
    np.testing.assert_allclose(grey, [0.299 * 255, 0.587 * 255, 0.114 * 255], atol=1)


@pytest.mark.parametrize("value_range", [(0, 1), (-1, 1), (-123.5, 151.25), (0, 255)])
def test_black_and_white_are_the_ends_of_the_value_range(value_range):
    pixels = np.zeros((8, 8, 3), np.uint8)
    pixels[4:] = 255
    array = photo_of(pixels).fitted(8, 8, 3, value_range).array
    np.testing.assert_allclose([array.min(), array.max()], value_range, rtol=1e-6)


def test_a_fitted_photograph_keeps_its_name_label_and_notes_and_leaves_the_photograph_alone():
    photo = InputImage.open(png_of(np.dstack([noise(30, 30), noise(30, 30)[..., 0]])), "Tom", "cat")
    before = photo.digest, photo.notes
    fitted = photo.fitted(8, 8, 3)
    assert (fitted.name, fitted.label) == ("Tom", "cat")
    assert fitted.notes == photo.notes != ()
    assert not fitted.is_photo
    assert (photo.digest, photo.notes) == before


@pytest.mark.parametrize(("columns", "share"), [(30, None), (39, None), (42, "29 %"), (120, "75 %")])
def test_only_cutting_away_more_than_a_quarter_is_worth_a_note(columns, share):
    notes = photo_of(noise(30, columns)).fitted(15, 15, 3).notes
    if share is None:
        assert notes == ()
    else:
        assert str(notes[0]) == f"{share} of the picture was cut away to make it 15×15 px."


def test_a_network_of_any_size_gets_the_picture_shrunk_to_512_px():
    photo = photo_of(noise(300, 1024))
    fitted = photo.fitted(None, None, 3)
    assert fitted.shape == (150, 512, 3)
    assert [note.kind for note in fitted.notes] == ["shrunk"]
    assert "1024×300 px, was shrunk to 512×150 px" in str(fitted.notes[0])


def test_a_network_of_any_size_gets_the_whole_picture_to_the_last_row():
    pixels = noise(333, 1000)  # 512 : 170 is not quite 1000 : 333
    expected = Image.fromarray(pixels).resize((512, 170), Image.Resampling.BICUBIC)
    np.testing.assert_array_equal(photo_of(pixels).fitted().array, np.asarray(expected))


def test_a_network_of_any_size_does_not_enlarge_or_crop_a_small_picture():
    photo = photo_of(noise(100, 511))
    fitted = photo.fitted(None, None, None)
    np.testing.assert_array_equal(fitted.array, photo.array)
    assert fitted.notes == ()


@pytest.mark.parametrize(("size", "shape"), [((10, None), (10, 20, 3)), ((None, 10), (5, 10, 3))])
def test_a_network_of_one_known_side_gets_the_other_in_proportion(size, shape):
    assert photo_of(noise(30, 60)).fitted(*size, 3).shape == shape


@pytest.mark.parametrize("channels", [2, 4])
def test_a_photograph_is_refused_by_a_network_of_other_channels(channels):
    with pytest.raises(ValueError, match=f"3 channels .* a network of {channels} channels"):
        photo_of(noise(8, 8)).fitted(8, 8, channels)


sizes = st.one_of(st.none(), st.integers(4, 40))


@settings(max_examples=40, deadline=None)
@given(st.integers(4, 60), st.integers(4, 60), sizes, sizes, st.sampled_from([None, 1, 3]),
       st.sampled_from([(0, 255), (0, 1), (-1, 1)]))  # fmt: skip
def test_fitting_what_is_fitted_changes_nothing(rows, columns, height, width, channels, range_):
    once = photo_of(noise(rows, columns)).fitted(height, width, channels, range_)
    twice = once.fitted(height, width, channels, range_)
    assert twice == once
    assert twice.notes == once.notes


# ---- Fitting an array


@pytest.mark.parametrize("wanted", [(4, 5, 2), (None, 5, 2), (4, None, None), (None, None, None)])
def test_an_array_that_fits_stays_as_it_is(wanted):
    image = InputImage(np.ones((4, 5, 2)))
    assert image.fitted(*wanted, value_range=(0, 1)) is image


@pytest.mark.parametrize("wanted", [(5, 5, 2), (4, 4, 2), (4, 5, 1), (None, None, 3)])
def test_an_array_of_another_shape_is_refused_with_both_shapes(wanted):
    shown = "(" + ", ".join("any" if side is None else str(side) for side in wanted) + ")"
    with pytest.raises(ValueError, match=re.escape(f"= {shown}. Received: (4, 5, 2).")):
        InputImage(np.ones((4, 5, 2))).fitted(*wanted)


def test_an_array_with_its_channels_first_is_told_how_to_turn_it():
    image = InputImage(np.ones((3, 8, 9)))
    with pytest.raises(ValueError, match=r"array.transpose\(1, 2, 0\). Received: \(3, 8, 9\)"):
        image.fitted(8, 9, 3)
    with pytest.raises(ValueError, match="does not have the shape") as caught:
        InputImage(np.ones((8, 8, 3))).fitted(9, 9, 3)
    assert "transpose" not in str(caught.value)


@pytest.mark.parametrize(
    ("values", "value_range", "advice"),
    [
        ((0, 1), (0, 255), "must be multiplied by 255 first"),
        ((0, 0.2), (0, 255), "must be multiplied by 255 first"),
        ((0, 255), (0, 1), "must be divided by 255 first"),
        ((0, 255), (-1, 1), "scale it to the network's range"),
        ((-1, 1), (0, 255), "scale it to the network's range"),
        ((-1, 1), (0, 1), "scale it to the network's range"),
        ((0, 300), (0, 255), "scale it to the network's range"),
    ],
)
def test_values_of_another_range_are_noted_with_what_to_do(values, value_range, advice):
    image = InputImage(np.linspace(*values, 16).reshape(4, 4)).fitted(value_range=value_range)
    (note,) = image.notes
    assert note.kind == "outside_value_range"
    assert advice in str(note)
    low, high = value_range
    assert f"run from {values[0]} to {values[1]}, but this network takes {low} to {high}" in str(note)
    assert note.numbers["high"] == np.float32(values[1])
    assert note.numbers["network_high"] == high


@pytest.mark.parametrize(
    ("values", "value_range"),
    [
        ((0, 255), (0, 255)),
        ((-2, 257), (0, 255)),  # bicubic filters overshoot a little
        ((0, 0), (0, 255)),  # black is black in any range
        ((3, 40), (0, 255)),  # dark
        ((0, 1), (0, 1)),
        ((-1, 1), (-1, 1)),
        ((0, 1), (-1, 1)),
    ],
)
def test_values_that_may_well_be_of_the_range_are_not_noted(values, value_range):
    image = InputImage(np.linspace(*values, 16).reshape(4, 4))
    assert image.fitted(value_range=value_range).notes == ()


def test_the_note_on_the_range_comes_only_once_and_after_the_others():
    first = Note("own", "Mine.")
    image = InputImage(np.ones((4, 4)), notes=[first]).fitted().fitted()
    assert [note.kind for note in image.notes] == ["own", "outside_value_range"]


@pytest.mark.parametrize("value_range", [(1, 0), (0, 0), (0, np.inf), (np.nan, 1)])
def test_a_value_range_that_is_none_is_refused(value_range):
    with pytest.raises(ValueError, match="low below high"):
        InputImage([[1.0]]).fitted(value_range=value_range)


# ---- Showing


@pytest.mark.parametrize("value_range", [(0, 255), (0, 1), (-1, 1), (-123.7, 151.1)])
def test_a_fitted_photograph_shows_the_pixels_it_was_made_of(value_range):
    pixels = noise(16, 16)
    fitted = photo_of(pixels).fitted(16, 16, 3, value_range)
    np.testing.assert_array_equal(fitted.rgb(value_range), pixels)


def test_a_photograph_shows_its_own_pixels_and_gives_them_away_as_a_copy():
    photo = photo_of(noise(8, 8))
    photo.rgb((-1, 1))[:] = 0
    np.testing.assert_array_equal(photo.rgb(), noise(8, 8))


def test_values_beyond_the_range_are_clipped_and_never_wrap_round():
    image = InputImage([[-1e30, -5.0, 0.0, 255.0, 300.0, 1e30]])
    assert image.rgb()[0, :, 0].tolist() == [0, 0, 0, 255, 255, 255]


@pytest.mark.parametrize(
    ("channels", "shown"),
    [(1, [10] * 3), (2, [15] * 3), (3, [10, 20, 30]), (4, [10, 20, 30]), (5, [30] * 3)],
)
def test_colours_are_shown_for_three_or_four_channels_and_else_the_grey_mean(channels, shown):
    image = InputImage(np.broadcast_to(10.0 * np.arange(1, channels + 1), (2, 2, channels)))
    rgb = image.rgb()
    assert rgb.dtype == np.uint8
    assert rgb.shape == (2, 2, 3)
    assert (rgb == shown).all()


def test_importing_the_image_imports_neither_pillow_nor_a_framework():
    script = (
        "import sys, cnnviz_widgets.core.image\n"
        "print({'PIL', 'tensorflow', 'keras', 'ipywidgets', 'matplotlib'} & {*sys.modules})"
    )
    root = Path(__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=root)
    assert done.stdout.strip() == "set()"
