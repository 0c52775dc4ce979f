// An RPM file: lead, signature header, main header, payload.
// Spec: rpm's docs/manual/format_lead.md, format_v4.md, format_v6.md, signatures_digests.md.
//
// open() reads both headers and refuses a main header that does not have the digests that the
// signature header states. walk() streams the payload, and refuses one that does not have its
// digest, or is not covered by any. verify() does both and judges the signatures, too, in one pass.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "pkg/lib/archive.h"
#include "pkg/lib/openpgp/keyring.h"
#include "pkg/lib/result.h"
#include "pkg/lib/rpm/header.h"
#include "pkg/lib/rpm/package.h"
#include "pkg/lib/stream.h"

namespace tenon::pkg::rpm {

enum class CheckState { good, bad, unknown_key, unsupported };

// One digest or signature and what came of it.
struct Check {
    std::string what;  // "payload SHA256 digest"
    CheckState state = CheckState::bad;
    std::string text;  // the signer, or what is wrong
    bool is_signature = false;
};

struct Verdict {
    std::vector<Check> checks;
    // The first thing that is wrong with the contents; empty when nothing is.
    std::string damage;
    // Why its signatures do not make it trusted; empty when they do, or when it has none.
    std::string distrust;
    bool is_signed = false;

    bool good() const { return damage.empty() && distrust.empty(); }
};

class RpmFile {
  public:
    // Errors name the file.
    static Result<RpmFile> open(const std::string& path);
    // The fuzzer's and the tests' door. `data` must outlive the file.
    static Result<RpmFile> open_memory(std::string_view data);

    const std::string& path() const { return path_; }
    const Package& package() const { return package_; }
    const Header& header() const { return header_; }
    const Header& signature_header() const { return signatures_; }

    // From the beginning; may be called again. What `sink` was given counts only if the result is
    // good: a digest is known at the end.
    Status walk(EntrySink& sink) const;
    // An error only when the file cannot be read; what is wrong with it is in the verdict.
    Result<Verdict> verify(const openpgp::Keyring& keys) const;
    // Both in one pass. What `sink` was given counts only if the verdict says so.
    Result<Verdict> verify(const openpgp::Keyring& keys, EntrySink& sink) const;

  private:
    Result<Source> reopen() const;
    Status read_headers();
    Status check_header_digests() const;
    Result<Verdict> run(EntrySink& sink, const openpgp::Keyring* keys) const;

    std::string path_;
    std::string_view memory_;
    Header signatures_, header_;
    Package package_;
    uint64_t header_at_ = 0;  // offset in the file of the main header
};

// Does the file begin as an RPM does? False when it cannot be read, too.
bool looks_like_rpm(const std::string& path);

}  // namespace tenon::pkg::rpm
