rm -rf /tmp/s; mkdir /tmp/s; cd /tmp/s
sqlite3 a.db "create table t(id integer primary key, name text, x real); with recursive n(i) as (values(1) union all select i+1 from n where i<5000) insert into t select i, 'name'||i, i*1.5 from n; select count(*), sum(id), max(x) from t;"
sqlite3 a.db "create index ti on t(name); explain query plan select * from t where name='name77'; select * from t where name='name77'; pragma integrity_check; pragma journal_mode=wal; pragma journal_mode;"
sqlite3 a.db .dump | sha256sum
for i in 1 2 3 4; do sqlite3 -cmd '.timeout 20000' a.db "begin immediate; insert into t(name) values('p$i'); update t set x = x + 1 where id <= 100; commit;" & done; wait
sqlite3 a.db "select count(*), sum(x) from t where id <= 100; select name from t where name like 'p_' order by 1; pragma wal_checkpoint;"
sqlite3 a.db .schema; ls; sqlite3 a.db 'pragma journal_mode=delete; vacuum;'; ls; stat -c %s a.db
printf '.mode csv\n.headers on\nselect * from t limit 3;\n.mode box\nselect id, name from t limit 2;\n' | sqlite3 a.db
sqlite3 a.db 'select * from nosuch'; echo $?; sqlite3 a.db ".backup b.db"; cmp a.db b.db && echo same; head -c 3000 a.db >c.db; sqlite3 c.db 'select count(*) from t'; echo $?
(sqlite3 a.db "begin exclusive; select 'held'; " ".system sqlite3 a.db 'insert into t(name) values(1)'" "rollback;"); chmod 444 a.db
sqlite3 -readonly a.db "insert into t(name) values('no')"; echo $?; sqlite3 :memory: "select sqlite_version(), 6*7, upper('ä'), strftime('%Y','2024-01-01')"
python3 - <<"X"
import sqlite3, threading
def work(i):
    c = sqlite3.connect("p.db", timeout=30)
    for j in range(20):
        with c: c.execute("insert into t values (?, ?)", (i, j))
    c.close()
c = sqlite3.connect("p.db"); c.execute("create table t(i, j)"); c.commit()
ts = [threading.Thread(target=work, args=(i,)) for i in range(4)]
[t.start() for t in ts]; [t.join() for t in ts]
print(c.execute("select count(*), sum(i), sum(j) from t").fetchall())
X
cd /; rm -rf /tmp/s
