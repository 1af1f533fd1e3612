#!/usr/bin/env bash
# Set-up and the demo on each Node that is supported, each in a bare machine of its own. Other options go to run.sh.
set -uo pipefail
cd "$(dirname "$0")"
failed=()
for version in ${MODALMIX_NODES:-20.20.2 22.23.5 24.22.3 26.12.1}; do
  ./run.sh --users=guest --node="$version" "$@" || failed+=("$version")
done
if ((${#failed[@]} > 0)); then
  echo "FAILED on Node ${failed[*]}"
  exit 1
fi
