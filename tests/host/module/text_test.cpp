#include "core/module/text.h"

#include <gtest/gtest.h>

namespace tenon::module {
namespace {

TEST(Versions, compare_by_number) {
    EXPECT_LT(compare_versions("1.9", "1.10"), 0);
    EXPECT_LT(compare_versions("1.2", "1.2.1"), 0);
    EXPECT_EQ(compare_versions("1.02", "1.2"), 0);
    EXPECT_GT(compare_versions("2", "1.99.99"), 0);
    EXPECT_LT(compare_versions("1.0a", "1.0b"), 0);
    EXPECT_EQ(compare_versions("", ""), 0);
}

TEST(Need, accepts_its_range) {
    const Need n = Need::parse("pci>=1.2,<2");
    EXPECT_EQ(n.name, "pci");
    EXPECT_TRUE(n.accepts("1.2"));
    EXPECT_TRUE(n.accepts("1.99"));
    EXPECT_FALSE(n.accepts("1.1.9"));
    EXPECT_FALSE(n.accepts("2.0"));
    EXPECT_TRUE(Need::parse("pci").accepts("0"));
    EXPECT_FALSE(Need::parse("pci=>1").accepts("1"));
}

TEST(Alias, matches_as_depmod_means_it) {
    EXPECT_TRUE(alias_matches("pci:v00001234d000011E8sv*sd*bc*sc*i*",
                              "pci:v00001234d000011E8sv00001AF4sd00001100bc00scFFi00"));
    EXPECT_FALSE(alias_matches("pci:v00001234d000011E9sv*sd*bc*sc*i*",
                               "pci:v00001234d000011E8sv00001AF4sd00001100bc00scFFi00"));
    EXPECT_TRUE(alias_matches("fs-*", "fs-sysfs"));
    EXPECT_TRUE(alias_matches("a[0-9][!x]c", "a5bc"));
    EXPECT_FALSE(alias_matches("a[0-9", "a5"));
    EXPECT_TRUE(alias_matches("a_b", "a-b"));
    EXPECT_TRUE(alias_matches("*", ""));
    EXPECT_FALSE(alias_matches("?", ""));
    EXPECT_TRUE(alias_matches("*a*a*a*a*b", std::string(200, 'a') + "b"));
}

TEST(Parameters, cut_names_and_values) {
    std::string_view rest = " a=1 flag b=\"x y\" c= ";
    ParameterText p;
    EXPECT_TRUE(*next_parameter(rest, p));
    EXPECT_EQ(p.name, "a");
    EXPECT_EQ(p.value, "1");
    EXPECT_TRUE(*next_parameter(rest, p));
    EXPECT_EQ(p.name, "flag");
    EXPECT_FALSE(p.has_value);
    EXPECT_TRUE(*next_parameter(rest, p));
    EXPECT_EQ(p.value, "x y");
    EXPECT_TRUE(*next_parameter(rest, p));
    EXPECT_TRUE(p.has_value);
    EXPECT_EQ(p.value, "");
    EXPECT_FALSE(*next_parameter(rest, p));
    rest = "a=\"open";
    EXPECT_EQ(next_parameter(rest, p).error(), Error::inval);
}

TEST(Numbers, parse_with_sign_and_base) {
    EXPECT_EQ(parse_number("0x1F\n")->magnitude, 31u);
    EXPECT_EQ(parse_number("017")->magnitude, 15u);
    EXPECT_TRUE(parse_number("-5")->negative);
    EXPECT_EQ(parse_number("18446744073709551615")->magnitude, ~u64{0});
    EXPECT_EQ(parse_number("18446744073709551616").error(), Error::range);
    EXPECT_EQ(parse_number("").error(), Error::inval);
    EXPECT_EQ(parse_number("12x").error(), Error::inval);
}

TEST(ExportSpace, names_who_may_import) {
    const ExportSpace s = ExportSpace::parse("tenon::net::ip: tcp udp_*");
    EXPECT_EQ(s.name, "tenon::net::ip");
    EXPECT_TRUE(s.admits("tcp"));
    EXPECT_TRUE(s.admits("udp_lite"));
    EXPECT_FALSE(s.admits("tcp2"));
    const ExportSpace open = ExportSpace::parse("tenon::net");
    EXPECT_EQ(open.name, "tenon::net");
    EXPECT_TRUE(open.admits("anyone"));
    EXPECT_EQ(ExportSpace::parse("a:").name, "a");
    EXPECT_EQ(ExportSpace::parse("a:b").importers, "b");
    EXPECT_EQ(ExportSpace::parse("a::").name, "a::");
    EXPECT_EQ(ExportSpace::parse("").name, "");
    EXPECT_TRUE(covers("tenon::net", "tenon::net::ip"));
    EXPECT_TRUE(covers("tenon::net", "tenon::net"));
    EXPECT_FALSE(covers("tenon::net", "tenon::network"));
    EXPECT_FALSE(covers("tenon::net::ip", "tenon::net"));
}

TEST(Names, come_from_paths) {
    EXPECT_EQ(name_of_path("kernel/misc/foo-bar.ko.xz"), "foo-bar");
    EXPECT_EQ(name_of_path("net.core.ko"), "net.core");
    EXPECT_TRUE(same_name("foo-bar", "foo_bar"));
}

}  // namespace
}  // namespace tenon::module
