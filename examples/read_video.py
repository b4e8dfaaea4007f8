"""What a video shows, frame by frame and as a table: `python examples/read_video.py video.mp4`."""

import sys

import fer_core as fer

video = fer.read_video(sys.argv[1])
for frame in video:
    print(f"{frame.time_s:.2f} s: {', '.join(face.label for face in frame.faces) or 'nobody'}")

table = video.to_pandas()  # reads it again; needs pip install 'fer-workbench[tables]'
print(table.groupby("track_id")["label"].agg(lambda labels: labels.mode()[0]))
