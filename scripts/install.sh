#!/bin/bash
# install.sh: PostgreSQL 15 or newer, Redis and Chromium from Debian's packages, where they are missing. Without apt or
# the right to use it, it says what to install.
set -euo pipefail

need=()
postgres=$(ls -d /usr/lib/postgresql/*/bin/initdb 2>/dev/null || true)
[[ -n $postgres ]] || command -v initdb >/dev/null || need+=(postgresql)
command -v redis-server >/dev/null || need+=(redis-server)
command -v chromium >/dev/null || command -v google-chrome >/dev/null || need+=(chromium)

for program in go node npm; do
    command -v "$program" >/dev/null || { echo "$program is missing. Install it first: Go from https://go.dev/dl, Node with npm from https://nodejs.org." >&2; exit 1; }
done
[[ ${#need[@]} -gt 0 ]] || exit 0

as_root=()
if [[ $EUID -ne 0 ]]; then as_root=(sudo -n); fi
if ! command -v apt-get >/dev/null || { [[ $EUID -ne 0 ]] && ! sudo -n true 2>/dev/null; }; then
    echo "These packages are missing, and this user may not install them: ${need[*]}" >&2
    echo "Install them, on Debian with: sudo apt-get install -y ${need[*]}" >&2
    exit 1
fi

echo "Installing ${need[*]}"
# The servers run from our own folders: the packages must not start theirs.
policy=/usr/sbin/policy-rc.d
if [[ ! -e $policy ]]; then
    printf '#!/bin/sh\nexit 101\n' | "${as_root[@]}" tee $policy >/dev/null
    "${as_root[@]}" chmod +x $policy
    trap '"${as_root[@]}" rm -f $policy' EXIT
fi
"${as_root[@]}" apt-get update -qq
"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${need[@]}" >/dev/null
