/* Gives the kernel damaged modules: `hostile MODULE.ko SEED COUNT`.
 *
 * Every file is loaded with parameters that end in an open quote: that is refused after the whole of
 * linking, so no damaged code ever runs, whatever else is wrong with it. What is counted is how the
 * kernel answered; what matters is that it goes on. */
#define _GNU_SOURCE
#include <elf.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static uint64_t state;
static uint64_t rnd(uint64_t n) {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state % n;
}

static unsigned char *original, *copy;
static size_t size;
static unsigned long tried, loaded, answers[256];

static int load(const void *image, size_t length) {
    int answer = syscall(SYS_init_module, image, length, "x=\"") == 0 ? 0 : errno;
    ++tried;
    ++answers[answer & 255];
    if (answer == 0) ++loaded;
    return answer;
}

static void fresh(void) { memcpy(copy, original, size); }

static Elf64_Ehdr *header(void) { return (Elf64_Ehdr *)copy; }
static Elf64_Shdr *sections(void) { return (Elf64_Shdr *)(copy + header()->e_shoff); }
static Elf64_Shdr *section(const char *name) {
    Elf64_Shdr *s = sections();
    const char *names = (const char *)copy + s[header()->e_shstrndx].sh_offset;
    for (int i = 1; i < header()->e_shnum; ++i)
        if (strcmp(names + s[i].sh_name, name) == 0) return &s[i];
    fprintf(stderr, "no section %s\n", name);
    exit(2);
}

/* One word of a known place set to each of several odd values. */
static const uint64_t odd[] = {0, 1, 7, 0x7f, 0xff, 0xfff, 0x7fff, 0xffff, 0x10000, 0x7fffffff, 0x80000000,
                               0xffffffff, 0x100000000, 0x7fffffffffffffff, 0x8000000000000000,
                               0xffffffffffffffff, 0xfffffffffffff000, 0xffffffff80000000};
#define EACH_ODD(lvalue)                                       \
    for (size_t o = 0; o < sizeof odd / sizeof *odd; ++o) {    \
        fresh();                                               \
        (lvalue) = odd[o];                                     \
        load(copy, size);                                      \
    }

static void headers(void) {
    EACH_ODD(header()->e_shoff)
    EACH_ODD(header()->e_shnum)
    EACH_ODD(header()->e_shstrndx)
    EACH_ODD(header()->e_shentsize)
    EACH_ODD(header()->e_type)
    EACH_ODD(header()->e_machine)
    EACH_ODD(header()->e_version)
    EACH_ODD(header()->e_ehsize)
    int count = ((Elf64_Ehdr *)original)->e_shnum;
    for (int i = 0; i < count; ++i) {
        EACH_ODD(sections()[i].sh_name)
        EACH_ODD(sections()[i].sh_type)
        EACH_ODD(sections()[i].sh_flags)
        EACH_ODD(sections()[i].sh_offset)
        EACH_ODD(sections()[i].sh_size)
        EACH_ODD(sections()[i].sh_link)
        EACH_ODD(sections()[i].sh_info)
        EACH_ODD(sections()[i].sh_addralign)
        EACH_ODD(sections()[i].sh_entsize)
    }
}

static void relocations(void) {
    Elf64_Shdr *rela = section(".rela.text");
    size_t offset = rela->sh_offset, n = rela->sh_size / sizeof(Elf64_Rela);
    for (size_t i = 0; i < n; i += n / 8 + 1) {
#define RELA ((Elf64_Rela *)(copy + offset))[i]
        EACH_ODD(RELA.r_offset)
        EACH_ODD(RELA.r_addend)
        EACH_ODD(RELA.r_info)
        uint64_t info = ((Elf64_Rela *)(original + offset))[i].r_info;
        for (unsigned type = 0; type < 64; ++type) {
            fresh();
            RELA.r_info = ELF64_R_INFO(ELF64_R_SYM(info), type);
            load(copy, size);
        }
        for (size_t o = 0; o < sizeof odd / sizeof *odd; ++o) {
            fresh();
            RELA.r_info = ELF64_R_INFO(odd[o] & 0xffffffff, ELF64_R_TYPE(info));
            load(copy, size);
        }
    }
}

