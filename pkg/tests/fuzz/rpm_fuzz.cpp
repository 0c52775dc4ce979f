// Outside bytes enter here: a whole .rpm, and each part of one on its own, so that the fuzzer need
// not find its way through digests and compressions. The first byte chooses.
#include <stdint.h>

#include "pkg/lib/rpm/payload.h"
#include "pkg/lib/rpm/repository.h"
#include "pkg/lib/rpm/rpm_file.h"

using namespace tenon::pkg;

namespace {

class Reader final : public EntrySink {
  public:
    Status entry(const TarEntry&, EntryData& data) override {
        char block[512];
        (void)data.read(block, sizeof(block));
        return {};
    }
};

class Nobody final : public rpm::Providers {
  public:
    std::vector<int> of(const rpm::Relation& wanted) const override {
        return wanted.name.size() % 2 ? std::vector<int>{1, 2} : std::vector<int>{};
    }
};

// A header, and behind it an uncompressed payload: no digest stands in the way.
void headers_and_payload(std::string_view bytes) {
    auto stream = Source::memory(bytes);
    auto header = rpm::Header::read(stream, rpm::HeaderKind::main);
    if (!header) return;
    auto package = rpm::Package::from_header(*header);
    if (!package) return;
    (void)package->nevra();
    Reader sink;
    (void)rpm::walk_cpio(stream, *package, sink);
}

void whole_file(std::string_view bytes, const openpgp::Keyring& keys) {
    auto file = rpm::RpmFile::open_memory(bytes);
    if (file) (void)file->verify(keys);
}

void keys_and_signatures(std::string_view bytes) {
    openpgp::Keyring keys;
    (void)keys.add(bytes);
    if (auto s = openpgp::Signature::parse_packet(bytes)) {
        (void)s->str();
        if (auto algorithm = s->hash_algorithm()) {
            Hash h = s->start_hash(*algorithm);
            (void)keys.judge(*s, s->finish_hash(h), 0);
        }
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    if (size == 0) return 0;
    std::string_view bytes(reinterpret_cast<const char*>(data), size);
    // A file as it is lies in the corpus unchanged.
    if (bytes.starts_with("\xed")) {
        static const openpgp::Keyring kNoKeys;
        whole_file(bytes, kNoKeys);
        return 0;
    }
    int choice = bytes[0] % 6;
    bytes.remove_prefix(1);
    switch (choice) {
        case 0:
            headers_and_payload(bytes);
            break;
        case 1:
            keys_and_signatures(bytes);
            break;
        case 2:
            for (auto context : {rpm::RichContext::must_hold, rpm::RichContext::must_not_hold})
                if (auto rich = rpm::parse_rich(bytes, context)) {
                    (void)rpm::evaluate(*rich, Nobody());
                    if (rich->str().empty()) __builtin_trap();
                }
            break;
        case 3: {
            std::string_view a = bytes.substr(0, size / 2), b = bytes.substr(a.size());
            int order = rpm::compare(rpm::Evr::parse(a), rpm::Evr::parse(b));
            if (order != -rpm::compare(rpm::Evr::parse(b), rpm::Evr::parse(a))) __builtin_trap();
            break;
        }
        case 4:
            for (auto filter :
                 {Filter::gzip, Filter::bzip2, Filter::xz, Filter::zstd, Filter::deflate}) {
                auto lower = Source::memory(bytes);
                auto plain = decompress(lower, filter);
                char block[4096];
                for (int n = 0; plain && n < 64; n++) {
                    auto got = (*plain)->read(block, sizeof(block));
                    if (!got || *got == 0) break;
                }
            }
            break;
        case 5: {
            auto one = Source::memory(bytes), two = one, three = one;
            (void)rpm::Repomd::parse(one);
            (void)rpm::read_primary(two, [](rpm::RepositoryPackage&&) { return Status(); });
            (void)rpm::read_filelists(three, [](rpm::FileList&&) { return Status(); });
            break;
        }
    }
    return 0;
}
