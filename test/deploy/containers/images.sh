#!/usr/bin/env bash
# Makes the images: modalmix-node (Debian and Node), modalmix-servers, modalmix:one and, the same with another id, modalmix:two.
set -euo pipefail
cd "$(dirname "$0")/../../.."
source test/bare/fetch-node.sh
node=${1:-22.23.5}
work=$(mktemp -d "${TMPDIR:-/tmp}/modalmix-images-XXXXXX")
trap 'rm -rf --one-file-system "$work"' EXIT

make_debian
node_folder=$(fetch_node "$node")

if ! docker image inspect "modalmix-node:$node" >/dev/null 2>&1; then
  root=$work/root
  mkdir "$root"
  cp -a --reflink=auto "$base/." "$root"
  cp -a "$node_folder/bin" "$node_folder/lib" "$root/usr/local/"
  [[ ! -d $node_folder/include ]] || cp -a "$node_folder/include" "$root/usr/local/"
  cp /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/"
  chroot "$root" useradd --uid 1000 --create-home node
  certificates=/etc/ssl/certs/ca-certificates.crt
  tar -C "$root" -c . |
    docker import -c "ENV NODE_EXTRA_CA_CERTS=$certificates PIP_CERT=$certificates" - "modalmix-node:$node"
fi

# As a person has it: what is committed.
git clone --quiet --no-hardlinks . "$work/clone"
docker build --network=host --build-arg "NODE_IMAGE=modalmix-node:$node" \
  -f "$work/clone/deploy/Dockerfile" -t modalmix:one "$work/clone"
printf 'FROM modalmix:one\nLABEL modalmix.tried=two\n' | docker build --quiet -t modalmix:two -

cache=${MODALMIX_CACHE:-$HOME/.cache/modalmix}
mkdir "$work/servers"
temporal=$(find "$cache" "$PWD/node_modules/.cache" -type f -name temporal -perm -u+x -print -quit 2>/dev/null || command -v temporal)
cp "$temporal" "$work/servers/temporal"
cp "$(find "$cache" -type f -name versitygw -perm -u+x -print -quit)" "$work/servers/versitygw"
cp -r "$(find "$cache" -maxdepth 1 -name 'kafka-*' -print -quit)" "$work/servers/kafka"
cp test/deploy/containers/broker.sh "$work/servers/"
docker build --network=host --build-arg "NODE_IMAGE=modalmix-node:$node" \
  -f test/deploy/containers/servers.Dockerfile -t modalmix-servers "$work/servers"
