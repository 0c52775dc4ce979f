"""Where things are. Everything that is made lies under build/."""

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("TENON_BUILD_DIR", ROOT / "build"))
CACHE = Path(os.environ.get("TENON_CACHE_DIR", BUILD / "cache"))
RUN = BUILD / "run"
CONFIGS = ROOT / "configs"


def preset_dir(preset: str) -> Path:
    return BUILD / preset


def ensure(directory: Path) -> Path:
    directory.mkdir(parents=True, exist_ok=True)
    return directory
