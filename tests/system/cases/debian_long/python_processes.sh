#include python.inc
for m in test_subprocess test_popen test_wait3 test_wait4 test_fork1 test_dbm_dumb test_zipfile test_tarfile; do timeout 100 python3 ../run.py $m; echo "$m $?"; done
cd /; rm -rf /tmp/pt
