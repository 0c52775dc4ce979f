// The packages of the crash campaign, made in memory: version "1" or "2" of number `i` out of
// `count`, in each family's form. Their scripts insist on what they may rely on.
#pragma once

#include <string>

namespace tenon::pkg::crash {

std::string deb_package(int i, int count, const std::string& version);
// Takes the place of package number `i`, whose prerm may not run on what is half removed.
std::string deb_replacement(int i);
std::string apk_package(int i, int count, const std::string& version);
std::string rpm_package(int i, int count, const std::string& version);

}  // namespace tenon::pkg::crash
