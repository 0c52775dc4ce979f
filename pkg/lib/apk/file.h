// An .apk of either format, and an index of either: what the rest of the program works with.
//
// open() reads the metadata and judges the signatures; a wrong one is refused there. What is
// signed by nobody that we trust is for the caller to refuse, with require_good(). The files come
// from walk_data(), as often as needed; each is compared with its digest as it streams, but the
// whole is believed only when the walk has returned. check() is such a walk, and looks at the
// names, too.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "pkg/lib/apk/contents.h"
#include "pkg/lib/plan.h"

namespace tenon::pkg::apk {

class ApkFile {
  public:
    static Result<ApkFile> open(const std::string& path, const KeyRing& keys);
    // The fuzzer's and the tests' door. `data` must outlive this.
    static Result<ApkFile> open_memory(std::string_view data, const KeyRing& keys);

    const std::string& path() const { return path_; }
    int format() const { return format_; }  // 2 or 3
    const Package& package() const { return contents_.package; }
    const std::map<std::string, std::string>& scripts() const { return contents_.scripts; }
    const std::vector<Signature>& signatures() const { return contents_.signatures; }

    // Errors name the file.
    Status require_good() const;
    Status walk_data(EntrySink& sink) const;
    // All that can be known without a root: every digest; no name leaves the root or lies below
    // what this package makes a link; hard links name files that came before. Gives the entries,
    // in the order of the package. With `contents` the files go there while they are checked, and a
    // name has to leave room for a suffix beside it.
    Result<std::vector<TarEntry>> check(ContentSink* contents = nullptr) const;

  private:
    ApkFile(std::string path, Source source) : path_(std::move(path)), source_(std::move(source)) {}
    static Result<ApkFile> read(std::string path, Source source, const KeyRing& keys);

    std::string path_;
    Source source_;
    int format_ = 0;
    Contents contents_;
};

// APKINDEX.tar.gz or packages.adb. Signatures as above.
Result<IndexContents> open_index(const std::string& path, const KeyRing& keys);
Result<IndexContents> open_index_memory(std::string_view data, const KeyRing& keys);

}  // namespace tenon::pkg::apk
