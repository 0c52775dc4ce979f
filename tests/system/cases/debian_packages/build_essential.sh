# timeout 1500
#include packages.inc
get build-essential
gcc --version | head -n 1; make --version | head -n 1; g++ --version | head -n 1; dpkg-architecture -q DEB_HOST_GNU_TYPE
mkdir -p b; cd b
cat >one.c <<'C'
#include <stdio.h>
int twice(int);
int main(int argc, char** argv) { (void)argv; printf("%d %d\n", twice(21), argc); return 4; }
C
echo 'int twice(int x) { return 2 * x; }' >two.c
cat >words.cpp <<'C'
#include <iostream>
#include <map>
#include <string>
int main() { std::map<std::string, int> n; std::string w; while (std::cin >> w) n[w]++; for (auto& [a, b] : n) std::cout << a << ' ' << b << '\n'; }
C
printf 'all: one words\none: one.o libtwo.so\n\t$(CC) -o $@ one.o -L. -ltwo -Wl,-rpath,$(CURDIR)\nlibtwo.so: two.c\n\t$(CC) -O2 -fPIC -shared -o $@ $<\n' >Makefile
make -j2 -O 2>&1 | LC_ALL=C sort; ./one a b; echo "status $?"; echo b a b | ./words; make
