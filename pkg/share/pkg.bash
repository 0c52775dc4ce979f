# Completion of pkg's command line for bash: /usr/share/bash-completion/completions/pkg.

_pkg_installed() {
    pkg "${root[@]}" list 2>/dev/null | cut -d' ' -f1
}

# Of the repositories; too many without the first two letters.
_pkg_available() {
    if ((${#cur} >= 2)); then
        pkg "${root[@]}" search "$cur" 2>/dev/null | cut -d' ' -f1 | grep "^$cur"
    fi
}

_pkg() {
    local cur prev verb='' word i root=() IFS=$' \t\n'
    cur=${COMP_WORDS[COMP_CWORD]}
    prev=${COMP_WORDS[COMP_CWORD - 1]}
    for ((i = 1; i < COMP_CWORD; i++)); do
        word=${COMP_WORDS[i]}
        case $word in
            --root) root=(--root "${COMP_WORDS[i + 1]}") ;&
            --from | --keys | --archives | --ownership-file) ((i++)) ;;
            -*) ;;
            *) verb=${verb:-$word} ;;
        esac
    done
    compopt -o filenames 2>/dev/null
    case $prev in
        --root | --from | --keys | --archives)
            mapfile -t COMPREPLY < <(compgen -d -- "$cur")
            return
            ;;
        --ownership-file)
            mapfile -t COMPREPLY < <(compgen -f -- "$cur")
            return
            ;;
    esac
    local names='' files=no
    case $cur,$verb in
        -*,*) names=$(pkg --help | grep -oE '^  --[a-z-]+(, --[a-z-]+)*' | tr -d ' ' | tr ',' '\n') ;;
        *,) names=$(pkg --help | sed -nE 's/^  ([a-z-]+(\|[a-z-]+)*) .*/\1/p' | tr '|' '\n') ;;
        *,install) names=$(_pkg_available) files='apk|deb|rpm' ;;
        *,why-not) names=$(_pkg_available) ;;
        *,info | *,files) names=$(_pkg_installed) files='apk|deb|rpm' ;;
        *,verify-file) files='apk|adb|rpm|tar.gz' ;;
        *,unpack) files=deb ;;
        *,history | *,undo) names=$(pkg "${root[@]}" history 2>/dev/null | awk '{print $1}') ;;
        *,remove | *,verify | *,why | *,hold | *,unhold | *,repair | *,configure) names=$(_pkg_installed) ;;
    esac
    mapfile -t COMPREPLY < <(compgen -W "$names" -- "$cur")
    if [[ $files != no ]]; then
        while IFS= read -r word; do
            [[ -d $word || $word =~ \.($files)$ ]] && COMPREPLY+=("$word")
        done < <(compgen -f -- "$cur")
    fi
    # bash takes the colon of NAME:ARCH for the end of a word.
    if [[ $cur == *:* && $COMP_WORDBREAKS == *:* ]]; then
        COMPREPLY=("${COMPREPLY[@]#"${cur%:*}":}")
    fi
} && complete -F _pkg pkg
