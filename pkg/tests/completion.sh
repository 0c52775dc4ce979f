#!/bin/bash
# completion.sh PKG SHARE: bash completes verbs, options, files and installed packages; the man page names every verb and
# option of --help; zsh, where there is one, can read its file.
set -u
pkg=$(realpath "$1") share=$2 work=$(mktemp -d) failed=0
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/bin" "$work/root/var/lib/dpkg/info" "$work/in/dir"
ln -s "$pkg" "$work/bin/pkg"
PATH=$work/bin:$PATH
printf 'Package: %s\nStatus: install ok installed\nArchitecture: all\nVersion: 1\nMaintainer: m\nDescription: d\n\n' \
    tool tooling other >"$work/root/var/lib/dpkg/status"
touch "$work/in/a.deb" "$work/in/b.apk" "$work/in/c.txt"
cd "$work/in" || exit 1
# shellcheck source=/dev/null
. "$share/pkg.bash"
compopt() { :; }  # bash has it only while it completes

# expect "WORDS OF THE LINE" "COMPLETIONS"; the last word is what is completed.
expect() {
    COMPREPLY=() COMP_WORDBREAKS=$' \t\n"'\''><=;|&(:'
    read -ra COMP_WORDS <<<"$1"
    [[ $1 == *' ' ]] && COMP_WORDS+=('')
    COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
    _pkg
    local got
    got=$(printf '%s\n' "${COMPREPLY[@]}" | LC_ALL=C sort | paste -sd' ')
    [[ $got == "$2" ]] && return
    echo "'$1': expected '$2', got '$got'"
    failed=1
}
expect 'pkg upg' 'upgrade'
expect 'pkg un' 'undo unhold unpack'
expect 'pkg --force-conf' '--force-confnew --force-confold'
expect 'pkg --js' '--json'
expect "pkg --root $work/root remove to" 'tool tooling'
expect "pkg --root $work/root remove tool other " 'other tool tooling'
expect "pkg --root $work/root info " 'a.deb b.apk dir other tool tooling'
expect 'pkg unpack ' 'a.deb dir'
expect 'pkg --root ' 'dir'
expect 'pkg list ' ''

for word in $(pkg --help | sed -nE 's/^  ([a-z-]+(\|[a-z-]+)*) .*/\1/p' | tr '|' ' ') \
    $(pkg --help | grep -oE '^ +--[a-z-]+(, --[a-z-]+)*' | tr -d ,); do
    tr -d '\\' <"$share/pkg.8" | grep -qE "(^|[^a-z-])$word([^a-z-]|$)" && continue
    echo "the man page says nothing of $word"
    failed=1
done
if command -v zsh >/dev/null && ! zsh -n "$share/_pkg"; then failed=1; fi
exit $failed
