// The tags of RPM headers that pkg reads.  Spec: rpm's docs/manual/tags.md, format_v4.md,
// format_v6.md. Several numbers mean different things in the signature header.
#pragma once

#include <stdint.h>

namespace tenon::pkg::rpm {

using Tag = uint32_t;

namespace tag {
inline constexpr Tag kSignatureRegion = 62, kImmutableRegion = 63;
inline constexpr Tag kName = 1000, kVersion = 1001, kRelease = 1002, kEpoch = 1003;
inline constexpr Tag kSummary = 1004, kDescription = 1005, kBuildTime = 1006, kBuildHost = 1007;
inline constexpr Tag kSize = 1009, kLongSize = 5009, kDistribution = 1010, kVendor = 1011;
inline constexpr Tag kLicense = 1014, kPackager = 1015, kGroup = 1016, kUrl = 1020;
inline constexpr Tag kOs = 1021, kArch = 1022, kSourceRpm = 1044, kSourcePackage = 1106;
inline constexpr Tag kFormat = 5114, kEncoding = 5062;
// Files.
inline constexpr Tag kOldFileNames = 1027, kBaseNames = 1117, kDirNames = 1118;
inline constexpr Tag kDirIndexes = 1116, kFileSizes = 1028, kLongFileSizes = 5008;
inline constexpr Tag kFileModes = 1030, kFileRdevs = 1033, kFileMtimes = 1034;
inline constexpr Tag kFileDigests = 1035, kFileLinkTos = 1036, kFileFlags = 1037;
inline constexpr Tag kFileUserName = 1039, kFileGroupName = 1040, kFileVerifyFlags = 1045;
inline constexpr Tag kFileDevices = 1095, kFileInodes = 1096, kFileLangs = 1097;
inline constexpr Tag kFileColors = 1140, kFileCaps = 5010, kFileDigestAlgo = 5011;
// Relations: name, flags, version.
inline constexpr Tag kProvideName = 1047, kProvideFlags = 1112, kProvideVersion = 1113;
inline constexpr Tag kRequireName = 1049, kRequireFlags = 1048, kRequireVersion = 1050;
inline constexpr Tag kConflictName = 1054, kConflictFlags = 1053, kConflictVersion = 1055;
inline constexpr Tag kObsoleteName = 1090, kObsoleteFlags = 1114, kObsoleteVersion = 1115;
inline constexpr Tag kRecommendName = 5046, kRecommendVersion = 5047, kRecommendFlags = 5048;
inline constexpr Tag kSuggestName = 5049, kSuggestVersion = 5050, kSuggestFlags = 5051;
inline constexpr Tag kSupplementName = 5052, kSupplementVersion = 5053, kSupplementFlags = 5054;
inline constexpr Tag kEnhanceName = 5055, kEnhanceVersion = 5056, kEnhanceFlags = 5057;
inline constexpr Tag kOrderName = 5035, kOrderVersion = 5036, kOrderFlags = 5037;
// Scriptlets: body, interpreter, flags.
inline constexpr Tag kPreIn = 1023, kPreInProg = 1085, kPreInFlags = 5020;
inline constexpr Tag kPostIn = 1024, kPostInProg = 1086, kPostInFlags = 5021;
inline constexpr Tag kPreUn = 1025, kPreUnProg = 1087, kPreUnFlags = 5022;
inline constexpr Tag kPostUn = 1026, kPostUnProg = 1088, kPostUnFlags = 5023;
inline constexpr Tag kPreTrans = 1151, kPreTransProg = 1153, kPreTransFlags = 5024;
inline constexpr Tag kPostTrans = 1152, kPostTransProg = 1154, kPostTransFlags = 5025;
inline constexpr Tag kPreUnTrans = 5103, kPreUnTransProg = 5105, kPreUnTransFlags = 5107;
inline constexpr Tag kPostUnTrans = 5104, kPostUnTransProg = 5106, kPostUnTransFlags = 5108;
inline constexpr Tag kVerifyScript = 1079, kVerifyScriptProg = 1091, kVerifyScriptFlags = 5026;
// Triggers, in three families.
inline constexpr Tag kTriggerScripts = 1065, kTriggerName = 1066, kTriggerVersion = 1067;
inline constexpr Tag kTriggerFlags = 1068, kTriggerIndex = 1069, kTriggerScriptProg = 1092;
inline constexpr Tag kTriggerScriptFlags = 5027;
inline constexpr Tag kFileTriggerScripts = 5066, kFileTriggerScriptProg = 5067;
inline constexpr Tag kFileTriggerScriptFlags = 5068, kFileTriggerName = 5069;
inline constexpr Tag kFileTriggerIndex = 5070, kFileTriggerVersion = 5071;
inline constexpr Tag kFileTriggerFlags = 5072, kFileTriggerPriorities = 5084;
inline constexpr Tag kTransFileTriggerScripts = 5076, kTransFileTriggerScriptProg = 5077;
inline constexpr Tag kTransFileTriggerScriptFlags = 5078, kTransFileTriggerName = 5079;
inline constexpr Tag kTransFileTriggerIndex = 5080, kTransFileTriggerVersion = 5081;
inline constexpr Tag kTransFileTriggerFlags = 5082, kTransFileTriggerPriorities = 5085;
inline constexpr Tag kChangelogTime = 1080, kChangelogName = 1081, kChangelogText = 1082;
// Payload.
inline constexpr Tag kPayloadFormat = 1124, kPayloadCompressor = 1125;
inline constexpr Tag kPayloadSha256 = 5092, kPayloadSha256Alt = 5097;
inline constexpr Tag kPayloadSha512 = 5121, kPayloadSha512Alt = 5122;
inline constexpr Tag kPayloadSha3 = 5123, kPayloadSha3Alt = 5124;
// What an installation adds, and the signature header's tags under the numbers that they have then.
inline constexpr Tag kSigMd5 = 261, kSha1Header = 269, kHeaderI18nTable = 100;
inline constexpr Tag kInstallTime = 1008, kFileStates = 1029, kArchiveSize = 1046;
inline constexpr Tag kPrefixes = 1098, kInstallPrefixes = 1099;
inline constexpr Tag kInstallColor = 1127, kInstallTid = 1128;
}  // namespace tag

// In the signature header.
namespace sigtag {
inline constexpr Tag kDsaHeader = 267, kRsaHeader = 268, kSha1 = 269, kSha256 = 273;
inline constexpr Tag kOpenPgp = 278, kSha3 = 279;
inline constexpr Tag kPgp = 1002, kMd5 = 1004, kGpg = 1005;
}  // namespace sigtag

}  // namespace tenon::pkg::rpm
