#include python.inc
for m in test_os test_posix test_mmap test_select test_poll test_fcntl test_tempfile test_pty test_shutil test_resource test_grp test_pwd test_pathlib test_glob; do timeout 100 python3 ../run.py $m; echo "$m $?"; done
cd /; rm -rf /tmp/pt
