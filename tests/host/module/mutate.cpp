// Damaged modules by the million, through the loader's pure half, under ASan and UBSan.
//
//     module_mutate [--runs N] [--seed S] [--keep FILE] MODULE.ko...
//
// The corpus is the samples below and the modules named. Each run takes one of them, changes one to
// eight things in it (mostly fields of headers, symbols, relocations and records, to values that
// have meaning elsewhere in the file), loads it, and puts the bytes back. One process, no copy:
// some tens of thousands of runs a second. What the sanitizers find ends the program; the file is
// kept. Environment: TENON_LONG=1 makes it 10 million runs; TENON_SEED.
#include <sanitizer/common_interface_defs.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <memory>
#include <random>
#include <string>

#include "core/module/records.h"
#include "core/module/signed_file.h"
#include "loader_entry.h"
#include "sample.h"

using namespace tenon;
using namespace tenon::module;
using namespace tenon::module::test;

namespace {

class Random {
  public:
    explicit Random(u64 seed) : state_(seed * 0x9e3779b97f4a7c15 + 0x632be59bd9b4e019) {}
    u64 next() {
        state_ ^= state_ << 13;
        state_ ^= state_ >> 7;
        return state_ ^= state_ << 17;
    }
    u64 below(u64 n) { return n == 0 ? 0 : next() % n; }

  private:
    u64 state_;
};

// Exactly as long as the file, so that one byte behind it is poisoned.
struct Bytes {
    explicit Bytes(std::span<const u8> from)
        : size(from.size()), data(new (std::align_val_t{8}) u8[size]) {
        std::memcpy(data, from.data(), size);
    }
    ~Bytes() { ::operator delete[](data, std::align_val_t{8}); }
    Bytes(Bytes&& o) noexcept : size(o.size), data(std::exchange(o.data, nullptr)) {}
    usize size;
    u8* data;
};

struct Case {
    std::string name;
    Bytes bytes;
};

// What is under test, for the one who finds it dead.
const u8* g_now = nullptr;
usize g_now_size = 0;
u64 g_seed = 0, g_run = 0;
std::string g_keep = "module_mutate.found";

void on_death() {
    std::fprintf(stderr, "seed %llu, run %llu: kept as %s\n",
                 static_cast<unsigned long long>(g_seed), static_cast<unsigned long long>(g_run),
                 g_keep.c_str());
    std::ofstream(g_keep, std::ios::binary)
        .write(reinterpret_cast<const char*>(g_now), static_cast<std::streamsize>(g_now_size));
}

// An object with everything in it that the loader looks at.
Sample rich() {
    Sample s = ordinary();
    s.add({.name = ".init.text",
           .flags = SHF_ALLOC | SHF_EXECINSTR,
           .bytes = std::vector<u8>(40, 0x90),
           .alignment = 16});
    s.add({.name = ".tenon.module", .flags = SHF_ALLOC, .bytes = std::vector<u8>(16)});
    const auto put = [](std::vector<u8>& out, const void* data, usize size) {
        const auto* bytes = static_cast<const u8*>(data);
        out.insert(out.end(), bytes, bytes + size);
    };
    const u32 head[2] = {2, 0};
    std::vector<u8> imports;
    const SymbolRecord records[2] = {{symbol_hash("import"), 7, 56, 60, 72},
                                     {symbol_hash("other"), 9, 0, 0, 72}};
    put(imports, head, sizeof head);
    put(imports, records, sizeof records);
    put(imports, "pci\0tenon::pci\0import(int)\0", 27);
    s.add({.name = ".tenon.imports", .bytes = imports, .alignment = 8});
    s.add({.name = ".tenon.exports", .bytes = imports, .alignment = 8});
    const std::string info(
        "name=rich\0requires=pci>=1.2,<2\0depends=a,b\0softdep=pre: x post: y\0"
        "import_ns=tenon::pci\0export_ns=tenon::rich: a b*\0alias=pci:v*\0",
        128);
    s.sections[4].bytes = {info.begin(), info.end()};
    return s;
}

std::vector<u8> sealed(std::span<const u8> file) {
    std::vector<u8> out(file.begin(), file.end());
    const std::string signer = "somebody";
    out.insert(out.end(), signer.begin(), signer.end());
    out.resize(out.size() + 8 + 64, 0xab);
    const u8 trailer[12] = {0, 6, 1, 8, 8, 0, 0, 0, 0, 0, 0, 64};
    out.insert(out.end(), std::begin(trailer), std::end(trailer));
    const std::string magic = "~Module signature appended~\n";
    out.insert(out.end(), magic.begin(), magic.end());
    return out;
}

class Mutator {
  public:
    Mutator(Bytes& file, Random& random) : file_(file), random_(random) {}
    ~Mutator() {
        while (!undo_.empty()) {
            std::memcpy(file_.data + undo_.back().at, undo_.back().old, undo_.back().size);
            undo_.pop_back();
        }
    }
    void change() {
        // The headers of the file as it was: a damaged one would lead nowhere.
        const u64 sections_at = header_.e_shoff;
        const u64 section = sections_at + random_.below(header_.e_shnum) * sizeof(Elf64_Shdr);
        switch (random_.below(10)) {
            case 0:
                return field(0, sizeof(Elf64_Ehdr));
            case 1:
            case 2:
            case 3:
                return field(section, sizeof(Elf64_Shdr));
            case 4:
                return element(SHT_SYMTAB, sizeof(Elf64_Sym));
            case 5:
            case 6:
                return element(SHT_RELA, sizeof(Elf64_Rela));
            case 7:
                return element(SHT_PROGBITS, 8);
            case 8:
                return element(SHT_STRTAB, 8);
            default:
                // Anywhere, the trailer among it.
                return field(random_.below(2) == 0 || file_.size < 200
                                 ? random_.below(file_.size)
                                 : file_.size - 1 - random_.below(150),
                             8);
        }
    }

