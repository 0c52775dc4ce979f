"""For gdb: the symbols of Tenon's modules, those loaded before gdb came and those loaded later.

`./tenon gdb` sources this file once the kernel's own symbols are there. It walks the kernel's list of modules,
reads NAME.ko.debug of the build ($TENON_BUILD/ko) and of every folder named by `tenon-modules DIR`, and puts its
sections where the loader put the module's. Two breakpoints of its own, which nobody sees, follow loads and unloads.
"""

import os

import gdb

LOADED = "tenon::module::publish_for_traces"  # laid out, linked, not yet run
GONE = "tenon::module::withdraw_from_traces"
REGISTRY = "'tenon::module::(anonymous namespace)::g_registry'"


class Modules:
    def __init__(self):
        build = os.environ.get("TENON_BUILD", ".")
        self.folders = [os.path.join(build, "ko"), os.path.join(build, "ktest")]
        self.loaded = {}  # address of the first section by module name

    def file_of(self, name):
        for folder in self.folders:
            for candidate in (name, name.replace("_", "-")):
                path = os.path.join(folder, candidate + ".ko.debug")
                if os.path.exists(path):
                    return path
        return None

    @staticmethod
    def all():
        """Every module of the kernel's list, as a gdb value. A list of Boost's: next, previous, round to its head."""
        module = gdb.lookup_type("tenon::module::Module")
        hook = next(f.bitpos // 8 for f in module.fields() if f.name == "list_hook")
        head = int(gdb.parse_and_eval(REGISTRY + ".modules"))
        word = gdb.lookup_type("unsigned long").pointer()

        def next_of(at):
            return int(gdb.Value(at).cast(word).dereference())

        at = next_of(head) if head else 0
        while at not in (0, head):
            yield gdb.Value(at - hook).cast(module.pointer()).dereference()
            at = next_of(at)

    def add(self, module):
        name = module["name_text"].string()
        sections = {}
        # A unique_ptr's pointer is the first word of it, whatever the library calls the members.
        first = module["sections"].address.cast(
            gdb.lookup_type("tenon::module::Module::Section").pointer().pointer()).dereference()
        for i in range(int(module["section_count"])):
            sections[first[i]["name"].string()] = int(first[i]["address"])
        if not sections or self.loaded.get(name) == sections:
            return
        self.remove(name)
        path = self.file_of(name)
        if path is None:
            print(f"tenon: no symbols of module {name}: name its folder with tenon-modules DIR")
            return
        options = " ".join(f"-s {section} {address:#x}" for section, address in sections.items()
                           if section.startswith((".text", ".init.text", ".rodata", ".data", ".bss",
                                                  ".ro_after_init")))
        gdb.execute(f"add-symbol-file {path} {options}", to_string=True)
        self.loaded[name] = sections

    def remove(self, name):
        sections = self.loaded.pop(name, None)
        if sections is None:
            return
        text = sections.get(".text", next(iter(sections.values())))
        try:
            gdb.execute(f"remove-symbol-file -a {text:#x}", to_string=True)
        except gdb.error as error:
            print(f"tenon: {name}: {error}")

    def refresh(self):
        names = set()
        for module in self.all():
            names.add(module["name_text"].string())
            self.add(module)
        for name in set(self.loaded) - names:
            self.remove(name)


modules = Modules()


def in_kernel_memory(action):
    """Runs it; what cannot be read now (no machine, another address space) is said, not raised."""
    try:
        action()
    except gdb.error as error:
        print(f"tenon: modules: {error}")


class Follow(gdb.Breakpoint):
    def __init__(self, function, action):
        super().__init__(function, gdb.BP_BREAKPOINT, internal=True)
        self.silent = True
        self.action = action

    def stop(self):
        # The symbol tables may not change while gdb decides whether to stop: right after.
        module = gdb.newest_frame().read_var("module")
        if module.type.code == gdb.TYPE_CODE_REF:
            module = module.referenced_value()
        address = int(module.address)
        kind = module.type.unqualified().pointer()
        in_kernel_memory(lambda: self.action(gdb.Value(address).cast(kind).dereference()))
        return False


class Command(gdb.Command):
    """tenon-modules [DIR]: reads the symbols of all loaded modules, those of DIR too, and lists them."""

    def __init__(self):
        super().__init__("tenon-modules", gdb.COMMAND_FILES, gdb.COMPLETE_FILENAME)

    def invoke(self, argument, _from_tty):
        if argument:
            folder = os.path.abspath(os.path.expanduser(argument))
            modules.folders[:0] = [folder, os.path.join(folder, "ko")]
        in_kernel_memory(modules.refresh)
        for name, sections in sorted(modules.loaded.items()):
            print(f"{name} {sections.get('.text', 0):#x} {modules.file_of(name)}")


Command()
in_kernel_memory(modules.refresh)
try:
    Follow(LOADED, modules.add)
    Follow(GONE, lambda module: modules.remove(module["name_text"].string()))
except gdb.error as error:
    print(f"tenon: loads and unloads are not followed: {error}")
print(f"tenon: symbols of {len(modules.loaded)} modules; tenon-modules lists them")
