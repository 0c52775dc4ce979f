// Unpacking without running anything: how an image's root is filled on the host.
//
// Maintainer scripts never run on the host. A package unpacked here is in state `unpacked`, and its
// preinst is owed: `pkg configure`, inside the booted system, runs it right before the package is
// configured (as mmdebstrap and debootstrap do, whose files are also there before the preinst
// runs).
#pragma once

#include "pkg/lib/database.h"
#include "pkg/lib/extract.h"

namespace tenon::pkg {

// The packages whose preinst is still owed, one "name:arch" a line.
inline constexpr const char* kOwedPreinst = "/var/lib/pkg/owed-preinst";

// Debian's usr-is-merged asserts that /bin, /sbin and /lib* are links into /usr. In a new root that
// has to be so before the first file: done when that package is in `debs` and the names are free.
Status merge_usr_if_asked(Root& root, const std::vector<DebFile>& debs);

Status unpack_only(Root& root, Database& db, const DebFile& deb, bool as_root,
                   OwnershipLog* ownership);

}  // namespace tenon::pkg