static void symbols(void) {
    Elf64_Shdr *table = section(".symtab");
    size_t offset = table->sh_offset, n = table->sh_size / sizeof(Elf64_Sym);
    for (size_t i = 1; i < n; i += n / 12 + 1) {
#define SYM ((Elf64_Sym *)(copy + offset))[i]
        EACH_ODD(SYM.st_name)
        EACH_ODD(SYM.st_shndx)
        EACH_ODD(SYM.st_value)
        EACH_ODD(SYM.st_size)
        EACH_ODD(SYM.st_info)
    }
}

static void truncated(void) {
    for (size_t n = 0; n < size; n += n < 1024 ? 1 : size / 400 + 1) {
        /* At the end of a mapping of its own, so that a read past the end faults. */
        unsigned char *end = malloc(n + 1);
        memcpy(end, original, n);
        if (load(end, n) == 0) fprintf(stderr, "a file cut to %zu bytes loads\n", n);
        free(end);
    }
}

static void mutated(unsigned long count) {
    for (unsigned long i = 0; i < count; ++i) {
        fresh();
        for (uint64_t changes = 1 + rnd(8); changes != 0; --changes) {
            size_t at = rnd(size);
            switch (rnd(4)) {
                case 0: copy[at] ^= 1u << rnd(8); break;
                case 1: copy[at] = rnd(256); break;
                case 2: memcpy(copy + at, &odd[rnd(16)], size - at < 8 ? size - at : 8); break;
                default: {
                    size_t from = rnd(size), n = 1 + rnd(64);
                    if (from + n <= size && at + n <= size) memmove(copy + at, copy + from, n);
                }
            }
        }
        load(copy, size);
    }
}

static void expect(const char *what, int answer, int wanted) {
    printf("%s: %s\n", what, strerror(answer));
    if (answer != wanted) fprintf(stderr, "%s: got %d, wanted %d\n", what, answer, wanted);
}

int main(int argc, char **argv) {
    if (argc != 4) return 2;
    FILE *f = fopen(argv[1], "rb");
    if (!f) return 2;
    state = strtoul(argv[2], 0, 0) * 2654435761u + 1;
    original = malloc(1 << 24);
    size = fread(original, 1, 1 << 24, f);
    copy = malloc(size);

    fresh();
    expect("whole file, open quote", load(copy, size), EINVAL);
    fresh();
    header()->e_machine = EM_AARCH64;
    expect("another architecture", load(copy, size), ENOEXEC);
    fresh();
    copy[EI_CLASS] = ELFCLASS32;
    expect("32 bits", load(copy, size), ENOEXEC);
    fresh();
    copy[EI_DATA] = ELFDATA2MSB;
    expect("big-endian", load(copy, size), ENOEXEC);
    fresh();
    header()->e_type = ET_DYN;
    expect("a shared object", load(copy, size), ENOEXEC);
    expect("text", load("#!/bin/sh\necho no\n", 18), ENOEXEC);
    expect("empty", load("", 0), ENOEXEC);
    fresh();
    {
        Elf64_Shdr *rela = section(".rela.text");
        Elf64_Rela *r = (Elf64_Rela *)(copy + rela->sh_offset);
        int i = 0;
        while (ELF64_R_TYPE(r[i].r_info) != R_X86_64_PLT32 && ELF64_R_TYPE(r[i].r_info) != R_X86_64_PC32) ++i;
        r[i].r_addend = 0x100000000;
        expect("relocation out of range", load(copy, size), ENOEXEC);
        fresh();
        r[i].r_info = ELF64_R_INFO(ELF64_R_SYM(r[i].r_info), 200);
        expect("unknown relocation", load(copy, size), ENOEXEC);
        fresh();
        r[i].r_offset = 0x7ffffff0;
        expect("relocation outside of its section", load(copy, size), ENOEXEC);
        fresh();
        r[i].r_info = ELF64_R_INFO(0x7fffffff, R_X86_64_64);
        expect("relocation without a symbol", load(copy, size), ENOEXEC);
        fresh();
        sections()[1].sh_size = 1ull << 50;
        expect("a section of a petabyte", load(copy, size), ENOEXEC);
    }
    truncated();
    headers();
    relocations();
    symbols();
    mutated(strtoul(argv[3], 0, 0));
    printf("tried %lu loaded %lu\n", tried, loaded);
    for (int i = 0; i < 256; ++i)
        if (answers[i]) printf("  %lu times %s\n", answers[i], i ? strerror(i) : "loaded");
    return loaded != 0;
}
