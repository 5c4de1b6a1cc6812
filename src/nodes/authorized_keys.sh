# Changes one line of ~/.ssh/authorized_keys, for POSIX sh: dash, busybox ash, bash. A line that is
# to go goes from ~/.ssh/authorized_keys2 too, which sshd reads where nothing else is configured.
#
# Set before: verb (add or remove), line, blob, bytes (length of the line). The words that count
# go to stdout as "kubegrant: WORD"; everything is one function, so that a script that was cut
# short on its way does nothing.

answer() {
    printf '\nkubegrant: %s\n' "$1"
    exit 0
}

fail() {
    printf '\nkubegrant: failed: %s\n' "$1"
    exit 1
}

tidy_up() {
    [ -z "$fresh" ] || rm -f "$fresh"
    [ -z "$held" ] || rmdir "$held" 2>/dev/null
}

nap() {
    if sleep 0.2 2>/dev/null; then
        napped=$((napped + 1))
    else
        sleep 1
        napped=$((napped + 5))
    fi
    [ "$napped" -lt 100 ] || fail "another program keeps $dir locked"
}

# The kernel frees a lock on the folder when its holder dies, and it leaves nothing behind.
lock() {
    napped=0
    if command -v flock >/dev/null 2>&1 && [ -r "$dir" ]; then
        exec 9<"$dir"
        while :; do
            flock -n 9 2>/dev/null
            case $? in
                0) return ;;
                1) nap ;;
                *) break ;;
            esac
        done
    fi
    while ! mkdir "$dir/.authorized_keys.lock" 2>/dev/null; do
        [ -w "$dir" ] || fail "cannot write in $dir"
        # No exchange lasts two minutes: whoever made this folder is gone.
        if [ -n "$(find "$dir/.authorized_keys.lock" -prune -mmin +2 2>/dev/null)" ]; then
            rmdir "$dir/.authorized_keys.lock" 2>/dev/null
        fi
        nap
    done
    held=$dir/.authorized_keys.lock
}

# Reads the file as sshd does: options may come before a key, a comment may follow it. With `out`
# set, writes every line but those with the blob; otherwise says how many lines give the key, name
# it at all, and hold other keys, and how many bytes the lines that name it have.
scan() {
    awk -v blob="$blob" -v out="$1" -v unended="$2" '
    {
        text = $0
        sub(/\r$/, "", text)
        sub(/^[ \t]+/, "", text)
        key = ""; options = ""
        if (text != "" && text !~ /^#/) {
            if (text !~ /^(ssh-|ecdsa-|sk-ssh-|sk-ecdsa-|rsa-sha2-)[^ \t,="]*[ \t]/) {
                quoted = 0; end = length(text)
                for (i = 1; i <= end; i++) {
                    c = substr(text, i, 1)
                    if (c == "\\" && substr(text, i + 1, 1) == "\"") i++
                    else if (c == "\"") quoted = !quoted
                    else if (!quoted && (c == " " || c == "\t")) break
                }
                options = substr(text, 1, i - 1)
                text = substr(text, i)
                sub(/^[ \t]+/, "", text)
            }
            if (text ~ /^(ssh-|ecdsa-|sk-ssh-|sk-ecdsa-|rsa-sha2-)[^ \t,="]*[ \t]/) {
                split(text, part, /[ \t]+/)
                key = part[2]
            }
        }
        last = (key == blob)
        if (last) {
            named++
            gone += length($0) + 1
            # The key of an authority logs nobody in by itself.
            if (options !~ /(^|,)cert-authority(,|$)/) given++
        } else {
            if (key ~ /^AAAA/ && length(key) >= 40) others++
            if (out) printf "%s%s", (kept++ ? "\n" : ""), $0
        }
    }
    END {
        if (last && unended) gone--
        if (!out) print given + 0, named + 0, others + 0, gone + 0
        else if (kept && (last || !unended)) printf "\n"
    }'
}

size() {
    set -- $(wc -c)
    printf '%s' "$1"
}

# The shell itself compares it: not every node has `cmp` or `cksum`.
content() {
    cat "$target" || fail "cannot read $target"
    printf x
}

# Writes the new content and gives it the old one's place, owner and mode. Fails with 9 where
# somebody else changed the file meanwhile.
replace() {
    if [ -e "$target" ]; then
        set -- $(ls -ldn -- "$target")
        mode=$1 owner=$3:$4 before=$(content)
        was=$(size <"$target")
    else
        mode= before=absent was=0
    fi
    fresh=$(mktemp "${target%/*}/.authorized_keys.XXXXXX") || fail "cannot write beside $target"
    case $verb in
        add)
            (
                [ "$before" = absent ] || cat "$target" || exit 1
                [ -z "$unended" ] || printf '\n' || exit 1
                printf '%s\n' "$line"
            ) >"$fresh" || fail "cannot write beside $target"
            due=$((was + bytes + 1))
            [ -z "$unended" ] || due=$((due + 1))
            ;;
        remove)
            scan yes "$unended" <"$target" >"$fresh" || fail "cannot write beside $target"
            due=$((was - gone))
            ;;
    esac
    [ "$(size <"$fresh")" = "$due" ] || fail "cannot copy $target whole; nothing was changed"
    if [ -n "$mode" ]; then
        user=$(printf %s "$mode" | cut -c2-4 | tr -cd rwx)
        group=$(printf %s "$mode" | cut -c5-7 | tr -cd rwx)
        other=$(printf %s "$mode" | cut -c8-10 | tr -cd rwx)
        chown "$owner" "$fresh" 2>/dev/null
        chmod "u=$user,g=$group,o=$other" "$fresh"
        set -- $(ls -ldn -- "$fresh")
        # Of the marks after the mode, only that of an access list is about access.
        [ "${1%[.@]} $3:$4" = "${mode%[.@]} $owner" ] \
            || fail "cannot keep the owner and mode of $target; nothing was changed"
    fi
    sync "$fresh" 2>/dev/null
    if [ -e "$target" ]; then now=$(content); else now=absent; fi
    if [ "$now" != "$before" ]; then
        rm -f "$fresh"
        fresh=
        return 9
    fi
    mv -f "$fresh" "$target" || fail "cannot replace $target"
    fresh=
    sync "${target%/*}" 2>/dev/null
    return 0
}

