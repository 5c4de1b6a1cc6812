#!/bin/sh
# Installs kubegrant from a release, and runs nothing of it before it is verified.
#
#   sh install.sh --from WHERE --key FILE [--prefix DIR]
#
# WHERE is the folder or the URL of a release's files. FILE holds the public half of the SSH key that signs
# releases, one line, as it is published apart from them: SHA256SUMS must be signed with it, and the archive must have
# the sum that stands there. Needs ssh-keygen, sha256sum and tar; curl for a URL.
set -eu

fail() { printf 'install: %s\n' "$*" >&2; exit 1; }

from='' key='' prefix=${HOME:-}/.local
while [ $# -gt 0 ]; do
    case $1 in
    --from) from=${2:-}; shift 2 || fail '--from wants a folder or a URL' ;;
    --key) key=${2:-}; shift 2 || fail '--key wants a file' ;;
    --prefix) prefix=${2:-}; shift 2 || fail '--prefix wants a folder' ;;
    *) fail "usage: install.sh --from WHERE --key FILE [--prefix DIR]" ;;
    esac
done
[ -n "$from" ] || fail '--from says where the release is'
[ -n "$key" ] || fail '--key names the file with the public key of the releases'
[ -r "$key" ] || fail "cannot read $key"
case $(uname -s)-$(uname -m) in
Linux-x86_64 | Linux-aarch64) machine=$(uname -m) ;;
*) fail 'releases are for Linux on x86-64 and arm64; build from source' ;;
esac
for tool in ssh-keygen sha256sum tar; do
    command -v "$tool" >/dev/null || fail "$tool is not installed (ssh-keygen comes with openssh-client)"
done

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

get() {
    case $from in
    http://*) fail 'a release comes over https, or from a folder' ;;
    https://*) curl --proto '=https' --fail --silent --show-error --location --max-filesize 200000000 \
        -o "$work/$1" "$from/$1" || fail "cannot fetch $from/$1" ;;
    file://*) cp "${from#file://}/$1" "$work/$1" ;;
    *) cp "$from/$1" "$work/$1" ;;
    esac
}

get SHA256SUMS
get SHA256SUMS.sig
printf 'release namespaces="kubegrant" %s\n' "$(cat "$key")" >"$work/signers"
ssh-keygen -q -Y verify -f "$work/signers" -I release -n kubegrant -s "$work/SHA256SUMS.sig" \
    <"$work/SHA256SUMS" >/dev/null || fail 'SHA256SUMS is not signed with that key: nothing was installed'

archive=$(sed -n "s/^[0-9a-f]\\{64\\}  \\(kubegrant-[0-9A-Za-z.-]*-$machine-unknown-linux-musl\\.tar\\.gz\\)\$/\\1/p" \
    "$work/SHA256SUMS")
[ -n "$archive" ] || fail 'SHA256SUMS names no archive for this machine'
[ "$(printf '%s\n' "$archive" | wc -l)" -eq 1 ] || fail 'SHA256SUMS names more than one archive'
get "$archive"
(cd "$work" && grep "  $archive\$" SHA256SUMS | sha256sum --check --quiet --strict -) \
    || fail "$archive is not what was signed: nothing was installed"

tar -xzf "$work/$archive" -C "$work"
tree=$work/${archive%.tar.gz}
mkdir -p "$prefix/bin" "$prefix/share/man/man1" "$prefix/share/bash-completion/completions" \
    "$prefix/share/zsh/site-functions" "$prefix/share/fish/vendor_completions.d"
# Beside it first: a program that runs is replaced whole.
cp "$tree/kubegrant" "$prefix/bin/.kubegrant.new"
chmod 755 "$prefix/bin/.kubegrant.new"
mv "$prefix/bin/.kubegrant.new" "$prefix/bin/kubegrant"
cp "$tree"/man/*.1 "$prefix/share/man/man1/"
cp "$tree/completions/kubegrant.bash" "$prefix/share/bash-completion/completions/kubegrant"
cp "$tree/completions/_kubegrant" "$prefix/share/zsh/site-functions/"
cp "$tree/completions/kubegrant.fish" "$prefix/share/fish/vendor_completions.d/"
printf 'Installed: %s\n' "$("$prefix/bin/kubegrant" --version)"
case :${PATH:-}: in
*:"$prefix/bin":*) ;;
*) printf 'hint: put %s on your PATH\n' "$prefix/bin" ;;
esac
