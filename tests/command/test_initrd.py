import io
import os
import stat
import subprocess
import tarfile
import tempfile
import unittest
from pathlib import Path

from tenon import initrd, iso, sizes
from tenon.tree import Tree


def parse(data: bytes) -> list:
    """(name, mode, nlink, inode, offset of the content, content) of every entry."""
    found, at = [], 0
    while at < len(data):
        if data[at:at + 6] != b"070701":
            at += 4
            continue
        fields = [int(data[at + 6 + 8 * i:at + 14 + 8 * i], 16) for i in range(13)]
        name = data[at + 110:at + 110 + fields[11]]
        start = (at + 110 + fields[11] + 3) // 4 * 4
        found.append((name.split(b"\0")[0].decode(), fields[1], fields[4], fields[0], start,
                      data[start:start + fields[6]]))
        at = (start + fields[6] + 3) // 4 * 4
    return found


def archive(tree: Tree) -> bytes:
    out = io.BytesIO()
    initrd.write(tree, out)
    return out.getvalue()


class Archive(unittest.TestCase):
    def sample(self) -> Tree:
        tree = Tree()
        for i in range(40):
            tree.text(f"d{i % 7}/file{i}", bytes([i]) * (i * 977))
        tree.symlink("link", "d0/file0")
        return tree

    def test_content_of_a_page_or_more_lies_on_a_page(self):
        data = archive(self.sample())
        self.assertEqual(len(data) % 4096, 0)
        for name, mode, _, _, start, content in parse(data):
            if stat.S_ISREG(mode) and len(content) >= 4096:
                self.assertEqual(start % 4096, 0, name)

    def test_name_fields_stay_within_what_linux_reads(self):
        tree = Tree()
        tree.text("a" * 200 + "/" + "b" * 200, b"x" * 4096)
        for shift in range(0, 4096, 97):
            tree.text("a0", b"y" * shift)
            data = archive(tree)
            at = 0
            for _ in parse(data):
                at = data.find(b"070701", at)
                self.assertLessEqual(int(data[at + 94:at + 102], 16), 4096)
                at += 1
            contents = {n: c for n, _, _, _, _, c in parse(data)}
            self.assertEqual(contents["a" * 200 + "/" + "b" * 200], b"x" * 4096)

    def test_same_tree_same_bytes_in_any_order(self):
        tree, other = self.sample(), Tree()
        for path in reversed(list(tree.entries)):
            other.entries[path] = tree.entries[path]
        self.assertEqual(archive(tree), archive(other))

    def test_first_hard_link_carries_the_content(self):
        with tempfile.TemporaryDirectory() as directory:
            Path(directory, "b").write_text("text")
            os.link(Path(directory, "b"), Path(directory, "a"))
            tree = Tree()
            tree.add_host_path(directory, "")
            entries = [e for e in parse(archive(tree)) if stat.S_ISREG(e[1])]
        self.assertEqual([(e[0], e[2], e[5]) for e in entries],
                         [("a", 2, b"text"), ("b", 2, b"")])
        self.assertEqual(entries[0][3], entries[1][3])

    def test_directories_are_found_again_across_archives(self):
        tree = Tree()
        tree.dir("usr/bin")
        tree.symlink("bin", "usr/bin")
        extra = Tree()
        extra.dir("var")
        with tempfile.TemporaryDirectory() as directory:
            file = Path(directory, "x.cpio")
            file.write_bytes(archive(tree) + archive(extra))
            below = initrd.directories(file)
        self.assertEqual(set(below) - {"TRAILER!!!"}, {"", "usr", "usr/bin", "bin", "var"})
        upper = Tree(below)
        upper.text("bin/tool", "x")
        self.assertEqual(list(upper.entries), ["usr/bin/tool"])

    def test_each_file_weighs_on_the_package_that_lists_it(self):
        tree = Tree()
        tree.symlink("bin", "usr/bin")
        tree.text("usr/bin/tool", "x" * 5000)
        tree.text("usr/bin/alone", "x" * 7)
        tree.text("usr/bin/pkg", "x" * 11)
        tree.text("var/lib/dpkg/info/tool:amd64.list", "/.\n/bin\n/bin/tool\n")
        tree.text("var/lib/dpkg/info/tool:amd64.md5sums", "x" * 100)
        later = Tree()
        later.text("usr/bin/alone", "x" * 9)
        with tempfile.TemporaryDirectory() as directory:
            file = Path(directory, "x.cpio")
            file.write_bytes(archive(tree) + archive(later))
            sums = sizes.by_package(file)
        self.assertEqual(sums, {"tool": 5000 + 18 + 100, sizes.OURS: 11, sizes.REST: 9})
        self.assertEqual(sizes.table(sums).splitlines()[0].split(), ["0.01", "MB", "tool"])

    def test_cpio_reads_it(self):
        with tempfile.TemporaryDirectory() as directory:
            try:
                subprocess.run(["busybox", "cpio", "-id"], input=archive(self.sample()),
                               cwd=directory, check=True, capture_output=True)
            except FileNotFoundError:
                self.skipTest("no busybox here")
            self.assertEqual(Path(directory, "d5/file5").read_bytes(), bytes([5]) * 5 * 977)
            self.assertEqual(os.readlink(Path(directory, "link")), "d0/file0")


class TreeTest(unittest.TestCase):
    def test_a_directory_does_not_replace_a_symlink_to_one(self):
        tree = Tree()
        tree.dir("usr/lib")
        tree.symlink("lib", "usr/lib")
        tree.dir("lib")
        tree.text("lib/x", "1")
        self.assertTrue(stat.S_ISLNK(tree.entries["lib"].mode))
        self.assertIn("usr/lib/x", tree.entries)

    def test_tar_with_a_file_named_twice(self):
        """GNU tar makes the second one a hard link to itself."""
        with tempfile.TemporaryDirectory() as directory:
            file = Path(directory, "t.tar")
            with tarfile.open(file, "w") as tar:
                info = tarfile.TarInfo("./a")
                info.size = 3
                tar.addfile(info, io.BytesIO(b"abc"))
                again = tarfile.TarInfo("a")
                again.type, again.linkname = tarfile.LNKTYPE, "a"
                tar.addfile(again)
            tree = Tree()
            tree.add_tar(file)
            self.assertIn(("a", b"abc"), [(e[0], e[5]) for e in parse(archive(tree))])


class Kernel(unittest.TestCase):
    def test_segments_only_keeps_what_is_loaded(self):
        elf = Path("/bin/true").read_bytes()
        small = iso.segments_only(elf)
        self.assertLess(len(small), len(elf))
        self.assertEqual(small[40:48], b"\0" * 8)
        self.assertEqual(small[64:256], elf[64:256])


if __name__ == "__main__":
    unittest.main()
