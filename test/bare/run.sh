#!/usr/bin/env bash
# The first hour on a machine with nothing: makes a plain Debian 12 folder, and runs `npm start` in it. See README.md.
set -euo pipefail
cd "$(dirname "$0")/../.."
source test/bare/fetch-node.sh

users=guest,root
node=$(node --print process.versions.node)
stream=no
keep=no
command='npm start'
for option in "$@"; do
  case $option in
    --users=*) users=${option#*=} ;;
    --node=*) node=${option#*=} ;;
    --arch=*) arch=${option#*=} ;;
    --command=*) command=${option#*=} ;;
    --stream) stream=yes ;;
    --keep) keep=yes ;;
    --why-not | --help) ;;
    *)
      echo "$option is none of --users=guest,root --node=VERSION --arch=amd64|arm64 --command=TEXT --stream --keep --why-not" >&2
      exit 2
      ;;
  esac
done

# What is missing for this, as a sentence; nothing when all is there.
why_not() {
  if [[ $(uname -s) != Linux ]]; then
    echo "this is not Linux"
  elif ((EUID != 0)); then
    echo "it takes root to make the folder"
  elif ! command -v debootstrap >/dev/null; then
    echo "debootstrap is not installed"
  elif ! unshare --mount true 2>/dev/null; then
    echo "this machine may not mount"
  elif [[ ${arch:-} == arm64 && $(uname -m) != aarch64 && ! -e /proc/sys/fs/binfmt_misc/qemu-aarch64 ]]; then
    echo "no emulator for arm64 is registered (Debian: qemu-user-static, with binfmt_misc mounted)"
  fi
}

reason=$(why_not)
if [[ " $* " == *' --why-not '* ]]; then
  echo "$reason"
  exit 0
fi
if [[ -n $reason ]]; then
  echo "The bare machine cannot be made here: $reason." >&2
  exit 1
fi
# In a mount namespace of its own: what is mounted goes with it, however it ends.
if [[ ${MODALMIX_BARE_INSIDE:-} != yes ]]; then
  MODALMIX_BARE_INSIDE=yes exec unshare --mount -- "$0" "$@"
fi

make_debian
node_folder=$(fetch_node "$node")

machine=$(mktemp -d "${TMPDIR:-/tmp}/modalmix-bare-XXXXXX")
# Servers and workers outlive a command by design; those of the machine are the ones whose root it is.
end_all() {
  for root in /proc/[0-9]*/root; do
    if [[ $(readlink "$root" 2>/dev/null) == "$machine" ]]; then
      kill -KILL "$(basename "$(dirname "$root")")" 2>/dev/null || true
    fi
  done
}
finish() {
  end_all
  umount -R "$machine/proc" "$machine/dev" 2>/dev/null || true
  if [[ $keep == yes ]]; then echo "kept: $machine"; else rm -rf --one-file-system "$machine"; fi
}
trap finish EXIT
chmod 755 "$machine"
cp -a --reflink=auto "$base/." "$machine"
mkdir -p "$machine/opt/node"
cp -a "$node_folder/." "$machine/opt/node"
# From Node 25 on it needs GCC's library of atomic operations; who installs Node by packages has it.
if ! chroot "$machine" /opt/node/bin/node --version >/dev/null 2>&1; then
  cp -a /usr/lib/*-linux-gnu/libatomic.so.1* "$machine/usr/lib/$(uname -m)-linux-gnu/"
fi
# The network as this machine reaches it: names, certificates, npm's registry, pip's index.
cp /etc/resolv.conf /etc/hosts "$machine/etc/"
[[ ! -e /etc/ssl/certs/ca-certificates.crt ]] || cp /etc/ssl/certs/ca-certificates.crt "$machine/etc/ssl/certs/"
index=${PIP_INDEX_URL:-$(python3 -m pip config get global.index-url 2>/dev/null ||
  python3 -c 'from pip._internal.models.index import PyPI; print(PyPI.simple_url)' 2>/dev/null || true)}
settings=(
  "PIP_INDEX_URL=$index" "npm_config_registry=$(npm config get registry)" npm_config_update_notifier=false
  NODE_EXTRA_CA_CERTS=/etc/ssl/certs/ca-certificates.crt
)
if [[ $stream == yes && -z ${MODALMIX_MAVEN_REPOSITORY:-} ]]; then
  # There is no Maven in the machine; what is written in this one's is where it looks.
  model=$(find /usr/share/maven/lib -name 'maven-model-builder*.jar' -print -quit 2>/dev/null || true)
  [[ -z $model ]] || MODALMIX_MAVEN_REPOSITORY=$(unzip -p "$model" org/apache/maven/model/pom-4.0.0.xml |
    sed -n 's#.*<url>\(.*\)</url>.*#\1#p' | head -n 1)
fi
[[ -z ${MODALMIX_MAVEN_REPOSITORY:-} ]] || settings+=("MODALMIX_MAVEN_REPOSITORY=$MODALMIX_MAVEN_REPOSITORY")
for name in HTTP_PROXY HTTPS_PROXY NO_PROXY http_proxy https_proxy no_proxy; do
  [[ -z ${!name:-} ]] || settings+=("$name=${!name}")
done
mount -t proc proc "$machine/proc"
mount --rbind /dev "$machine/dev"
mount --make-rslave "$machine/dev"
chroot "$machine" useradd --create-home --shell /bin/bash guest
for program in python3 gcc cc c++ go java ffmpeg espeak-ng sudo; do
  if chroot "$machine" /usr/bin/env PATH=/usr/local/bin:/usr/bin:/bin sh -c "command -v $program" >/dev/null; then
    echo "$program is in the machine, which should be bare" >&2
    exit 1
  fi
done

# In a clone of what is committed, as the user that is named.
walk() {
  local user=$1 what=$2 home
  home=$(chroot "$machine" sh -c "echo ~$user")
  if [[ ! -e $machine$home/modalmix ]]; then
    git clone --quiet --no-hardlinks . "$machine$home/modalmix"
    chroot "$machine" chown -R "$user:" "$home/modalmix"
  fi
  echo "== $user, Node $node: $what"
  local begin=$SECONDS status=0
  chroot --userspec="$user:$user" "$machine" /usr/bin/env -i "HOME=$home" "USER=$user" LANG=C.UTF-8 \
    PATH=/opt/node/bin:/usr/local/bin:/usr/bin:/bin "${settings[@]}" \
    bash -c "cd ~/modalmix && $what" || status=$?
  echo "== $user, Node $node: $what: $([[ $status == 0 ]] && echo "done" || echo "FAILED ($status)") in $((SECONDS - begin)) s"
  return "$status"
}

failed=0
for user in ${users//,/ }; do
  walk "$user" "$command" || failed=1
  if [[ $stream == yes ]]; then walk "$user" 'npx modalmix demo --stream' || failed=1; fi
  end_all
done
exit "$failed"
