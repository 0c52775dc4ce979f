# Many compilers at once under make's job server, a static library, and a program out of C++ with exceptions and threads.
set -e
mkdir -p /tmp/cxx; cd /tmp/cxx
for i in 1 2 3 4; do
    printf '#include <string>\n#include <stdexcept>\nstd::string part%d(int n) { if (n > 3) throw std::runtime_error("part%d " + std::to_string(n)); return std::string(n, 0x60 + %d); }\n' $i $i $i >part$i.cpp
done
for i in $(seq 20); do printf 'int f%d(int x) { return x * %d; }\n' $i $i >f$i.c; done
cat >main.cpp <<"X"
#include <future>
#include <iostream>
#include <string>
#include <vector>
std::string part1(int), part2(int), part3(int), part4(int);
extern "C" int f1(int), f20(int);
int main() {
    std::vector<std::future<std::string>> all;
    for (auto* p : {part1, part2, part3, part4})
        for (int n = 1; n <= 4; n++) all.push_back(std::async(std::launch::async, p, n));
    for (auto& f : all) {
        try { std::cout << f.get() << '\n'; } catch (const std::exception& e) { std::cout << "caught " << e.what() << '\n'; }
    }
    std::cout << f1(2) + f20(2) << std::endl;
}
X
cat >Makefile <<"X"
CC = gcc
C := $(patsubst %.c,%.o,$(sort $(wildcard f*.c)))
P := $(patsubst %.cpp,%.o,$(sort $(wildcard part*.cpp)))
all: main
libf.a: $(C) ; ar rcsD $@ $^
main: main.o $(P) libf.a ; g++ -o $@ main.o $(P) -L. -lf -pthread
%.o: %.c ; gcc -O1 -c -o $@ $<
%.o: %.cpp ; g++ -O1 -c -o $@ $<
clean: ; rm -f *.o *.a main
X
make -j4 -Otarget >log; sort log | sha256sum; wc -l <log
./main
sha256sum *.o libf.a main
make -q; echo "up to date $?"
make clean; ls
cd /; rm -r /tmp/cxx
