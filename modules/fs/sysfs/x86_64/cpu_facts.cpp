// Spec: Intel SDM 2A, CPUID leaves 4 and 0BH; AMD APM 3, leaves 8000_0005H, 8000_0006H, 8000_001DH.
#include "../cpu_facts.h"

#include <tenon/arch/machine.h>
#include <tenon/arch/smp.h>
#include <tenon/mm/slab.h>

#include <bit>

namespace tenon::sysfs {

namespace {

using Leaf = arch::IdentityLeaf;
Leaf leaf(u32 number, u32 sub = 0) {
    return arch::identity_leaf(number, sub);
}

// Where a CPU stands: its number, and how many of that number's low bits tell threads of a core,
// cores of a package, apart.
struct Place {
    u32 apic_id = 0, core_shift = 0, package_shift = 0;
};

Place place_here() {
    Place p{.apic_id = leaf(1).b >> 24};
    if (leaf(0).a >= 0xb && leaf(0xb).b != 0) {
        p.apic_id = leaf(0xb).d;
        for (u32 i = 0; i < 4; ++i) {
            const Leaf l = leaf(0xb, i);
            const u32 kind = (l.c >> 8) & 0xff, shift = l.a & 31;
            if (kind == 1) p.core_shift = p.package_shift = shift;
            if (kind == 2) p.package_shift = shift;
            if (kind == 0) break;
        }
    } else if (leaf(0x80000000).a >= 0x80000008) {
        const u32 c = leaf(0x80000008).c, bits = (c >> 12) & 15;
        p.package_shift = bits != 0 ? bits : std::bit_width(c & 0xff);
    }
    return p;
}

void add(CpuFacts& facts, Cache cache) {
    if (cache.size_kib != 0 && facts.cache_count < CpuFacts::kMaxCaches)
        facts.caches[facts.cache_count++] = cache;
}

// Leaf 4, and AMD's that has the same layout.
void read_list(CpuFacts& facts, u32 number, u32 apic_id) {
    for (u32 i = 0; i < CpuFacts::kMaxCaches; ++i) {
        const Leaf l = leaf(number, i);
        const u32 type = l.a & 31;
        if (type == 0 || type > 3) return;
        Cache cache{.type = type == 1   ? Cache::Type::data
                            : type == 2 ? Cache::Type::instruction
                                        : Cache::Type::unified,
                    .level = (l.a >> 5) & 7,
                    .line_bytes = (l.b & 0xfff) + 1,
                    .ways = (l.b >> 22) + 1,
                    .sets = l.c + 1,
                    .partitions = ((l.b >> 12) & 0x3ff) + 1};
        cache.size_kib = cache.ways * cache.partitions * cache.line_bytes * cache.sets / 1024;
        cache.id = apic_id >> std::bit_width((l.a >> 14) & 0xfff);
        add(facts, cache);
    }
}

// A four-bit code. 0: no cache; 15 is fully associative, which has no number.
constexpr u8 kWays[16] = {0, 1, 2, 0, 4, 0, 8, 0, 16, 0, 32, 48, 64, 96, 128, 0};

// The older leaves of AMD: a first and a second level for each CPU, a third for the package.
void read_levels(CpuFacts& facts, u32 apic_id, u32 package) {
    const Leaf first = leaf(0x80000005), other = leaf(0x80000006);
    const auto make = [&](Cache::Type type, u32 level, u32 size_kib, u32 line, u32 ways, u32 id) {
        Cache cache{.type = type,
                    .level = level,
                    .size_kib = size_kib,
                    .line_bytes = line,
                    .ways = ways,
                    .id = id};
        if (line != 0 && ways != 0) cache.sets = size_kib * 1024 / line / ways;
        add(facts, cache);
    };
    make(Cache::Type::data, 1, first.c >> 24, first.c & 0xff, (first.c >> 16) & 0xff, apic_id);
    make(Cache::Type::instruction, 1, first.d >> 24, first.d & 0xff, (first.d >> 16) & 0xff,
         apic_id);
    make(Cache::Type::unified, 2, other.c >> 16, other.c & 0xff, kWays[(other.c >> 12) & 15],
         apic_id);
    make(Cache::Type::unified, 3, (other.d >> 18) * 512, other.d & 0xff,
         kWays[(other.d >> 12) & 15], package);
}

struct Asked {
    CpuFacts facts;
    Place places[arch::kMaxCpus];
    u32 ids[arch::kMaxCpus][CpuFacts::kMaxCaches];
    u32 wanted;
};

void ask_here(void* context) {
    Asked& asked = *static_cast<Asked*>(context);
    const u32 cpu = arch::cpu_id();
    const Place p = asked.places[cpu] = place_here();
    CpuFacts facts;
    const bool amd = leaf(0).c == 0x444d4163;  // "cAMD"
    if (!amd)
        read_list(facts, 4, p.apic_id);
    else if (leaf(0x80000001).c & (1u << 22))
        read_list(facts, 0x8000001d, p.apic_id);
    else
        read_levels(facts, p.apic_id, p.apic_id >> p.package_shift);
    for (u32 i = 0; i < facts.cache_count; ++i) asked.ids[cpu][i] = facts.caches[i].id;
    if (cpu == asked.wanted) asked.facts = facts;
}

}  // namespace

CpuFacts cpu_facts(u32 cpu) {
    auto asked = mm::make<Asked>();
    const CpuMask online = arch::online_mask();
    if (!asked || !online.test(cpu)) return {};
    asked->wanted = cpu;
    arch::call_on(online, ask_here, asked.get());
    CpuFacts& facts = asked->facts;
    const Place& own = asked->places[cpu];
    facts.package = own.apic_id >> own.package_shift;
    facts.core = (own.apic_id & ((1u << own.package_shift) - 1)) >> own.core_shift;
    for (u32 other = 0; other < arch::kMaxCpus; ++other) {
        if (!online.test(other)) continue;
        const u32 id = asked->places[other].apic_id;
        if (id >> own.package_shift == facts.package) facts.siblings.set(other);
        if (id >> own.core_shift == own.apic_id >> own.core_shift) facts.threads.set(other);
        for (u32 i = 0; i < facts.cache_count; ++i)
            if (asked->ids[other][i] == facts.caches[i].id) facts.caches[i].shared.set(other);
    }
    return facts;
}

}  // namespace tenon::sysfs
