import contextlib
import hashlib
import io
import struct
import zlib

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from fer_core.errors import MediaError
from fer_core.images import MAX_PIXELS, describe_rest, load_image
from fer_core.inference.sample import load_sample


def encode(image, kind="PNG", **options):
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def gradient(mode="RGB", size=(40, 30)):
    rng = np.random.default_rng(0)
    return Image.fromarray(rng.integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)).convert(mode)


@pytest.mark.parametrize("kind", ["PNG", "BMP", "TIFF", "WEBP", "PPM", "JPEG2000"])
def test_lossless_formats_come_back_as_they_were(kind):
    image = gradient()
    options = {"lossless": True} if kind == "WEBP" else {}
    loaded = load_image(encode(image, kind, **options))
    assert loaded.dtype == np.uint8
    assert (loaded == np.asarray(image)).all()
    assert loaded.flags.writeable
    assert loaded.flags.c_contiguous


@pytest.mark.parametrize(
    ("mode", "kind"),
    [("L", "PNG"), ("P", "PNG"), ("CMYK", "JPEG"), ("1", "PNG"), ("P", "GIF"), ("L", "PPM")],
)
def test_every_colour_mode_becomes_rgb(mode, kind):
    loaded = load_image(encode(gradient(mode), kind))
    assert loaded.shape == (30, 40, 3)
    assert np.abs(loaded.astype(int) - np.asarray(gradient(mode).convert("RGB"))).mean() < 20


def test_sixteen_bit_gray_is_scaled_not_clipped():
    values = np.linspace(0, 65535, 32 * 32).astype(np.uint16).reshape(32, 32)
    loaded = load_image(encode(Image.fromarray(values)))
    assert loaded[0, 0, 0] == 0
    assert loaded[-1, -1, 0] == 255
    assert abs(int(loaded[16, 0, 0]) - 128) <= 2


def test_transparent_parts_become_white():
    image = Image.new("RGBA", (20, 20), (200, 0, 0, 0))
    image.paste((200, 0, 0, 255), (0, 0, 10, 20))
    loaded = load_image(encode(image))
    assert loaded[5, 5].tolist() == [200, 0, 0]
    assert loaded[5, 15].tolist() == [255, 255, 255]


def test_camera_orientation_is_applied():
    image = Image.new("RGB", (40, 20), "black")
    image.paste("white", (0, 0, 20, 20))  # left half white
    exif = Image.Exif()
    exif[0x0112] = 6  # turn by 90 degrees clockwise to see it upright
    loaded = load_image(encode(image, "JPEG", exif=exif))
    assert loaded.shape == (40, 20, 3)
    assert loaded[5].mean() > 240, "the left half is on top now"
    assert loaded[-5].mean() < 15


# OpenCV 4.12's imread turns JPEG and PNG by their EXIF, but neither WebP nor AVIF.
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "AVIF", "TIFF"])
def test_camera_orientation_is_applied_in_every_format(kind):
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was turned: the left edge is the top
    image = Image.new("L", (40, 30), 0)
    image.paste(255, (0, 0, 20, 30))
    loaded = load_image(encode(image.convert("RGB"), kind, exif=exif))
    assert loaded.shape == (40, 30, 3)
    assert loaded[:15].min() > 200 and loaded[25:].max() < 50


@pytest.mark.parametrize("brand", [b"heic", b"mif1"])
def test_heic_is_refused_with_the_way_out(brand):
    with pytest.raises(MediaError, match=r"HEIC.*JPEG.*Most Compatible"):
        load_image(struct.pack(">I", 24) + b"ftyp" + brand + bytes(4) + b"mif1heic" + bytes(400))


def test_path_or_bytes(tmp_path):
    (tmp_path / "misnamed.txt").write_bytes(encode(gradient()))
    assert load_image(tmp_path / "misnamed.txt").shape == (30, 40, 3), "content decides, not the name"


