#!/usr/bin/env bash
# Each Node that is supported: set-up and the demo, in a bare machine of its own (other options go to run.sh); with --tests
# as the first option all tests instead, on this machine, in a fresh clone of what is committed.
set -uo pipefail
cd "$(dirname "$0")"
source fetch-node.sh

# Nothing of the clone's comes from this checkout but its commits; what set-up fetches is in the user's cache.
run_tests() {
  local folder node status=0
  node=$(fetch_node "$1") || return 1
  folder=$(mktemp -d "${TMPDIR:-/tmp}/modalmix-node-XXXXXX")
  git clone --quiet --no-hardlinks ../.. "$folder/modalmix"
  echo "== Node $1: npm test"
  local begin=$SECONDS
  (cd "$folder/modalmix" && PATH=$node/bin:$PATH npm test) || status=$?
  echo "== Node $1: npm test: $([[ $status == 0 ]] && echo "done" || echo "FAILED ($status)") in $((SECONDS - begin)) s"
  rm -rf "$folder"
  return "$status"
}

step=("$PWD/run.sh" --users=guest)
if [[ ${1:-} == --tests ]]; then
  shift
  step=()
fi
failed=()
for version in ${MODALMIX_NODES:-20.20.2 22.23.5 24.22.3 26.12.1}; do
  if ((${#step[@]} > 0)); then "${step[@]}" --node="$version" "$@"; else run_tests "$version"; fi || failed+=("$version")
done
if ((${#failed[@]} > 0)); then
  echo "FAILED on Node ${failed[*]}"
  exit 1
fi
