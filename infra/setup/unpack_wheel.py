"""Unpacks the files of a wheel whose paths begin with one of the prefixes: unpack_wheel.py WHEEL FOLDER PREFIX..."""

import sys
import zipfile

wheel, folder, *prefixes = sys.argv[1:]
with zipfile.ZipFile(wheel) as archive:
    names = [name for name in archive.namelist() if name.startswith(tuple(prefixes))]
    if not names:
        sys.exit(f"{wheel} holds nothing under {', '.join(prefixes)}")
    archive.extractall(folder, names)
