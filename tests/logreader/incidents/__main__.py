"""Write the ten logs into a folder: ``python -m tests.logreader.incidents FOLDER [MEGABYTES]``."""

from __future__ import annotations

import sys
from pathlib import Path

from tests.logreader.incidents.recording import record_scenes
from tests.logreader.incidents.writing import INCIDENTS, write_incident

folder = Path(sys.argv[1])
size = int(float(sys.argv[2] if len(sys.argv) > 2 else 50) * 1e6)
scenes = record_scenes()
for name, incident in INCIDENTS.items():
    path = folder / f"{name.replace(' ', '-')}.log"
    ids = write_incident(path, scenes, incident, size)
    sys.stdout.write(f"{path} {path.stat().st_size / 1e6:.1f} MB {' '.join(ids[:4])}\n")
