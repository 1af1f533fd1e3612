# Sourced. A Node of a version, from npm's package of that name, with this machine's npm beside it.

bare_cache=${MODALMIX_BARE_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/modalmix-bare}

# Prints its folder, whose bin/ has node, npm and npx.
fetch_node() {
  local version=$1 folder=$bare_cache/node-$1 arch archive name
  case $(uname -m) in aarch64) arch=arm64 ;; *) arch=x64 ;; esac
  if [[ ! -x $folder/bin/npx ]]; then
    mkdir -p "$folder/lib/node_modules"
    archive=$(npm pack --silent --pack-destination "$bare_cache" "node-linux-$arch@$version") || return 1
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
