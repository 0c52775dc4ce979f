#include python.inc
for m in test_popen test_fork1 test_dbm_dumb test_zipfile; do timeout 100 python3 ../run.py $m; echo "$m $?"; done
cd /; rm -rf /tmp/pt
