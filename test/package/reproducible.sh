#!/usr/bin/env bash
# Packs the last commit twice, from two clones in folders of other names: both packages must be the same, byte for byte.
# Some minutes; needs what `npm ci` and set-up have put into node_modules.
set -euo pipefail
here=$(cd "$(dirname "$0")/../.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
umask 022
for name in one another-name; do
  git clone -q "$here" "$work/$name"
  # Links: the packages' files are read alone.
  cp -al "$here/node_modules" "$work/$name/node_modules" 2>/dev/null || cp -a "$here/node_modules" "$work/$name/node_modules"
  rm -rf "$work/$name/node_modules/.cache"
  (cd "$work/$name" && node --import tsx infra/package/pack.ts "$work/$name.out")
done
sha256sum "$work"/*.out/*.tgz
cmp "$work"/one.out/*.tgz "$work"/another-name.out/*.tgz
echo "The two packages are the same."
