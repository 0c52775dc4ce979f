#include "pkg/tests/deb_builder.h"

#include <archive.h>
#include <archive_entry.h>
#include <stdio.h>
#include <string.h>

#include <algorithm>

namespace tenon::pkg::test {

namespace {

la_ssize_t append(struct archive*, void* out, const void* data, size_t len) {
    static_cast<std::string*>(out)->append(static_cast<const char*>(data), len);
    return static_cast<la_ssize_t>(len);
}

const char* suffix(Compression c) {
    switch (c) {
        case Compression::none:
            return "";
        case Compression::gzip:
            return ".gz";
        case Compression::xz:
            return ".xz";
        case Compression::zstd:
            return ".zst";
        case Compression::bzip2:
            return ".bz2";
        case Compression::lzma:
            return ".lzma";
    }
    return "";
}

}  // namespace

std::string tar_of(const std::vector<TarItem>& items, Compression compression) {
    std::string out;
    struct archive* a = archive_write_new();
    archive_write_set_format_gnutar(a);
    // No padding behind the compressed stream.
    archive_write_set_bytes_in_last_block(a, 1);
    switch (compression) {
        case Compression::none:
            break;
        case Compression::gzip:
            archive_write_add_filter_gzip(a);
            break;
        case Compression::xz:
            archive_write_add_filter_xz(a);
            break;
        case Compression::zstd:
            archive_write_add_filter_zstd(a);
            break;
        case Compression::bzip2:
            archive_write_add_filter_bzip2(a);
            break;
        case Compression::lzma:
            archive_write_add_filter_lzma(a);
            break;
    }
    archive_write_open(a, &out, nullptr, append, nullptr);
    for (const auto& item : items) {
        struct archive_entry* e = archive_entry_new();
        archive_entry_set_pathname(e, item.path.c_str());
        archive_entry_set_perm(e, item.mode);
        archive_entry_set_uid(e, item.uid);
        archive_entry_set_gid(e, item.gid);
        archive_entry_set_mtime(e, 1700000000, 0);
        archive_entry_set_size(e, 0);
        switch (item.type) {
            case 'f':
                archive_entry_set_filetype(e, AE_IFREG);
                archive_entry_set_size(e, static_cast<la_int64_t>(item.data.size()));
                break;
            case 'd':
                archive_entry_set_filetype(e, AE_IFDIR);
                break;
            case 'p':
                archive_entry_set_filetype(e, AE_IFIFO);
                break;
            case 'l':
                archive_entry_set_filetype(e, AE_IFLNK);
                archive_entry_set_symlink(e, item.data.c_str());
                break;
            case 'h':
                archive_entry_set_filetype(e, AE_IFREG);
                archive_entry_set_hardlink(e, item.data.c_str());
                break;
            case 'c':
                archive_entry_set_filetype(e, AE_IFCHR);
                archive_entry_set_rdevmajor(e, 1);
                archive_entry_set_rdevminor(e, 3);
                break;
        }
        archive_write_header(a, e);
        if (item.type == 'f') archive_write_data(a, item.data.data(), item.data.size());
        archive_entry_free(e);
    }
    archive_write_close(a);
    archive_write_free(a);
    return out;
}

std::string ar_of(const std::vector<std::pair<std::string, std::string>>& members) {
    std::string out = "!<arch>\n";
    for (const auto& [name, data] : members) {
        char header[61];
        snprintf(header, sizeof(header), "%-16s%-12u%-6u%-6u%-8o%-10zu`\n", name.c_str(), 0u, 0u,
                 0u, 0100644u, data.size());
        out.append(header, 60);
        out += data;
        if (data.size() % 2) out += '\n';
    }
    return out;
}

std::string deb_of(const DebSpec& spec) {
    std::vector<TarItem> control{{.path = "./", .type = 'd', .data = {}, .mode = 0755}};
    control.push_back({.path = "./control", .data = spec.control});
    for (const auto& [name, data] : spec.control_files)
        control.push_back({.path = "./" + name, .data = data});
    for (const auto& [name, data] : spec.scripts)
        control.push_back({.path = "./" + name, .data = data, .mode = 0755});
    std::vector<std::pair<std::string, std::string>> members{
        {"debian-binary", spec.version_member},
        {std::string("control.tar") + suffix(spec.control_compression),
         tar_of(control, spec.control_compression)},
    };
    members.insert(members.end(), spec.members_before_data.begin(), spec.members_before_data.end());
    members.emplace_back(std::string("data.tar") + suffix(spec.data_compression),
                         tar_of(spec.items, spec.data_compression));
    members.insert(members.end(), spec.members_after_data.begin(), spec.members_after_data.end());
    return ar_of(members);
}

std::string control_text(const std::string& name, const std::string& version,
                         const std::string& more) {
    return "Package: " + name + "\nVersion: " + version +
           "\nArchitecture: all\nMaintainer: T <t@example.org>\n" + more +
           "Description: made by a test\n";
}

void add_file(DebSpec& spec, const std::string& path, const std::string& data, mode_t mode) {
    auto has = [&](const std::string& p) {
        return std::any_of(spec.items.begin(), spec.items.end(),
                           [&](const TarItem& i) { return i.path == p; });
    };
    if (!has("./")) spec.items.push_back({.path = "./", .type = 'd', .data = {}, .mode = 0755});
    for (size_t at = path.find('/', 1); at != std::string::npos; at = path.find('/', at + 1)) {
        std::string dir = "." + path.substr(0, at) + "/";
        if (!has(dir)) spec.items.push_back({.path = dir, .type = 'd', .data = {}, .mode = 0755});
    }
    spec.items.push_back({.path = "." + path, .data = data, .mode = mode});
}

std::string write_temp(const std::string& dir, const std::string& name, const std::string& data) {
    std::string path = dir + "/" + name;
    FILE* f = fopen(path.c_str(), "wb");
    if (f) {
        fwrite(data.data(), 1, data.size(), f);
        fclose(f);
    }
    return path;
}

}  // namespace tenon::pkg::test
