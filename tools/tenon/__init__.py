"""The ./tenon command: builds, images, boots and tests Tenon. Standard library only.

Where to look: cli.py reads the command line; run.py, image.py, test.py and so on are the verbs;
guest.py boots a machine and runs commands in it (tests use it too); agent.py and protocol.py speak
to the guest; qemu.py starts the machine; roots.py, tree.py and initrd.py make the root file system;
iso.py makes the bootable image; build.py and deps.py make everything else exist.
"""
