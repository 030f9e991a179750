#!/usr/bin/env bash
# packages.sh: installs what the checks and benchmarks of the core need beside Go
# and gcc, where it is missing and this user may.
set -euo pipefail

declare -A package=(
  [clang]="clang libclang-rt-14-dev" [gcov]=gcc [aarch64-linux-gnu-gcc]="gcc-aarch64-linux-gnu libc6-dev-arm64-cross"
  [qemu-aarch64]=qemu-user [spin]=spin [pkg-config]="pkg-config libck-dev libdpdk-dev"
  [cargo]="cargo-web rustc-web" # Debian's own cargo is older than what loom's dependencies need
)
missing=()
for program in "${!package[@]}"; do
  # shellcheck disable=SC2206 # a list of packages on purpose
  command -v "$program" >/dev/null || missing+=(${package[$program]})
done
pkg-config --exists libdpdk ck 2>/dev/null || missing+=(libdpdk-dev libck-dev)
[ -d "$(clang -print-runtime-dir 2>/dev/null)" ] || missing+=(libclang-rt-14-dev)
[ ${#missing[@]} -gt 0 ] || exit 0

sudo=
[ "$(id -u)" = 0 ] || sudo="sudo -n"
echo "installing for the core: ${missing[*]}"
$sudo apt-get update -q >/dev/null
DEBIAN_FRONTEND=noninteractive $sudo apt-get install -qy --no-install-recommends "${missing[@]}" >/dev/null
