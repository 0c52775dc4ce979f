"""Each template of ./tenon module new, built from the packed SDK, in one boot; and tmod on them."""

import tempfile
from pathlib import Path

import sdk
from machine import Case, compile_program, main, script


class Templates(Case):
    def test_each_runs_and_tmod_tells_of_it(self):
        with tempfile.TemporaryDirectory() as temporary:
            folder = Path(temporary)
            kit = sdk.Sdk(folder)
            options = ["--qemu", "-device edu", *compile_program(folder, "frames")]
            for template in ("char", "pci", "block", "net", "fs"):
                name = f"my_{template}"
                module = sdk.must_build(kit.project(folder / name, name, template=template))
                options += ["--file", f"{module}:/tests/{name}.ko"]
            done = script("templates.sh", options=options)
        self.alive(done)
        self.assertTrue(done.stdout.endswith("done\n"), done.stdout)


if __name__ == "__main__":
    main()
