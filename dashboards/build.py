"""Writes the dashboards: one JSON file a board beside this one, ready for import.

python dashboards/build.py            write them
python dashboards/build.py --check    fail when a file is not as it would be written
"""

import argparse
import json
import sys
from pathlib import Path
from typing import Final

from grafana_foundation_sdk.cog.encoder import JSONEncoder

FOLDER: Final = Path(__file__).parent
sys.path.insert(0, str(FOLDER.parent))

from dashboards.board import Board  # noqa: E402
from dashboards.boards import daemon, delivery, fleet, number, webhooks  # noqa: E402

BOARDS: Final = (fleet.board, number.board, delivery.board, webhooks.board, daemon.board)


def rendered(board: Board) -> str:
    """The file of a board; Grafana wants the id there and null, the SDK leaves it out."""
    plain = json.loads(json.dumps(board.build(), cls=JSONEncoder))
    return json.dumps({**plain, "id": None}, indent=2, sort_keys=True) + "\n"


def files() -> dict[Path, str]:
    """What each file must hold."""
    return {FOLDER / f"{board.uid}.json": rendered(board) for board in (make() for make in BOARDS)}


def main() -> int:
    parser = argparse.ArgumentParser(description="Write the Grafana dashboards.")
    parser.add_argument("--check", action="store_true", help="only compare; 1 when a file is out of step")
    wanted = files()
    strangers = set(FOLDER.glob("*.json")) - wanted.keys()
    if not parser.parse_args().check:
        for path, text in wanted.items():
            path.write_text(text, encoding="utf-8")
        for path in strangers:
            path.unlink()
        return 0
    stale = [path for path, text in wanted.items() if not path.exists() or path.read_text(encoding="utf-8") != text]
    for path in sorted({*stale, *strangers}):
        sys.stderr.write(f"{path.name} is out of step: run `python dashboards/build.py`\n")
    return 1 if stale or strangers else 0


if __name__ == "__main__":
    sys.exit(main())