  private:
    void element(u32 type, usize size) {
        for (u32 tries = 0; tries < 8; ++tries) {
            Elf64_Shdr s;
            if (header_.e_shnum == 0 ||
                header_.e_shoff > file_.size - u64{header_.e_shnum} * sizeof s ||
                u64{header_.e_shnum} * sizeof s > file_.size)
                return;
            std::memcpy(&s,
                        file_.data + header_.e_shoff + random_.below(header_.e_shnum) * sizeof s,
                        sizeof s);
            if (s.sh_type != type || s.sh_size < size || s.sh_offset > file_.size ||
                s.sh_size > file_.size - s.sh_offset)
                continue;
            return field(s.sh_offset + random_.below(s.sh_size / size) * size, size);
        }
    }
    void field(u64 start, usize size) {
        if (start >= file_.size) return;
        static constexpr u8 kWidths[] = {1, 2, 4, 8};
        const usize width = kWidths[random_.below(4)];
        const u64 at = start + random_.below(size / width + 1) * width;
        if (at + width > file_.size) return;
        u64 value = 0;
        std::memcpy(&value, file_.data + at, width);
        static constexpr u64 kValues[] = {0,
                                          1,
                                          2,
                                          7,
                                          8,
                                          63,
                                          64,
                                          0xfe,
                                          0xff,
                                          0x100,
                                          0x7fff,
                                          0x8000,
                                          0xffff,
                                          0xfff1,
                                          0xfff2,
                                          0x7fffffff,
                                          0x80000000,
                                          0xffffffff,
                                          0x100000000,
                                          0x7fffffffffffffff,
                                          0x8000000000000000,
                                          0xfffffffffffff000,
                                          ~u64{0},
                                          ~u64{7},
                                          4096,
                                          4097,
                                          1 << 30};
        switch (random_.below(8)) {
            case 0:
                value = kValues[random_.below(std::size(kValues))];
                break;
            case 1:
                value += random_.below(33) - 16;
                break;
            case 2:
                value ^= u64{1} << random_.below(8 * width);
                break;
            case 3:
                value = random_.next();
                break;
            case 4:
                value = file_.size - random_.below(40);
                break;
            case 5:
                value = random_.below(header_.e_shnum + 2u);
                break;
            case 6:
                value = 0 - value;
                break;
            default:  // what stands elsewhere
                std::memcpy(&value, file_.data + random_.below(file_.size - 8), width);
        }
        Undo undo{at, static_cast<u8>(width), {}};
        std::memcpy(undo.old, file_.data + at, width);
        undo_.push_back(undo);
        std::memcpy(file_.data + at, &value, width);
    }

