#!/usr/bin/env python3
"""How soon the hub's console shows something: ./dev bench console [--visits N] [--json]. The work is console.mjs's,
because Chromium is driven by playwright-core."""
import os
import pathlib
import shutil
import sys

HERE = pathlib.Path(__file__).resolve().parent
if not shutil.which("node"):
    sys.exit("bench console: node is not installed: ./dev setup test")
os.execvp("node", ["node", str(HERE / "console.mjs"), *sys.argv[1:]])
