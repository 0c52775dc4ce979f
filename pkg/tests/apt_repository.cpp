#include "pkg/tests/apt_repository.h"

#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "pkg/lib/apt/index.h"
#include "pkg/lib/hash.h"
#include "pkg/lib/result.h"
#include "pkg/tests/scratch.h"

namespace tenon::pkg::test {

SigningKeys::SigningKeys() {
    if (access("/usr/bin/gpg", X_OK) != 0) return;
    char name[] = "/tmp/pkg-gpg.XXXXXX";
    dir_ = mkdtemp(name);
    good_ = make("good", "ed25519") && make("other", "ed25519");
}

bool SigningKeys::make(const std::string& user, const std::string& algorithm) const {
    return shell("gpg --homedir " + dir_ + " --batch -q --passphrase '' --quick-gen-key " + user +
                 " " + algorithm + " sign") == 0;
}

SigningKeys::~SigningKeys() {
    if (dir_.empty()) return;
    shell("gpgconf --homedir " + dir_ + " --kill all");
    shell("rm -rf -- " + dir_);
}

const SigningKeys* SigningKeys::get() {
    static SigningKeys keys;
    return keys.good_ ? &keys : nullptr;
}

std::string SigningKeys::public_key(const std::string& user) const {
    std::string out;
    shell("gpg --homedir " + dir_ + " --batch -q --armor --export =" + user, &out);
    return out;
}

std::string SigningKeys::fingerprint(const std::string& user) const {
    std::string out;
    shell("gpg --homedir " + dir_ + " --batch -q --with-colons --list-keys =" + user +
              " | grep ^fpr | cut -d: -f10 | tr -d '\\n'",
          &out);
    return out;
}

std::string SigningKeys::sign(const std::string& user, const std::string& mode,
                              const std::string& data, const std::string& more) const {
    std::string in = write_temp(dir_, "data", data), out;
    shell("gpg --homedir " + dir_ + " --batch -q --yes --armor -u =" + user + " " + more + " -o " +
          dir_ + "/signed " + mode + " " + in);
    return slurp(dir_ + "/signed");
}

std::string date_text(int64_t seconds) {
    time_t t = seconds;
    struct tm tm;
    char out[64];
    gmtime_r(&t, &tm);
    strftime(out, sizeof(out), "%a, %d %b %Y %H:%M:%S UTC", &tm);
    return out;
}

void AptRepository::add(const std::string& name, const std::string& version,
                        const std::string& more) {
    DebSpec spec{.control = control_text(name, version, more)};
    add_file(spec, "/usr/share/" + name + "/version", version);
    add(name, version, spec);
}

void AptRepository::add(const std::string& name, const std::string& version, const DebSpec& spec) {
    shell("mkdir -p " + dir_ + "/pool");
    std::string data = deb_of(spec), file = name + "_" + version + ".deb";
    write_temp(dir_ + "/pool", file, data);
    packages_ +=
        spec.control + format("Filename: pool/%s\nSize: %zu\nSHA256: %s\n\n", file.c_str(),
                              data.size(), to_hex(hash_of(HashAlgorithm::sha256, data)).c_str());
}

void AptRepository::publish(const Publication& p) {
    std::string folder = release_dir() + "/main/binary-amd64", packed = packages_;
    shell("rm -rf " + release_dir() + " && mkdir -p " + folder);
    std::string name = "Packages";
    std::string plain = write_temp(folder, name, packages_);
    if (p.compression != Compression::none) {
        const char* tool = p.compression == Compression::gzip    ? "gzip -n"
                           : p.compression == Compression::xz    ? "xz"
                           : p.compression == Compression::bzip2 ? "bzip2"
                                                                 : "";
        const char* suffix = p.compression == Compression::gzip    ? ".gz"
                             : p.compression == Compression::xz    ? ".xz"
                             : p.compression == Compression::bzip2 ? ".bz2"
                                                                   : ".zst";
        name += suffix;
        if (*tool)
            shell(std::string(tool) + " -c " + plain + " > " + folder + "/" + name);
        else
            write_temp(folder, name, apt::compress_index(packages_));
        packed = slurp(folder + "/" + name);
        unlink(plain.c_str());
    }
    auto line = [](const std::string& path, const std::string& data) {
        return format(" %s %zu %s\n", to_hex(hash_of(HashAlgorithm::sha256, data)).c_str(),
                      data.size(), path.c_str());
    };
    int64_t now = time(nullptr);
    std::string release = "Origin: test\nSuite: test\nCodename: test\nArchitectures: amd64\n";
    release += "Date: " + date_text(p.date ? p.date : now) + "\n";
    if (p.valid_until) release += "Valid-Until: " + date_text(p.valid_until) + "\n";
    if (p.by_hash) release += "Acquire-By-Hash: yes\n";
    release += p.more + "SHA256:\n" + line("main/binary-amd64/Packages", packages_);
    if (name != "Packages") release += line("main/binary-amd64/" + name, packed);
    packages_file_ = folder + "/" + name;
    if (p.by_hash) {
        shell("mkdir -p " + folder + "/by-hash/SHA256");
        std::string by_hash =
            folder + "/by-hash/SHA256/" + to_hex(hash_of(HashAlgorithm::sha256, packed));
        shell("mv " + packages_file_ + " " + by_hash);
        packages_file_ = by_hash;
    }
    const SigningKeys* keys = SigningKeys::get();
    if (p.user.empty() || p.detached || !keys) {
        write_temp(release_dir(), "Release", release);
        if (p.detached && keys)
            write_temp(release_dir(), "Release.gpg", keys->sign(p.user, "--detach-sign", release));
        return;
    }
    write_temp(release_dir(), "InRelease", keys->sign(p.user, "--clear-sign", release));
}

}  // namespace tenon::pkg::test
