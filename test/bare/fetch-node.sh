# Sourced. A plain Debian, and a Node of a version, from npm's package of that name, with this machine's npm beside it.
# Both of the processor that `arch` names, as Debian does: amd64 or arm64; this machine's own where it is not set.

bare_cache=${MODALMIX_BARE_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/modalmix-bare}

own_arch() {
  case $(uname -m) in aarch64) echo arm64 ;; *) echo amd64 ;; esac
}

# Sets `base` to its folder: minbase, and what a person needs to clone.
make_debian() {
  local own
  own=$(own_arch)
  base=$bare_cache/bookworm
  [[ ${arch:-$own} == "$own" ]] || base+=-$arch
  mkdir -p "$bare_cache"
  [[ ! -e $base.done ]] || return 0
  local begin=$SECONDS
  rm -rf "$base"
  debootstrap --arch="${arch:-$own}" --variant=minbase --include=ca-certificates,git,xz-utils bookworm "$base" >"$base.log" 2>&1 ||
    { tail -n 5 "$base.log" >&2; exit 1; }
  rm -rf "$base"/var/cache/apt/archives/*.deb "$base"/var/lib/apt/lists/*
  touch "$base.done"
  echo "Debian 12 made in $((SECONDS - begin)) s"
}

# Prints its folder, whose bin/ has node, npm and npx.
fetch_node() {
  local version=$1 folder=$bare_cache/node-$1 own archive name package
  own=$(own_arch)
  package=node-linux-${arch:-$own}
  [[ ${arch:-$own} == "$own" ]] || folder+=-$arch
  if [[ ! -x $folder/bin/npx ]]; then
    mkdir -p "$folder/lib/node_modules"
    archive=$(npm pack --silent --pack-destination "$bare_cache" "${package/amd64/x64}@$version") || return 1
    tar -xzf "$bare_cache/$archive" -C "$folder" --strip-components=1
    rm "$bare_cache/$archive"
    cp -a "$(npm root --global)/npm" "$folder/lib/node_modules/"
    for name in npm npx; do
      rm -f "$folder/bin/$name"
      ln -s "../lib/node_modules/npm/bin/$name-cli.js" "$folder/bin/$name"
    done
  fi
  echo "$folder"
}
