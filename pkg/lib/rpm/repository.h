// rpm-md repositories: repomd.xml, and the primary and filelists that it names.
// Spec: createrepo_c's description of the format, as its tool writes it.
//
// XML is parsed as it streams, by expat; one package at a time is in memory. Document types and
// entities are refused: no metadata has them, and they are how XML is made to explode. Tags, texts,
// packages and files have an upper size. xml:base, which leads to another repository, is not
// heeded.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "pkg/lib/archive.h"
#include "pkg/lib/hash.h"
#include "pkg/lib/result.h"
#include "pkg/lib/rpm/package.h"
#include "pkg/lib/stream.h"

namespace tenon::pkg::rpm {

struct Checksum {
    std::optional<HashAlgorithm> algorithm;  // nullopt: one that is not known here
    std::string hex;
};

// One file of metadata.
struct RepositoryFile {
    std::string type;  // "primary", "filelists", ...
    std::string href;  // below the repository; clean, without ".."
    Checksum checksum, open_checksum;
    uint64_t size_bytes = 0, open_size_bytes = 0;  // 0: not stated
    uint64_t timestamp = 0;
};

struct Repomd {
    std::string revision;
    std::vector<RepositoryFile> files;

    static Result<Repomd> parse(ByteStream& xml);
    const RepositoryFile* file(std::string_view type) const;
};

struct RepositoryPackage {
    Package package;  // name, versions, relations, some of its files; no payload
    Checksum checksum;
    std::string href;
    uint64_t size_bytes = 0;
};

// An error from the callback ends the reading and is passed on.
using PackageCallback = std::function<Status(RepositoryPackage&&)>;
Status read_primary(ByteStream& xml, const PackageCallback& each);

struct FileList {
    std::string package_id;  // the package's checksum, which primary states, too
    std::string name, arch;
    Evr evr;
    std::vector<std::string> files, directories, ghosts;
};
using FileListCallback = std::function<Status(FileList&&)>;
Status read_filelists(ByteStream& xml, const FileListCallback& each);

// Feeds the decompressed contents of `compressed`, which is the file `about`, to `read`, and
// refuses them when size or checksum are not as repomd.xml says. What `read` passed on counts only
// if the result is good.
Status read_repository_file(ByteStream& compressed, const RepositoryFile& about,
                            const std::function<Status(ByteStream&)>& read);

}  // namespace tenon::pkg::rpm
