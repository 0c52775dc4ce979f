// What an x86 CPU says about itself. Names: Intel SDM 2A and AMD APM 3, spelt as Linux programs
// grep for them.
#include "../cpu_identity.h"

#include <tenon/arch/machine.h>
#include <tenon/arch/smp.h>

#include <atomic>
#include <cstring>

namespace tenon::procfs {

namespace {

arch::IdentityLeaf leaf(u32 number, u32 sub = 0) {
    return arch::identity_leaf(number, sub);
}

// Each word's names, from bit 0 on, separated by single spaces; "-": no name. One string a word
// needs no relocated pointers.
struct WordNames {
    u32 word;
    char names[320];
};
constexpr WordNames kNames[] = {
    {0,
     "fpu vme de pse tsc msr pae mce cx8 apic - sep mtrr pge mca cmov pat pse36 pn "
     "clflush - dts acpi mmx fxsr sse sse2 ss ht tm ia64 pbe"},
    {1,
     "- - - - - - - - - - - syscall - - - - - - - mp nx - mmxext - - fxsr_opt pdpe1gb "
     "rdtscp - lm 3dnowext 3dnow"},
    {4,
     "pni pclmulqdq dtes64 monitor ds_cpl vmx smx est tm2 ssse3 cid sdbg fma cx16 xtpr "
     "pdcm - pcid dca sse4_1 sse4_2 x2apic movbe popcnt tsc_deadline_timer aes xsave - "
     "avx f16c rdrand hypervisor"},
    {6,
     "lahf_lm cmp_legacy svm extapic cr8_legacy abm sse4a misalignsse 3dnowprefetch "
     "osvw ibs xop skinit wdt - lwp fma4 tce - nodeid_msr - tbm topoext perfctr_core "
     "perfctr_nb - bpext ptsc perfctr_llc mwaitx - -"},
    {9,
     "fsgsbase tsc_adjust sgx bmi1 hle avx2 - smep bmi2 erms invpcid rtm cqm - mpx "
     "rdt_a avx512f avx512dq rdseed adx smap avx512ifma - clflushopt clwb intel_pt "
     "avx512pf avx512er avx512cd sha_ni avx512bw avx512vl"},
    {10, "xsaveopt xsavec xgetbv1 xsaves xfd"},
    {13, "clzero irperf xsaveerptr - rdpru - - - - wbnoinvd"},
    {16,
     "avx512vbmi - umip - - waitpkg avx512_vbmi2 - gfni vaes vpclmulqdq avx512_vnni "
     "avx512_bitalg tme avx512_vpopcntdq - la57 - - - - - rdpid - bus_lock_detect "
     "cldemote - movdiri movdir64b enqcmd - -"},
    {18,
     "- - avx512_4vnniw avx512_4fmaps fsrm - - - avx512_vp2intersect - md_clear - - - "
     "serialize - tsxldtrk - pconfig arch_lbr ibt - amx_bf16 avx512_fp16 amx_tile "
     "amx_int8 - - flush_l1d arch_capabilities - -"},
};

void read_identity(CpuIdentity& info) {
    const auto l0 = leaf(0);
    std::memcpy(info.vendor, &l0.b, 4);
    std::memcpy(info.vendor + 4, &l0.d, 4);
    std::memcpy(info.vendor + 8, &l0.c, 4);
    info.max_leaf = l0.a;
    const auto l1 = leaf(1);
    info.family = (l1.a >> 8) & 15;
    info.model = (l1.a >> 4) & 15;
    info.stepping = l1.a & 15;
    if (info.family == 15) info.family += (l1.a >> 20) & 0xff;
    if (info.family == 6 || info.family >= 15) info.model |= ((l1.a >> 16) & 15) << 4;
    info.apic_id = l1.b >> 24;
    info.clflush_bytes = ((l1.b >> 8) & 0xff) * 8;
    if (leaf(0x80000000).a >= 0x80000004) {
        for (u32 i = 0; i < 3; ++i) {
            const auto l = leaf(0x80000002 + i);
            std::memcpy(info.model_name + 16 * i, &l, 16);
        }
    }
}

void read_limits(CpuIdentity& info) {
    const u32 max_ext = leaf(0x80000000).a;
    info.phys_bits = 36;
    info.virt_bits = 48;
    if (max_ext >= 0x80000008) {
        const auto l = leaf(0x80000008);
        info.phys_bits = l.a & 0xff;
        info.virt_bits = (l.a >> 8) & 0xff;
    }
    if (max_ext >= 0x80000006) info.cache_kib = leaf(0x80000006).c >> 16;
    // The largest data cache, where leaf 4 lists them.
    if (info.max_leaf >= 4) {
        for (u32 i = 0; i < 8; ++i) {
            const auto l = leaf(4, i);
            if ((l.a & 31) == 0) break;
            const u32 kib = ((l.b >> 22) + 1) * (((l.b >> 12) & 0x3ff) + 1) * ((l.b & 0xfff) + 1) *
                            (l.c + 1) / 1024;
            if ((l.a & 31) != 2 && kib > info.cache_kib) info.cache_kib = kib;
        }
    }
}

void read_features(CpuIdentity& info) {
    const u32 max = leaf(0).a, max_ext = leaf(0x80000000).a;
    const auto l1 = leaf(1);
    info.features[0] = l1.d;
    info.features[4] = l1.c & ~(1u << 27);
    const auto e1 = leaf(0x80000001);
    info.features[1] = e1.d & 0xee100800 & ~(u32{1} << 31 | u32{1} << 30);
    info.features[1] |= e1.d & (u32{1} << 31 | u32{1} << 30 | u32{1} << 22 | u32{1} << 25);
    info.features[6] = e1.c;
    if (max >= 7) {
        const auto l7 = leaf(7);
        info.features[9] = l7.b;
        // User protection keys are not enabled; nor is LA57.
        info.features[16] = l7.c & ~(u32{3} << 3) & ~(u32{1} << 16);
        info.features[18] = l7.d;
    }
    if (max >= 0xd) info.features[10] = leaf(0xd, 1).a & 0x1f;
    if (max_ext >= 0x80000008) info.features[13] = leaf(0x80000008).b;
}

}  // namespace

CpuIdentity cpu_identity(u32 cpu) {
    CpuIdentity info{};
    arch::call_on(
        CpuMask(u64{1} << cpu),
        [](void* context) {
            auto& info = *static_cast<CpuIdentity*>(context);
            read_identity(info);
            read_limits(info);
            read_features(info);
        },
        &info);
    return info;
}

// AMD says so by a bit (AMD APM 3: CPUID 8000_0008 EBX, SSB_NO; its families 0Fh to 12h never did),
// Intel by a model-specific register that is not asked here. The CPUs are alike.
bool bypasses_stores() {
    static constinit std::atomic<u8> known{0};  // 0: not asked yet
    if (const u8 answer = known.load(std::memory_order_relaxed)) return answer == 2;
    CpuIdentity info{};
    read_identity(info);
    const bool amd = std::string_view(info.vendor) == "AuthenticAMD";
    const bool extended = leaf(0x80000000).a >= 0x80000008;
    const bool never = (amd && info.family >= 0x0f && info.family <= 0x12) ||
                       (extended && (leaf(0x80000008).b >> 26 & 1) != 0);
    known.store(never ? 1 : 2, std::memory_order_relaxed);
    return !never;
}

std::string_view cpu_feature_name(u32 bit) {
    for (const auto& w : kNames) {
        if (w.word != bit / 32) continue;
        std::string_view names = w.names;
        for (u32 skip = bit % 32; skip != 0 && !names.empty(); --skip)
            names.remove_prefix(std::min(names.find(' '), names.size() - 1) + 1);
        const std::string_view name = names.substr(0, names.find(' '));
        return name == "-" ? std::string_view() : name;
    }
    return {};
}

}  // namespace tenon::procfs
