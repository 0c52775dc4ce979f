# timeout 900
#include packages.inc
get vim
vim --version | head -n 1; readlink -f /usr/bin/editor /usr/bin/vi; update-alternatives --query vi | grep -E '^(Value|Status|Alternative|Priority)'
seq 20 >f; vim -es -u NONE -i NONE -c 'g/1/s//one/' -c '%!sort -r' -c 'normal Gotwo' -c 'wq' f; echo "status $?"; cat f
vim -es -u NONE -i NONE -c 'e nosuch | q' -c 'cq 5'; echo "status $?"
