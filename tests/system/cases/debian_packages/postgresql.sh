# timeout 1500
#include packages.inc
# pg_createcluster asks for a free Internet port, which is no matter of packages: the cluster is made here.
mkdir -p /etc/postgresql-common; echo 'create_main_cluster = false' >/etc/postgresql-common/createcluster.conf
get postgresql
psql --version; cat /etc/postgresql-common/createcluster.conf; getent passwd postgres; id postgres
as() { (cd /tmp && runuser -u postgres -- "$@"); }; bin=/usr/lib/postgresql/15/bin
$bin/postgres --version; as $bin/initdb -D /tmp/own -A trust 2>&1 | sed 's/^selecting default shared_buffers.*//'; echo "listen_addresses = ''" >>/tmp/own/postgresql.conf
as $bin/pg_ctl -D /tmp/own -w -t 120 -l /tmp/own/log start | sed 's,\.\.\.*,..,'; cat >q.sql <<'Q'
create table t (n int primary key, s text); insert into t select n, md5(n::text) from generate_series(1, 5000) n;
select count(*), max(s), sum(n) from t where s like 'a%'; begin; delete from t; rollback; create index on t (s); analyze t;
select n from t where s = md5('4321'); explain (costs off) select * from t where n = 7; select 1 / 0;
\copy (select n from t order by s limit 3) to stdout
create table u as select n % 7 as k, sum(length(s)) from t group by 1; select * from u order by k; listen c; notify c, 'text';
set max_parallel_workers_per_gather = 2; set parallel_setup_cost = 0; set parallel_tuple_cost = 0; set min_parallel_table_scan_size = 0; select count(*) from t where n % 3 = 1;
Q
as psql -X <q.sql 2>&1 | sed 's/PID [0-9]*/PID N/'; as pg_dump postgres | grep -c .; as psql -XAtc 'select pg_postmaster_start_time() < now()'
kill -9 $(head -n 1 /tmp/own/postmaster.pid); for i in $(seq 300); do as $bin/pg_ctl -D /tmp/own -w -t 120 -l /tmp/own/log start >/dev/null 2>&1 && break; sleep 0.1; done; as psql -XAtc 'select count(*) from t'
as $bin/pg_ctl -D /tmp/own -w -m fast stop | sed 's,\.\.\.*,..,'; as $bin/pg_controldata /tmp/own | grep 'cluster state'; rm -rf /tmp/own
