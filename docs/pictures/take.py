"""Takes the README's pictures anew: plays the demo and looks at its pages by a headless Chromium.

python docs/pictures/take.py      # needs chromium (Debian packages chromium and fonts-noto-color-emoji)
"""

import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).parent
# For each picture the page, by its name in the terminal, the word there at which to look, and the size.
PICTURES = {
    "slack.png": ("Slack channel", "Acknowledge", "1000,1000"),
    "page.png": ("wamon's page", "not acknowledged", "1280,900"),
}
OPTIONS = ("--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--disable-background-networking")


def take(picture: str, url: str, size: str) -> None:
    with tempfile.TemporaryDirectory() as profile:
        shot = [f"--user-data-dir={profile}", f"--window-size={size}", f"--screenshot={HERE / picture}", url]
        subprocess.run(["chromium", *OPTIONS, *shot], check=True, capture_output=True)


def main() -> None:
    shown = ""
    waiting = dict(PICTURES)
    # Without a terminal rich breaks lines at 80 columns, and addresses with them.
    environment = {**os.environ, "COLUMNS": "120"}
    with subprocess.Popen(
        [sys.executable, "-m", "wamon", "demo", "--once"], env=environment, stdout=subprocess.PIPE, text=True
    ) as demo:
        for line in demo.stdout or ():
            shown += line
            for picture, (page, word, size) in list(waiting.items()):
                if word in line:
                    # The page shows a moment later what the terminal tells.
                    time.sleep(1)
                    take(picture, re.findall(rf"{page} +(\S+)", shown)[0], size)
                    del waiting[picture]
    if waiting:
        sys.exit(f"not taken: {', '.join(waiting)}; the story no longer says the words that this script waits for")


if __name__ == "__main__":
    main()
