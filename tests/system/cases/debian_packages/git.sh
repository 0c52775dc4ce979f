# timeout 900
#include packages.inc
get git
git --version; git config --global user.name A; git config --global user.email a@b; git config --global init.defaultBranch main
export GIT_AUTHOR_DATE='2024-01-01T00:00:00Z' GIT_COMMITTER_DATE='2024-01-01T00:00:00Z'
git init -q g; seq 100 >g/numbers; git -C g add .; git -C g commit -qm first; git clone g h; cd h; sed -i 5d numbers; git commit -qam second
git push -q origin HEAD:other; git -C ../g log --all --format='%H %s'; git fsck --full
