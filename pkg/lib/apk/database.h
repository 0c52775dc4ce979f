// apk's own database of what is installed, in apk's own format, so that both tools can take turns:
//
//   lib/apk/db/installed     stanzas: the package's index fields, then F (directory), M (its owner
//                            and mode), R (file), a (owner and mode), Z (digest)
//   lib/apk/db/scripts.tar   NAME-VERSION.CHECKSUM.KIND; .tar.gz where apk keeps it so
//   lib/apk/db/triggers      CHECKSUM GLOB...
//   etc/apk/world            what was asked for, one dependency a line
//   etc/apk/arch             architectures; without it the machine's own
//
// All of it is held in memory and written at once, at the end of a transaction, as apk does.
// Spec: apk-world(5); apk-tools 2.14 and 3.0 as they behave.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "pkg/lib/apk/package.h"
#include "pkg/lib/fd.h"
#include "pkg/lib/root.h"

namespace tenon::pkg::apk {

inline constexpr const char* kDbDir = "/lib/apk/db";

struct Acl {
    unsigned uid = 0, gid = 0, mode = 0;
    std::string xattrs;  // a digest of them, raw; empty when there are none
    bool operator==(const Acl&) const = default;
};

struct FileRecord {
    std::string name;  // the last component
    Acl acl{0, 0, 0644, {}};
    std::string digest;  // 20 bytes: SHA1, or what of a SHA256 fits; of a link, that of its target
};

struct DirRecord {
    std::string name;  // "usr/bin"; empty: the root itself
    Acl acl{0, 0, 0755, {}};
    std::vector<FileRecord> files;
};

struct Installed {
    Package package;
    std::map<std::string, std::string> scripts;  // "pre-install" and so on
    std::vector<DirRecord> dirs;
    std::string repository_tag;
    // What apk remembers of an installation that did not go well.
    bool broken_files = false, broken_script = false, broken_xattr = false;

    // Digests are of SHA256; apk's flag S. True of packages that came as v3.
    bool is_sha256() const { return package.checksum.kind == Checksum::Kind::sha256_160; }
    // "/usr/bin/x"
    static std::string path_of(const DirRecord& dir, const FileRecord& file);
};

class Database {
  public:
    // True when the root is one of Alpine's family, or has been.
    static Result<bool> is_there(Root& root);
    // Access::write takes apk's lock (flock). An empty one where there is none.
    enum class Access { read, write };
    static Result<std::unique_ptr<Database>> open(Root& root, Access access);
    // From the texts of the files, each may be missing: "installed", "scripts.tar", "triggers".
    static Result<std::unique_ptr<Database>> parse(Root& root,
                                                   const std::map<std::string, std::string>& texts);
    ~Database();
    // The lock stays held when another object takes this one's place.
    void take_lock_from(Database& other) { lock_ = std::move(other.lock_); }

    Root& root() { return root_; }
    // Sorted by name.
    std::vector<const Installed*> packages() const;
    const Installed* find(std::string_view name) const;
    // Takes the place of the package of that name, and the files that others had.
    const Installed& put(Installed package);
    void remove(std::string_view name);
    // Who has the file "/usr/bin/x", and what it knows of it. Null: nobody.
    struct Owner {
        const Installed* package = nullptr;
        const FileRecord* file = nullptr;
    };
    Owner owner(std::string_view path) const;
    // The packages that have the directory "usr/bin".
    std::vector<const Installed*> dir_owners(std::string_view dir) const;

    std::vector<Dependency>& world() { return world_; }
    const std::vector<std::string>& archs() const { return archs_; }
    bool accepts_arch(std::string_view arch) const;

    // What the files shall hold: path -> contents.
    Result<std::map<std::string, std::string>> texts() const;
    // Where the files are, those that are not there yet among them.
    std::vector<std::string> paths() const;
    // Takes back what open() made in a root that had no database, as far as nothing else is there.
    void undo_open();
    // The files themselves, of a root that is given up with its last package.
    Status drop();

  private:
    explicit Database(Root& root) : root_(root) {}
    Status take_lock();
    Status load();
    Status apply_installed(std::string_view text);
    Status apply_scripts(const std::string& tar);
    Status apply_triggers(std::string_view text);
    void index(const Installed& p);

    Root& root_;
    Fd lock_;
    std::vector<std::string> made_;
    bool gzip_scripts_ = false;
    std::map<std::string, std::unique_ptr<Installed>, std::less<>> packages_;
    std::vector<Dependency> world_;
    std::vector<std::string> archs_;
    std::unordered_map<std::string, Owner> owners_;
};

// Texts of one package alone, as parse() reads them.
Result<std::map<std::string, std::string>> texts_of(const Installed& package);

}  // namespace tenon::pkg::apk