look() {
    given=0 named=0 others=0 gone=0 unended=
    [ -e "$target" ] || return 0
    [ -f "$target" ] || fail "$target is not a file"
    [ -r "$target" ] || fail "cannot read $target"
    if [ -s "$target" ] && [ -n "$(tail -c 1 "$target")" ]; then unended=1; fi
    counts=$(scan '' "$unended" <"$target") || fail "cannot read $target"
    set -- $counts
    given=$1 named=$2 others=$3 gone=$4
}

# Follows a link to the file that it means.
follow() {
    [ -h "$target" ] || return 0
    target=$(readlink -f "$target") && [ -n "$target" ] || fail "$target leads nowhere"
}

# Repeats until nobody came between. Fails where there is nothing to do, and answers where nobody
# may do it.
change() {
    rounds=0
    while :; do
        look
        if [ "$verb" = add ]; then
            [ "$given" -eq 0 ] || return 1
        else
            [ "$named" -gt 0 ] || return 1
            [ "$others" -gt 0 ] || [ -n "$safe" ] || answer last
        fi
        if replace; then break; fi
        rounds=$((rounds + 1))
        [ "$rounds" -lt 20 ] || fail "another program keeps changing $target"
    done
    # Said is only what was read back.
    look
    if [ "$verb" = add ]; then
        [ "$given" -gt 0 ] || fail "$target was written and does not hold the key"
    else
        [ "$named" -eq 0 ] || fail "$target was written and still holds the key"
    fi
}

kubegrant() {
    LC_ALL=C
    export LC_ALL
    umask 077
    fresh= held= safe= took=
    trap tidy_up EXIT
    trap 'exit 1' HUP INT TERM PIPE
    # What stands first may have been read by a login script, `fail` included.
    case ${verb-}:${line:+there}:${blob:+there}:${bytes:+there} in
        add:there:there:there | remove:there:there:there) ;;
        *)
            printf '\nkubegrant: failed: a login script read what was for this one\n'
            exit 1
            ;;
    esac
    case ${HOME-} in
        /*) ;;
        *) fail 'this account has no home folder' ;;
    esac
    dir=$HOME/.ssh
    if [ ! -d "$dir" ]; then
        [ "$verb" != remove ] || answer absent
        mkdir -m 700 "$dir" 2>/dev/null || [ -d "$dir" ] || fail "cannot create $dir"
        ! command -v restorecon >/dev/null 2>&1 || restorecon "$dir" 2>/dev/null
    fi
    lock
    target=$dir/authorized_keys
    follow
    if [ "$verb" = add ]; then
        if change; then answer added; else answer present; fi
    fi
    if change; then took=1; fi
    # The second file may hold the key alone, while the first lets somebody in.
    [ "$others" -eq 0 ] || safe=1
    target=$dir/authorized_keys2
    if [ -f "$target" ] && [ -r "$target" ]; then
        follow
        if change; then took=1; fi
    fi
    if [ -n "$took" ]; then answer removed; else answer absent; fi
}

kubegrant </dev/null