def png_header(width, height):
    """A PNG that promises a size and has next to no pixels."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(b""))
        + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize(
    ("data", "match"),
    [
        (png_header(30_000, 30_000), "too large"),
        (png_header(200_000, 200_000), "too large"),
        (png_header(40_000, 100), "too large"),
        (png_header(100, 100), "damaged or cut short"),
        (encode(Image.new("RGB", (1, 1))), "1 x 1"),
        (encode(gradient())[:300], "damaged or cut short"),
        (encode(gradient(size=(400, 400)), "JPEG")[:5000], "damaged or cut short"),
        (b"", "the picture is empty; copy it again"),
        (b"just some text, named photo.jpg", "no picture"),
        (b"GIF89a", "no picture|damaged"),
        (b"\xff\xd8\xff\xe0" + bytes(50), "no picture|damaged"),
        (b"%PDF-1.7 hello", "no picture"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 100 100\n", "no picture"),
        (encode(Image.fromarray(np.ones((32, 32), np.float32)), "TIFF"), "floating point"),
    ],
)
def test_what_is_no_picture_is_refused_in_words(data, match):
    with pytest.raises(MediaError, match=match):
        load_image(data)


def test_limit_admits_a_phone_camera():
    assert MAX_PIXELS >= 50_000_000


def test_missing_files_and_folders(tmp_path):
    (tmp_path / "empty.jpg").write_bytes(b"")
    for path, match in [
        (tmp_path / "none.jpg", "does not exist"),
        (tmp_path, "folder"),
        (tmp_path / "empty.jpg", "empty"),
    ]:
        with pytest.raises(MediaError, match=match):
            load_image(path)


@settings(max_examples=150, deadline=None)
@given(
    st.binary(max_size=200),
    st.sampled_from(["PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP", "AVIF", "PPM", "JPEG2000"]),
    st.integers(0, 400),
)
def test_damaged_pictures_raise_nothing_but_media_errors(noise, kind, position):
    data = bytearray(encode(gradient(), kind))
    data[position : position + len(noise)] = noise
    try:
        assert load_image(bytes(data)).ndim == 3
    except MediaError as error:
        assert str(error)


def test_the_sample_has_the_pixels_of_scikit_images_astronaut():
    digest = hashlib.sha256(load_sample().tobytes()).hexdigest()
    assert digest == "a8c429c18afa7b0fd5673e598d73a21225d94c864a71bbb3885126fdecb41071"


def _jpeg(mode="RGB", size=(400, 320), **options):
    rows, columns = np.mgrid[: size[1], : size[0]]
    pixels = np.stack([columns % 256, rows % 256, (rows + columns) % 256], axis=2).astype(np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).convert(mode).save(buffer, "JPEG", quality=95, **options)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("target", "shape"),
    [
        (None, (320, 400)),
        (161, (320, 400)),
        (160, (320, 400)),
        (80, (160, 200)),
        (48, (160, 200)),
        (1, (40, 50)),
    ],
)
def test_a_jpeg_is_never_decoded_to_less_than_twice_its_target(target, shape):
    assert load_image(_jpeg(), target_px=target).shape == (*shape, 3)
    assert load_image(_jpeg(), target_px=target, color="gray").shape == shape


@pytest.mark.parametrize(("target", "side"), [(224, 224), (112, 112), (56, 56), (100, 224)])
def test_a_jpeg_that_halves_to_its_target_is_decoded_to_it(target, side):
    assert load_image(_jpeg(size=(224, 224)), target_px=target).shape == (side, side, 3)


def test_only_jpeg_is_reduced():
    buffer = io.BytesIO()
    Image.fromarray(np.zeros((320, 400, 3), np.uint8)).save(buffer, "PNG")
    assert load_image(buffer.getvalue(), target_px=48).shape == (320, 400, 3)


@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
def test_grey_is_the_luma_of_the_colours(mode):
    data = _jpeg(mode)
    grey, colors = load_image(data, color="gray"), load_image(data)
    luma = colors @ [0.299, 0.587, 0.114]
    assert grey.shape == colors.shape[:2] and grey.dtype == np.uint8 and grey.flags.writeable
    assert np.abs(grey - luma).mean() < 1.5


def test_grey_on_transparent_ground_is_white():
    buffer = io.BytesIO()
    Image.fromarray(np.zeros((20, 20, 4), np.uint8)).save(buffer, "PNG")
    assert load_image(buffer.getvalue(), color="gray").min() == 255


def test_a_reduced_picture_is_turned_too():
    turned = Image.Exif()
    turned[0x0112] = 6
    assert load_image(_jpeg(exif=turned), target_px=80).shape == (200, 160, 3)


def test_a_cut_jpeg_is_refused_when_reduced():
    data = _jpeg()
    with pytest.raises(MediaError, match="damaged or cut short"):
        load_image(data[: len(data) // 2], target_px=48, color="gray")


@pytest.mark.parametrize(
    ("kind", "told"),
    [
        ("GIF", "as a video"),
        ("WEBP", "as a video"),
        ("PNG", "as a video"),
        ("AVIF", "as a video"),
        ("TIFF", "pages"),
    ],
)
def test_what_is_left_unread_of_a_file_is_said(tmp_path, kind, told):
    first, second = (Image.new("RGB", (32, 32), color) for color in ("red", "blue"))
    first.save(tmp_path / "one", kind)
    first.save(tmp_path / "two", kind, save_all=True, append_images=[second])
    assert describe_rest(tmp_path / "one") == ""
    assert "first of its 2" in describe_rest(tmp_path / "two") and told in describe_rest(tmp_path / "two")
    assert load_image(tmp_path / "two")[0, 0, 0] > 200, "the first"


def test_pages_are_not_counted_without_end(monkeypatch):
    monkeypatch.setattr("fer_core.images._MAX_PAGES", 3)
    page = Image.new("L", (32, 32))
    for count, told in ((3, "its 3 pages"), (4, "its more than 3 pages"), (9, "its more than 3 pages")):
        content = encode(page, "TIFF", save_all=True, append_images=[page] * (count - 1))
        assert told in describe_rest(content)


def test_damage_behind_the_first_picture_does_not_refuse_it():
    """Wherever a GIF of two pictures is cut: where the first is read, what is left unread does not fail."""
    first = gradient(size=(32, 32))
    data = encode(first, "GIF", save_all=True, append_images=[first.transpose(Image.Transpose.ROTATE_90)])
    num_read = 0
    for end in range(len(data) // 2, len(data), 7):
        with contextlib.suppress(MediaError):
            load_image(data[:end])
            num_read += 1
            assert isinstance(describe_rest(data[:end]), str)
    assert num_read


def test_the_preview_in_a_jpeg_is_nothing_that_is_missed(tmp_path):
    """Phones put previews and gain maps behind the picture, which Pillow calls MPO."""
    picture = Image.new("RGB", (32, 32))
    picture.save(tmp_path / "a.jpg", "MPO", save_all=True, append_images=[picture])
    assert describe_rest(tmp_path / "a.jpg") == ""


@pytest.mark.parametrize("shape", [(32, 32), (32, 32, 3)])
def test_a_tiff_of_floating_point_numbers_is_refused_with_the_way_out(tmp_path, shape):
    """Pillow 13 opens grey ones as mode F and does not know those of three channels."""
    cv2.imwrite(str(tmp_path / "a.tif"), np.zeros(shape, np.float32))
    with pytest.raises(MediaError, match=r"(TIFF|floating).*8 or 16 bits"):
        load_image(tmp_path / "a.tif")


@pytest.mark.parametrize(
    ("name", "pixels"),
    [
        *(("a.png", "rgb16"), ("b.png", "rgba16"), ("a.tif", "rgb16"), ("a.ppm", "rgb16")),
        *(("c.png", "gray16"), ("c.tif", "gray16"), ("c.pgm", "gray16"), ("c.jp2", "gray16")),
    ],
)
def test_sixteen_bits_are_scaled_in_every_format(tmp_path, name, pixels):
    color = (200, 100, 50) if "rgb" in pixels else (200, 200, 200)
    deep = np.full((32, 32, 4), (*color[::-1], 255), np.uint16) * 257
    deep = {"rgba16": deep, "rgb16": deep[..., :3], "gray16": deep[..., 0]}[pixels]
    cv2.imwrite(str(tmp_path / name), deep)
    assert load_image(tmp_path / name)[5, 5].tolist() == list(color)
