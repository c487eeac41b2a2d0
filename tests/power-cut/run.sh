#!/bin/sh
# Power cuts on a loop device; see run.py. The last line is a summary.
command -v python3 >/dev/null || { echo "SKIPPED power cuts: python3 is missing"; exit 0; }
exec python3 "$(dirname "$0")/run.py" "$@"
