// The payload: a compressed cpio, newc with or without checksums, or rpm's stripped form.
// Spec: cpio(5) "New ASCII format"; rpm's docs/manual/format_v4.md, format_v6.md, large_files.md.
//
// The header is what is believed; the archive must agree with it, entry by entry, and no file may
// be missing, unknown or given twice.
#pragma once

#include "pkg/lib/archive.h"
#include "pkg/lib/result.h"
#include "pkg/lib/rpm/package.h"
#include "pkg/lib/stream.h"

namespace tenon::pkg::rpm {

// By the name in the header; absent means gzip, which lets an uncompressed payload pass.
Result<Filter> filter_of_compressor(std::string_view name);

// Walks an uncompressed payload to its end and gives each entry to `sink`, of which
// TarEntry::file_index is the place in package.files. Ghosts have none. Of a set of hard links, the
// file with the contents comes first, then its other names as hard links. Contents are compared
// with the file's digest as they pass; whatever the sink does not read is read behind it. An error
// in the contents of the last file comes after the sink has seen it.
Status walk_cpio(ByteStream& payload, const Package& package, EntrySink& sink);

}  // namespace tenon::pkg::rpm
