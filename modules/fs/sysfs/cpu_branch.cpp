// Spec: Linux Documentation/ABI/stable/sysfs-devices-system-cpu.
#include "cpu_branch.h"

#include <algorithm>

#include "cpu_facts.h"

namespace tenon::sysfs {

namespace {

constexpr std::string_view kFolders[] = {"cache", "topology"};
constexpr std::string_view kTopology[] = {"core_cpus",
                                          "core_cpus_list",
                                          "core_id",
                                          "core_siblings",
                                          "core_siblings_list",
                                          "die_cpus",
                                          "die_cpus_list",
                                          "die_id",
                                          "package_cpus",
                                          "package_cpus_list",
                                          "physical_package_id",
                                          "thread_siblings",
                                          "thread_siblings_list"};
constexpr std::string_view kCache[] = {"coherency_line_size",
                                       "id",
                                       "level",
                                       "number_of_sets",
                                       "physical_line_partition",
                                       "shared_cpu_list",
                                       "shared_cpu_map",
                                       "size",
                                       "type",
                                       "ways_of_associativity"};

template <usize N>
bool is_one_of(const std::string_view (&names)[N], std::string_view name) {
    return std::find(names, names + N, name) != names + N;
}

// "index2" -> 2; ~0: no such cache.
u32 cache_number(std::string_view name, const CpuFacts& facts) {
    for (u32 i = 0; i < facts.cache_count; ++i)
        if (fmt::Line<16>("index{}", i).view() == name) return i;
    return ~u32{0};
}

void write_map(Text& out, CpuMask mask) {
    const u32 digits = (std::min(arch::possible_cpus(), 32u) + 3) / 4;
    if (arch::possible_cpus() > 32) fmt::print(out, "{:x},", mask.bits() >> 32);
    const fmt::Line<16> low("{:08x}", mask.bits() & 0xffff'ffff);
    fmt::print(out, "{}\n", low.view().substr(8 - digits));
}

void write_list(Text& out, CpuMask mask) {
    bool first = true;
    for (u32 cpu = 0; cpu < arch::kMaxCpus; ++cpu) {
        if (!mask.test(cpu)) continue;
        u32 last = cpu;
        while (last + 1 < arch::kMaxCpus && mask.test(last + 1)) ++last;
        if (!first) out.write(",");
        first = false;
        if (last == cpu)
            fmt::print(out, "{}", cpu);
        else
            fmt::print(out, "{}-{}", cpu, last);
        cpu = last;
    }
    out.write("\n");
}

// True: it was one of the two forms.
bool write_mask(Text& out, std::string_view name, std::string_view map, std::string_view list,
                CpuMask mask) {
    if (name == map) return write_map(out, mask), true;
    if (name == list) return write_list(out, mask), true;
    return false;
}

void show_topology(Text& out, std::string_view name, const CpuFacts& f) {
    if (write_mask(out, name, "core_cpus", "core_cpus_list", f.threads) ||
        write_mask(out, name, "thread_siblings", "thread_siblings_list", f.threads) ||
        write_mask(out, name, "core_siblings", "core_siblings_list", f.siblings) ||
        write_mask(out, name, "die_cpus", "die_cpus_list", f.siblings) ||
        write_mask(out, name, "package_cpus", "package_cpus_list", f.siblings))
        return;
    fmt::print(out, "{}\n", name == "core_id" ? f.core : name == "die_id" ? 0 : f.package);
}

void show_cache(Text& out, std::string_view name, const Cache& c) {
    if (write_mask(out, name, "shared_cpu_map", "shared_cpu_list", c.shared)) return;
    if (name == "type") {
        out.write(c.type == Cache::Type::data          ? "Data\n"
                  : c.type == Cache::Type::instruction ? "Instruction\n"
                                                       : "Unified\n");
    } else if (name == "size") {
        fmt::print(out, "{}K\n", c.size_kib);
    } else {
        fmt::print(out, "{}\n",
                   name == "coherency_line_size"       ? c.line_bytes
                   : name == "id"                      ? c.id
                   : name == "level"                   ? c.level
                   : name == "number_of_sets"          ? c.sets
                   : name == "physical_line_partition" ? c.partitions
                                                       : c.ways);
    }
}

}  // namespace

bool find_in_cpu(const Parts& p, u32 cpu, Found& out) {
    out = directory();
    if (p.count == 3) return true;
    if (p.count == 4) return is_one_of(kFolders, p[3]);
    if (p[3] == "topology") {
        out = file();
        return p.count == 5 && is_one_of(kTopology, p[4]);
    }
    if (p[3] != "cache" || cache_number(p[4], cpu_facts(cpu)) == ~u32{0}) return false;
    if (p.count == 5) return true;
    out = file();
    return p.count == 6 && is_one_of(kCache, p[5]);
}

void list_cpu(const Parts& p, u32 cpu, Lister& out) {
    if (p.count == 3)
        for (auto name : kFolders) out.dir(name);
    if (p.count == 4 && p[3] == "topology")
        for (auto name : kTopology) out.file(name);
    if (p.count == 4 && p[3] == "cache")
        for (u32 i = 0, n = cpu_facts(cpu).cache_count; i < n; ++i)
            out.dir(fmt::Line<16>("index{}", i).view());
    if (p.count == 5)
        for (auto name : kCache) out.file(name);
}

Result<void> show_of_cpu(const Parts& p, u32 cpu, Text& out) {
    const CpuFacts facts = cpu_facts(cpu);
    if (p.count == 5) return show_topology(out, p[4], facts), Result<void>{};
    const u32 i = cache_number(p[4], facts);
    if (i == ~u32{0}) return Err(Error::io);
    show_cache(out, p[5], facts.caches[i]);
    return {};
}

}  // namespace tenon::sysfs
