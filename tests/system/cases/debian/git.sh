export HOME=/tmp/gh GIT_AUTHOR_NAME=A GIT_AUTHOR_EMAIL=a@b GIT_COMMITTER_NAME=A GIT_COMMITTER_EMAIL=a@b
export GIT_AUTHOR_DATE='2024-01-01T00:00:00Z' GIT_COMMITTER_DATE='2024-01-01T00:00:00Z'
rm -rf /tmp/g /tmp/g2 /tmp/gh; mkdir -p /tmp/g /tmp/gh; cd /tmp/g
git config --global init.defaultBranch main; git config --global protocol.file.allow always
git init; git status
echo one >a; mkdir d; seq 1000 >d/numbers; ln -s a link; printf '#!/bin/sh\necho hi\n' >run; chmod +x run
git add .; git status -s; git commit -m first; git log --format='%H %T %an %ad %s'
git ls-tree -r HEAD; git mv a b; sed -i 's/500/five hundred/' d/numbers; git diff --stat; git diff HEAD | sha256sum
git commit -qam second; git log --oneline --stat; git show --format=%H HEAD~1:d/numbers | tail -1
git checkout -q -b side HEAD~1; echo side >s; git add s; git commit -qm side; git checkout -q main; git merge -m merged side
git log --graph --oneline --all; git branch -v; git tag -a v1 -m v1; git describe
git stash list; echo dirty >>b; git stash; git status -s; git stash pop; git checkout -- b
git clone -q /tmp/g /tmp/g2; cd /tmp/g2; git log --oneline | head -2; git remote -v; git fsck --full; git gc --quiet; git count-objects -v | grep -E '^(count|in-pack|packs)'
git grep -n hundred; git blame -s b; git rebase -q HEAD~2; git reflog | wc -l; git archive HEAD | tar t | sort
echo x >new; git add new; git commit -qm third; git push -q origin HEAD:refs/heads/third; git -C /tmp/g branch; git bisect start HEAD HEAD~3 | tail -1
git hash-object -w --stdin </etc/passwd; git cat-file -p HEAD; git worktree add -q /tmp/gh/w main 2>&1; ls /tmp/gh/w
cd /; rm -rf /tmp/g /tmp/g2 /tmp/gh
