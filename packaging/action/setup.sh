#!/usr/bin/env bash
# The steps of the action: installs into the runner's tools, and says which version it was.
set -euo pipefail

prefix=${RUNNER_TEMP:?}/kubegrant
key=$RUNNER_TEMP/kubegrant.key
printf '%s\n' "${KEY:?}" >"$key"
# The script that verifies comes with the action, and not with what is to be verified.
sh "$(dirname "${BASH_SOURCE[0]}")/../install.sh" --from "${FROM:?}" --key "$key" --prefix "$prefix"
printf '%s\n' "$prefix/bin" >>"${GITHUB_PATH:?}"
printf 'version=%s\n' "$("$prefix/bin/kubegrant" --version | cut -d' ' -f2)" >>"${GITHUB_OUTPUT:?}"
