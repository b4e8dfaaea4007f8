"""How fast and how exact the player of videos is, in a real browser, on a video with numbered frames.

    python benchmarks/player.py                 # 10 minutes, 30 frames a second, 50 clicks
    python benchmarks/player.py --minutes 1

`click`: from a click into the timeline, at random places, until the picture shows the cursor's frame, read
from the video's pixels. `off`: by how many frames picture and cursor differ while the video plays, at each
picture that the browser tells of while it is shown. `left out`: pictures that it did not show in that time.
`sent`: what the page sends beside the video itself.
"""

import argparse
import random
import statistics
import sys
import tempfile
from pathlib import Path

import pandas as pd
import psutil
from playwright.sync_api import expect, sync_playwright

from fer_core.workspace import PROJECT_ROOT, Workspace

sys.path.insert(0, str(PROJECT_ROOT))
from app.shared.components.video_player import build_player_data
from tests.e2e import numbered_player
from tests.e2e.dashboard import BROWSER_FLAGS, find_browser, serve_dashboard

FPS = 30
PLAYED_S = 20
TARGET_CLICK_S, TARGET_OFF = 0.3, 1
TIMEOUT_MS = 120_000


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--clicks", type=int, default=50)
    wanted = parser.parse_args()
    expect.set_options(timeout=TIMEOUT_MS)
    with tempfile.TemporaryDirectory(prefix="fer-player-") as name, sync_playwright() as playwright:
        folder = Path(name)
        times_ms = [round(1000 * number / FPS) for number in range(round(60 * wanted.minutes * FPS))]
        numbered_player.make_numbered_video(folder, times_ms)
        describe(folder, len(times_ms))
        browser = playwright.chromium.launch(executable_path=find_browser(), args=list(BROWSER_FLAGS))
        with serve_dashboard(Workspace(folder), folder / "log", script=numbered_player.SCRIPT) as url:
            page = browser.new_page(viewport={"width": 1280, "height": 800})
            page.set_default_timeout(TIMEOUT_MS)
            page.goto(url)
            player = page.locator(".player")
            expect(player).to_have_attribute("data-frame", "0")
            places = random.Random(0)
            clicks = [
                numbered_player.time_click(player, places.uniform(0.01, 0.99)) for _ in range(wanted.clicks)
            ]
            numbered_player.seek(player, 0.1)
            seen = numbered_player.play(player, PLAYED_S)
        browser.close()
    return report(clicks, seen)


def describe(folder: Path, num_frames: int) -> None:
    data = build_player_data(pd.read_parquet(folder / numbered_player.TABLE))
    sent = sum(data[name].memory_usage(index=False).sum() for name in ("frames", "faces"))
    size = (folder / numbered_player.VIDEO).stat().st_size
    print(
        f"{num_frames:,} frames, {size / 1e6:.0f} MB; {len(data['faces']):,} faces, sent {sent / 1e6:.2f} MB"
    )


def report(clicks: list[float], seen: list[numbered_player.Picture]) -> int:
    median, slow = statistics.median(clicks), max(clicks)
    judged = [picture.off for picture in seen if picture.is_in_time]
    left_out = seen[-1].frame - seen[0].frame + 1 - len({picture.frame for picture in seen})
    print(f"load average {psutil.getloadavg()[0]:.1f}")
    print(f"click: median {median:.3f} s, slowest {slow:.3f} s of {len(clicks)} (target {TARGET_CLICK_S} s)")
    print(f"off: at most {max(judged)} of {len(judged)} pictures (target {TARGET_OFF}); left out {left_out}")
    print(f"     {len(seen) - len(judged)} more were told too late, when the next was shown already")
    return int(median > TARGET_CLICK_S or max(judged) > TARGET_OFF)


if __name__ == "__main__":
    sys.exit(main())
