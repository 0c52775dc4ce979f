#include "pkg/lib/apk/scripts_tar.h"

#include <archive.h>
#include <archive_entry.h>

#include <memory>

#include "pkg/lib/apk/tar.h"
#include "pkg/lib/stream.h"

namespace tenon::pkg::apk {

namespace {

constexpr size_t kScriptMaxBytes = 32u << 20;

la_ssize_t append(struct archive*, void* to, const void* data, size_t len_bytes) {
    static_cast<std::string*>(to)->append(static_cast<const char*>(data), len_bytes);
    return static_cast<la_ssize_t>(len_bytes);
}

}  // namespace

Result<std::string> write_scripts_tar(const std::vector<ScriptEntry>& entries, bool gzip) {
    std::string out;
    std::unique_ptr<struct archive, int (*)(struct archive*)> a(archive_write_new(),
                                                                archive_write_free);
    auto bad = [&] { return fail("cannot write scripts.tar: %s", archive_error_string(a.get())); };
    // Names longer than a header has room for come as apk writes them, in a header of their own.
    archive_write_set_format_gnutar(a.get());
    if (gzip) archive_write_add_filter_gzip(a.get());
    if (gzip) archive_write_set_filter_option(a.get(), "gzip", "timestamp", nullptr);
    archive_write_set_bytes_per_block(a.get(), 512);
    archive_write_set_bytes_in_last_block(a.get(), 1);
    if (archive_write_open(a.get(), &out, nullptr, append, nullptr) != ARCHIVE_OK) return bad();
    for (const auto& e : entries) {
        std::unique_ptr<archive_entry, void (*)(archive_entry*)> entry(archive_entry_new(),
                                                                       archive_entry_free);
        archive_entry_set_pathname(entry.get(), e.name.c_str());
        archive_entry_set_filetype(entry.get(), AE_IFREG);
        archive_entry_set_perm(entry.get(), 0755);
        archive_entry_set_size(entry.get(), static_cast<la_int64_t>(e.text.size()));
        archive_entry_set_mtime(entry.get(), e.mtime, 0);
        if (archive_write_header(a.get(), entry.get()) != ARCHIVE_OK) return bad();
        if (archive_write_data(a.get(), e.text.data(), e.text.size()) !=
            static_cast<la_ssize_t>(e.text.size()))
            return bad();
    }
    if (archive_write_close(a.get()) != ARCHIVE_OK) return bad();
    return out;
}

Result<std::vector<std::pair<std::string, std::string>>> read_scripts_tar(
    const std::string& bytes) {
    std::vector<std::pair<std::string, std::string>> out;
    Source source = Source::memory(bytes);
    const bool gzip = bytes.starts_with("\x1f\x8b");
    TRY_SET(auto plain, decompress(source, gzip ? Filter::gzip : Filter::none));
    TarStream tar(*plain);
    for (;;) {
        TRY_SET(bool more, tar.next());
        if (!more) return out;
        if (tar.header().type != FileType::regular) continue;
        std::string name = tar.header().path;
        TRY_SET(std::string text, tar.read_all(kScriptMaxBytes));
        out.emplace_back(std::move(name), std::move(text));
    }
}

}  // namespace tenon::pkg::apk
