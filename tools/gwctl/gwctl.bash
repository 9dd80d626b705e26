# bash completion for gwctl(8). What there is to say is asked of gwctl, so it is never out of date; names are the running gateway's.

_gwctl_names() {    # COMMAND...: the names of its rows
    gwctl "${options[@]}" -j "$@" 2>/dev/null | sed -n 's/.*"name":"\([^"]*\)".*/\1/p' | sort -u
}

_gwctl() {
    local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]} i word
    local options=() words=() candidates
    for ((i = 1; i < COMP_CWORD; i++)); do
        word=${COMP_WORDS[i]}
        case $word in
            --socket) options+=(--socket "${COMP_WORDS[i + 1]}"); i=$((i + 1)) ;;
            -*) ;;
            *) words+=("$word") ;;
        esac
    done
    case $previous in
        --socket | --write) mapfile -t COMPREPLY < <(compgen -f -- "$current"); return ;;
        --count | --snap | --interval) return ;;
        on) candidates=$(_gwctl_names port show) ;;
        drop) candidates="any $(gwctl "${options[@]}" -j drops --all 2>/dev/null | sed -n 's/.*"reason":"\([^"]*\)".*/\1/p')" ;;
        proto) candidates="tcp udp icmp icmpv6 esp sctp" ;;
    esac
    if [[ -z $candidates ]]; then
        # Two spaces part a command's words and arguments from what it is.
        local commands
        commands=$(gwctl help | sed -n '/^commands:/,/^$/s/^  \([a-z].*\)$/\1/p')
        if [[ $current == -* ]]; then
            candidates="-j --socket --help --version $(grep "^${words[*]:0:2}" <<<"$commands" | grep -o -- '--[a-z]*')"
        else
            case "${words[*]}" in
                "sa show" | "tunnel show" | "policy show" | "port show") candidates=$(_gwctl_names "${words[@]}") ;;
                "ike "*) [[ ${#words[@]} -eq 2 ]] && candidates=$(gwctl "${options[@]}" -j ike show 2>/dev/null | sed -n 's/.*"connection":"\([^"]*\)".*/\1/p' | sort -u) ;;
                explain) candidates="out in in-clear" ;;
                capture) candidates="clear cipher both frames" ;;
                "trace start"* | capture\ * | explain\ *) candidates="src dst host proto sport dport port spi on drop length" ;;
            esac
            local next=${#words[@]}
            if [[ -z $candidates ]]; then
                while read -r -a line; do
                    [[ "${line[*]:0:next}" == "${words[*]}" && ${line[next]} =~ ^[a-z]+$ ]] && candidates+=" ${line[next]}"
                done < <(sed 's/  .*//; s/ [[(A-Z-].*//' <<<"$commands")
            fi
        fi
    fi
    mapfile -t COMPREPLY < <(compgen -W "$candidates" -- "$current")
}

complete -F _gwctl gwctl