    struct Undo {
        u64 at;
        u8 size;
        u8 old[8];
    };
    Bytes& file_;
    Random& random_;
    std::vector<Undo> undo_;
    Elf64_Ehdr header_ = *reinterpret_cast<const Elf64_Ehdr*>(file_.data);
};

u64 option(const char* variable, u64 otherwise) {
    const char* text = std::getenv(variable);
    return text != nullptr ? std::strtoull(text, nullptr, 0) : otherwise;
}

}  // namespace

int main(int argc, char** argv) {
    u64 runs = std::getenv("TENON_LONG") != nullptr ? 10'000'000 : 100'000;
    g_seed = option("TENON_SEED", std::random_device{}());
    std::vector<Case> corpus;
    for (const auto& [name, sample] : {std::pair{"ordinary", ordinary()}, {"rich", rich()}}) {
        const auto file = sample.file();
        corpus.push_back({name, Bytes(view(file))});
        corpus.push_back({std::string(name) + ", signed", Bytes(sealed(view(file)))});
    }
    // Less in front of the trailer than it may claim.
    const std::vector<u8> stump(80);
    corpus.push_back({"stump, signed", Bytes(sealed(stump))});
    for (int i = 1; i < argc; ++i) {
        const std::string a = argv[i];
        if (a == "--runs" && i + 1 < argc)
            runs = std::strtoull(argv[++i], nullptr, 0);
        else if (a == "--seed" && i + 1 < argc)
            g_seed = std::strtoull(argv[++i], nullptr, 0);
        else if (a == "--keep" && i + 1 < argc)
            g_keep = argv[++i];
        else {
            std::ifstream in(a, std::ios::binary);
            const std::vector<char> text(std::istreambuf_iterator<char>(in), {});
            if (text.empty()) return std::fprintf(stderr, "%s: not read\n", a.c_str()), 1;
            corpus.push_back({a, Bytes({reinterpret_cast<const u8*>(text.data()), text.size()})});
        }
    }
    for (const Case& c : corpus) {
        if (c.bytes.size < 300) continue;  // no module
        const Loaded whole = load_for_test({c.bytes.data, c.bytes.size});
        if (!whole.result)
            return std::fprintf(stderr, "%s: %s\n", c.name.c_str(), whole.why_text), 1;
    }
    __sanitizer_set_death_callback(&on_death);
    // Far apart for seeds that are not: run 5 of one is not run 4 of the next.
    const u64 start = Random(g_seed * 0xd1342543de82ef95).next();
    u64 loaded = 0, reached[4] = {};
    const auto began = std::chrono::steady_clock::now();
    for (g_run = 0; g_run < runs; ++g_run) {
        Random random(start + g_run);
        Bytes& file = corpus[random.below(corpus.size())].bytes;
        Mutator mutator(file, random);
        for (u64 n = 1 + random.below(8) * random.below(2); n > 0; --n) mutator.change();
        // Now and then the end is cut off too: into bytes of just that length.
        const bool cut = random.below(32) == 0;
        const Bytes shorter({file.data, cut ? random.below(file.size) + 1 : 1});
        g_now = cut ? shorter.data : file.data;
        g_now_size = cut ? shorter.size : file.size;
        const Loaded result = load_for_test({g_now, g_now_size}, 512 << 10);
        ++reached[static_cast<int>(result.stage)];
        loaded += result.result ? 1 : 0;
    }
    const double seconds =
        std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
    std::printf(
        "%llu damaged modules of %zu, seed %llu: no finding; refused by the headers %llu, "
        "the layout %llu, the relocations %llu, loaded %llu; %.0f a second\n",
        static_cast<unsigned long long>(runs), corpus.size(),
        static_cast<unsigned long long>(g_seed), static_cast<unsigned long long>(reached[0]),
        static_cast<unsigned long long>(reached[1]),
        static_cast<unsigned long long>(reached[2] - loaded),
        static_cast<unsigned long long>(loaded), static_cast<double>(runs) / seconds);
    return 0;
}
