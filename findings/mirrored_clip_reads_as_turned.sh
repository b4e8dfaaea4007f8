#!/usr/bin/env bash
# Surprise: a clip whose display matrix mirrors left and right (selfie cameras write it) is told as turned by 180
#   degrees by PyAV, and OpenCV's reader, which turns frames by itself, hands it out upside down. A clip mirrored top
#   to bottom is told as not turned at all, and left as it is. A face is then searched upside down.
# Guess before running: both say 0 degrees for a mirror, since it is no rotation, and leave the frame as stored.
# Versions: av 18.1.0, opencv-python-headless 4.14.0.94, numpy 2.3.5. Source: ISO/IEC 14496-12, 6.2.2 (the matrix).
# Seen: "mirror left-right: PyAV -180 degrees, OpenCV 180 degrees, dark quarter stored upper left, shown lower right"
#       "mirror top-bottom: PyAV 0 degrees, OpenCV 0 degrees, dark quarter stored upper left, shown upper left"
# Right: upper right, and lower left. The 3 x 3 matrix itself is in VideoFrame.side_data["DISPLAYMATRIX"].
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT; cd "$folder"
python3 -m venv env
env/bin/pip install --quiet av==18.1.0 opencv-python-headless==4.14.0.94 numpy==2.3.5
env/bin/python - <<'PYTHON'
import av, cv2, numpy as np

NAMES = ("upper left", "upper right", "lower left", "lower right")

def write(path, **mirror):
    picture = np.full((48, 64, 3), 200, np.uint8)
    picture[:24, :32] = 0
    with av.open(path, "w") as container:
        video = container.add_stream("libx264", rate=10)
        video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
        video.set_display_rotation(0, **mirror)
        for _ in range(4):
            container.mux(video.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(video.encode(None))

def find_dark_quarter(picture):
    grey = picture.mean(axis=2)
    quarters = [part for half in np.array_split(grey, 2, 0) for part in np.array_split(half, 2, 1)]
    return NAMES[int(np.argmin([part.mean() for part in quarters]))]

print("av", av.__version__, "opencv", cv2.__version__)
seen = []
for title, mirror in (("left-right", {"hflip": True}), ("top-bottom", {"vflip": True})):
    write("clip.mp4", **mirror)
    with av.open("clip.mp4") as container:
        rotation = next(container.decode(video=0)).rotation
    capture = cv2.VideoCapture("clip.mp4")
    meta, shown = capture.get(cv2.CAP_PROP_ORIENTATION_META), find_dark_quarter(capture.read()[1])
    print(f"mirror {title}: PyAV {rotation} degrees, OpenCV {meta:.0f} degrees, "
          f"dark quarter stored upper left, shown {shown}")
    seen.append((abs(rotation), meta, shown))
raise SystemExit(seen != [(180, 180.0, "lower right"), (0, 0.0, "upper left")])
PYTHON
