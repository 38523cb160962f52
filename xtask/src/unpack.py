"""Takes what linking and running on a CPU needs out of the wheels: WHEELS TARGET."""

import pathlib
import shutil
import sys
import zipfile

LIBRARIES = {"libtorch_cpu.so", "libc10.so", "libgomp.so.1", "libcudart.so.13", "libcupti.so.13"}
wheels, target = map(pathlib.Path, sys.argv[1:])
missing = set(LIBRARIES)
for wheel in wheels.glob("*.whl"):
    with zipfile.ZipFile(wheel) as archive:
        for member in archive.infolist():
            path = pathlib.PurePosixPath(member.filename)
            if path.name in LIBRARIES:
                out = target / "lib" / path.name
                missing.discard(path.name)
            elif path.parts[:2] == ("torch", "include") and not member.is_dir():
                out = target.joinpath(*path.parts[1:])
            else:
                continue
            out.parent.mkdir(parents=True, exist_ok=True)
            with archive.open(member) as source, out.open("wb") as sink:
                shutil.copyfileobj(source, sink, 1 << 20)
if missing:
    sys.exit(f"not in the wheels: {', '.join(sorted(missing))}")
