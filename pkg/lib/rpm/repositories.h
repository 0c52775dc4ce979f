// Where packages of rpm's family come from: .repo files, and the metadata of what they name.
// Spec: dnf.conf(5), "REPO OPTIONS"; createrepo_c's description of the metadata.
//
// What came last of a repository is kept below kMetadata/ID: repomd.xml as it was fetched, its
// signature, and the files that it names, under their checksums. It is judged before it takes the
// place of the one before, and again, by the keys of the day, whenever it is read. A package has to
// be what the metadata says, by size and checksum, and, unless its repository says that it is not
// signed (gpgcheck=0), to have a good signature of its own.
#pragma once

#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "pkg/lib/fetch/fetch.h"
#include "pkg/lib/openpgp/keyring.h"
#include "pkg/lib/root.h"
#include "pkg/lib/rpm/repository.h"

namespace tenon::pkg::rpm {

inline constexpr const char* kMetadata = "/var/cache/pkg/rpm-md";

struct Repository {
    std::string id, name;
    // Of http:, https: or file:, without a slash at its end. The first that answers counts.
    std::vector<std::string> base_uris;
    std::vector<std::string> key_files;  // in the root
    bool check_packages = true;          // gpgcheck
    bool check_metadata = false;         // repo_gpgcheck
    int priority = 99;                   // the lowest number is preferred
    std::vector<std::string> excluded;   // patterns of names
    std::string where;                   // "FILE:LINE"
};

// $releasever, $basearch and what /etc/dnf/vars and /etc/yum/vars hold.
std::map<std::string, std::string> variables_of(Root& root);

// Those that are enabled. `text` of the file `name`.
Result<std::vector<Repository>> parse_repositories(
    std::string_view text, const std::string& name,
    const std::map<std::string, std::string>& variables);
// Of /etc/yum.repos.d and /etc/zypp/repos.d, in the order of their files' names.
Result<std::vector<Repository>> read_repositories(Root& root);

// `known`, and those that the repository names. A file that is not there is passed by.
Result<openpgp::Keyring> keys_of(Root& root, const Repository& repository,
                                 const openpgp::Keyring& known);

struct MetadataReport {
    size_t packages = 0;
    bool unchanged = false;
    std::string signer;  // empty: nobody signed it, or nobody asked
};

// Fetches the repository's metadata, judges it and keeps it in `cache`. An error leaves what was
// kept before. `now` in seconds since 1970.
Result<MetadataReport> update_repository(Root& cache, Fetcher& fetcher,
                                         const Repository& repository, const openpgp::Keyring& keys,
                                         int64_t now);
// Removes what is kept of repositories that are not in the list.
Status prune_metadata(Root& cache, const std::vector<Repository>& repositories);

// What is kept of one.
struct Metadata {
    Repository repository;
    std::string base_uri;
    Repomd repomd;
    openpgp::Keyring keys;
    std::vector<RepositoryPackage> packages;  // of this machine's architecture, or of none
};

// Reads what is kept. With `details`, descriptions and the like are there, too.
enum class Details { no, yes };
Result<Metadata> load_metadata(Root& cache, const Repository& repository,
                               const openpgp::Keyring& keys, int64_t now, Details details);
// Fetches the list of all files, and adds those of `paths` to the packages that have them.
Status add_files(Root& cache, Fetcher& fetcher, Metadata& metadata,
                 const std::set<std::string>& paths);

// The file of a package, checked whole when it has arrived. `metadata` must outlive it.
Result<Download> download_of(const Metadata& metadata, const RepositoryPackage& package);

}  // namespace tenon::pkg::rpm
