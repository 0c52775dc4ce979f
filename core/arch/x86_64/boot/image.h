// Addresses that the linker script defines.
#pragma once

#include <tenon/lib/types.h>

#define TENON_HIDDEN __attribute__((visibility("hidden")))

extern "C" {
extern TENON_HIDDEN char tenon_image_start[], tenon_image_end[];
extern TENON_HIDDEN char tenon_text_start[], tenon_text_end[];
extern TENON_HIDDEN char tenon_rodata_start[], tenon_rodata_end[];
extern TENON_HIDDEN char tenon_ro_after_init_start[], tenon_ro_after_init_end[];
extern TENON_HIDDEN char tenon_data_start[], tenon_data_end[];
extern TENON_HIDDEN char tenon_percpu_start[], tenon_percpu_end[];
extern TENON_HIDDEN char tenon_fixups_start[], tenon_fixups_end[];
extern TENON_HIDDEN char tenon_ksyms_start[], tenon_ksyms_end[];
extern TENON_HIDDEN tenon::u64 tenon_relr_start[], tenon_relr_end[];
}
