#include python.inc
for m in test_thread test_queue; do timeout 100 python3 ../run.py $m; echo "$m $?"; done
cd /; rm -rf /tmp/pt
