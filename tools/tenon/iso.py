"""The bootable image: one ISO for BIOS and UEFI, the same bytes for the same inputs.

GRUB is put together here rather than by grub-mkrescue, which takes every module there is: an early
configuration inside GRUB's core names kernel and initrd, so there is no menu, no `normal` mode, no
file of GRUB's on the disc besides the two cores. All dates and serials are fixed.
"""

import os
import shutil
import struct
import time
from pathlib import Path

from . import deps, initrd, paths
from .progress import call, progress
from .qemu import file_key, short_hash

COMMON = ["iso9660", "search", "search_fs_file", "boot", "reboot", "video", "video_fb"]
PLATFORMS = {
    "i386-pc-eltorito": ("/usr/lib/grub/i386-pc", ["biosdisk", "vbe"]),
    "x86_64-efi": ("/usr/lib/grub/x86_64-efi", ["efi_gop", "fat", "part_gpt", "part_msdos"]),
}
LOADERS = {"tenon": ["multiboot2"], "linux": ["linux"]}
MARKER = "/boot/tenon.id"
FAT_SERIAL = "54454e4f"
KEEP_CACHED = 6


def configuration(protocol: str, arguments: str, by_hand: bool) -> str:
    """GRUB's rescue parser runs this: plain commands only. What follows `boot` runs if it fails."""
    if protocol == "linux":
        load = [f"linux /boot/kernel {arguments}", "initrd /boot/initrd"]
    else:
        load = [f"multiboot2 /boot/kernel {arguments}", "module2 /boot/initrd initrd"]
    return "\n".join([f"search --no-floppy --file --set=root {MARKER}", *load, "boot",
                      *([] if by_hand else ["reboot"])]) + "\n"


def _environment() -> dict:
    return dict(os.environ, SOURCE_DATE_EPOCH=str(initrd.FIXED_TIME), TZ="UTC", LC_ALL="C")


def _core(platform: str, protocol: str, config: Path, out: Path) -> None:
    directory, modules = PLATFORMS[platform]
    call(["grub-mkimage", "-O", platform, "-d", directory, "-p", "/boot/grub", "-c", config,
          "-o", out, *COMMON, *modules, *LOADERS[protocol]], "making the boot loader",
         env=_environment())


def _efi_partition(program: Path, out: Path) -> None:
    size_kb = 64 + (program.stat().st_size + 1023) // 1024
    with open(out, "wb") as handle:
        handle.truncate((size_kb + 31) // 32 * 32 * 1024)
    env = _environment()
    os.utime(program, (initrd.FIXED_TIME, initrd.FIXED_TIME))
    call(["mformat", "-i", out, "-N", FAT_SERIAL, "-v", "TENON", "::"], "making the UEFI partition",
         env=env)
    call(["mmd", "-i", out, "::/EFI", "::/EFI/BOOT"], "making the UEFI partition", env=env)
    call(["mcopy", "-m", "-i", out, program, "::/EFI/BOOT/BOOTX64.EFI"],
         "making the UEFI partition", env=env)


def segments_only(elf: bytes) -> bytes:
    """A 64-bit ELF file without its sections: what is loaded, and nothing else.

    GRUB reads all of the file, and refuses one that has a section of relocations; ours relocates
    itself. The debug information stays with the builder.
    """
    header = bytearray(elf[:64])
    offset, = struct.unpack_from("<Q", header, 32)
    entry_size, count = struct.unpack_from("<HH", header, 54)
    end = offset + entry_size * count
    for index in range(count):
        at, file_size = struct.unpack_from("<8xQ16xQ", elf, offset + index * entry_size)
        end = max(end, at + file_size)
    struct.pack_into("<Q", header, 40, 0)  # section headers: none
    struct.pack_into("<HHH", header, 58, 64, 0, 0)
    return bytes(header) + elf[64:end]


def write(kernel: Path, archive: Path, arguments: str, out: Path, protocol: str = "tenon",
          by_hand: bool = True) -> None:
    deps.need(deps.ISO)
    work = paths.ensure(paths.CACHE / f"iso-work.{os.getpid()}")
    temporary = out.with_name(f".{out.name}.{os.getpid()}.tmp")
    try:
        config = work / "grub.cfg"
        config.write_text(configuration(protocol, arguments, by_hand))
        _core("i386-pc-eltorito", protocol, config, work / "eltorito.img")
        _core("x86_64-efi", protocol, config, work / "bootx64.efi")
        _efi_partition(work / "bootx64.efi", work / "efi.img")
        (work / "id").write_text("tenon\n")
        if protocol == "tenon":
            (work / "kernel").write_bytes(segments_only(kernel.read_bytes()))
            kernel = work / "kernel"
        date = time.strftime("%Y%m%d%H%M%S00", time.gmtime(initrd.FIXED_TIME))
        call(["xorriso", "-as", "mkisofs", "-quiet", "-graft-points", "-r", "-V", "TENON",
              f"--modification-date={date}", f"--set_all_file_dates", date,
              "-uid", "0", "-gid", "0", "-sysid", "", "-publisher", "", "-preparer", "",
              "-b", "boot/eltorito.img", "-no-emul-boot", "-boot-load-size", "4",
              "-boot-info-table", "--grub2-boot-info",
              "--grub2-mbr", "/usr/lib/grub/i386-pc/boot_hybrid.img",
              "-eltorito-alt-boot", "-e", "boot/efi.img", "-no-emul-boot",
              "-o", temporary,
              f"boot/eltorito.img={work}/eltorito.img", f"boot/efi.img={work}/efi.img",
              f"{MARKER}={work}/id", f"boot/kernel={kernel}", f"boot/initrd={archive}"],
             "writing the ISO", env=_environment())
        os.replace(temporary, out)
    finally:
        shutil.rmtree(work, ignore_errors=True)
        temporary.unlink(missing_ok=True)


def cached(kernel: Path, archive: Path, arguments: str, protocol: str = "tenon") -> Path:
    name = short_hash(file_key(kernel), file_key(archive), arguments, protocol,
                      file_key(Path(__file__)))
    cache = paths.ensure(paths.CACHE / "iso")
    result = cache / f"{name}.iso"
    if result.exists():
        os.utime(result)
        return result
    files = sorted(cache.glob("*.iso"), key=lambda p: p.stat().st_mtime, reverse=True)
    for old in files[KEEP_CACHED - 1:]:
        old.unlink(missing_ok=True)
    progress.step("making the ISO")
    write(kernel, archive, arguments, result, protocol, by_hand=False)
    return result
