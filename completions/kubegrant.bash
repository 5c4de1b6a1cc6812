# Completion of kubegrant for bash: the words come from `kubegrant` itself.
_kubegrant() {
    local IFS=$'\013' rest=${COMP_LINE:0:COMP_POINT} word i current prefix
    local -a words=()
    # Bash parts words at `=`, `@` and `:`; put together again what no space parts.
    for ((i = 0; i <= COMP_CWORD; i++)); do
        word=${COMP_WORDS[i]}
        # Of the word under the cursor, only what stands before it counts.
        [[ $rest == *"$word"* ]] || word=${rest#"${rest%%[![:space:]]*}"}
        if ((i > 0)) && [[ $rest != [[:space:]]* ]]; then
            words[${#words[@]}-1]+=$word
        else
            words+=("$word")
            rest=${rest#"${rest%%[![:space:]]*}"}
        fi
        rest=${rest#"$word"}
    done
    current=${words[${#words[@]}-1]}
    COMPREPLY=($(_CLAP_IFS="$IFS" _CLAP_COMPLETE_INDEX=$((${#words[@]} - 1)) \
        COMPLETE=bash kubegrant -- "${words[@]}" 2>/dev/null)) || { COMPREPLY=(); return; }
    # Bash replaces only the part after its own last break.
    prefix=${current%"$2"}
    [[ -n $prefix ]] && COMPREPLY=("${COMPREPLY[@]#"$prefix"}")
    [[ ${#COMPREPLY[@]} -eq 1 && ${COMPREPLY[0]} == *[=/:] ]] && compopt -o nospace
}
if [[ ${BASH_VERSINFO[0]} -gt 4 || ${BASH_VERSINFO[0]} -eq 4 && ${BASH_VERSINFO[1]} -ge 4 ]]; then
    complete -o bashdefault -o nosort -F _kubegrant kubegrant
else
    complete -o bashdefault -F _kubegrant kubegrant
fi
