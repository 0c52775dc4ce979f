// The package's own files in info/, and its stanza: the database half of an unpack.
#pragma once

#include "pkg/lib/database.h"
#include "pkg/lib/extract.h"
#include "pkg/lib/plan.h"

namespace tenon::pkg {

// Writes LIST, md5sums, scripts and the rest of the control files to info/, replacing those of an
// older version.
Status install_info(Root& root, Database& db, const Package& target, const DebFile& deb,
                    const Plan& plan, const std::vector<std::string>& listed_paths);
// The conffile entries after an unpack: digests known before are kept, new files are marked, those
// that the new version no longer has become obsolete while they are on disk.
Status update_conffiles(Root& root, Database& db, Package& target, const Plan& plan);

}  // namespace tenon::pkg
