"""`./tenon image`: the system as an ISO that boots by hand, on BIOS and UEFI."""

from pathlib import Path

from . import build, iso, kernels, roots, sizes
from .errors import TenonError
from .options import Options
from .progress import progress


def image(options: Options, output: str) -> int:
    out = Path(output)
    if not out.parent.is_dir():
        raise TenonError(f"-o {output}: there is no directory {out.parent}")
    if options.kernel == "linux":
        build.build(options.preset, ["tenon_userland"])
        kernel = kernels.linux()
    else:
        build.build(options.preset, ["tenon_boot"])
        kernel = kernels.tenon(options.preset)
    archive = roots.make(options, agent=False)
    arguments = kernels.arguments(options.kernel, options.append)
    iso.write(kernel, archive, arguments, out, options.kernel)
    progress.say(sizes.table(sizes.by_package(archive)))
    progress.say(f"{out}: {out.stat().st_size / 1e6:.1f} MB")
    return 0
