// A repository in a directory, made and signed by the test.
#pragma once

#include <stdint.h>

#include <string>
#include <vector>

#include "pkg/tests/deb_builder.h"

namespace tenon::pkg::test {

// Keys that gpg makes once a process, in a directory of their own.
class SigningKeys {
  public:
    // nullptr when there is no gpg here.
    static const SigningKeys* get();
    // One more than "good" and "other", which are Ed25519.
    bool make(const std::string& user, const std::string& algorithm) const;
    // Armoured.
    std::string public_key(const std::string& user) const;
    std::string fingerprint(const std::string& user) const;
    // `mode`: "--clear-sign" or "--detach-sign".
    std::string sign(const std::string& user, const std::string& mode, const std::string& data,
                     const std::string& more = "") const;
    ~SigningKeys();

  private:
    SigningKeys();
    std::string dir_;
    bool good_ = false;
};

std::string date_text(int64_t seconds);  // as a Release has it

class AptRepository {
  public:
    struct Publication {
        std::string user = "good";
        int64_t date = 0;         // seconds since 1970; 0: now
        int64_t valid_until = 0;  // 0: without
        bool detached = false;    // Release and Release.gpg
        bool by_hash = false;
        Compression compression = Compression::none;
        std::string more = {};  // further lines of Release
    };

    explicit AptRepository(std::string dir) : dir_(std::move(dir)) {}
    const std::string& dir() const { return dir_; }
    std::string release_dir() const { return dir_ + "/dists/test"; }
    std::string packages_file() const { return packages_file_; }
    std::string deb_path(const std::string& file) const { return dir_ + "/pool/" + file; }

    void add(const std::string& name, const std::string& version, const std::string& more = "");
    void add(const std::string& name, const std::string& version, const DebSpec& spec);
    // A stanza as it is.
    void add_text(const std::string& stanza) { packages_ += stanza + "\n"; }
    void publish() { publish(Publication()); }
    void publish(const Publication& p);
    // A line for sources.list.
    std::string source_line(const std::string& options = "") const {
        return "deb " + (options.empty() ? "" : "[" + options + "] ") + "file:" + dir_ +
               " test main\n";
    }

  private:
    std::string dir_, packages_, packages_file_;
};

}  // namespace tenon::pkg::test
