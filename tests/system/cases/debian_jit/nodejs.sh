# timeout 900
# Node.js: worker threads that share memory, the thread pool of libuv, child processes, local sockets, signals.
export LC_ALL=C.UTF-8; mkdir -p /tmp/nj; cd /tmp/nj
cat >w.js <<'J'
const { Worker, isMainThread, parentPort, workerData, MessageChannel, receiveMessageOnPort } = require('worker_threads');
if (isMainThread) {
    const shared = new Int32Array(new SharedArrayBuffer(64));
    const workers = [];
    let sum = 0, ended = 0;
    for (let i = 0; i < 4; i++) {
        const w = new Worker(__filename, { workerData: { shared, i } });
        w.on('message', (m) => { sum += m.sum; });
        w.on('error', (e) => console.log('error', e.message));
        w.on('exit', (code) => { ended += code; if (++shared[3] == 4) console.log('counter', shared[0], 'sum', sum, 'codes', ended); });
        workers.push(w);
    }
    const spins = new Worker('for (;;);', { eval: true });
    spins.on('online', () => spins.terminate().then((code) => console.log('terminated', code)));
    const { port1, port2 } = new MessageChannel();
    port1.postMessage({ a: [1, 2, new Map([[1, 2]])] });
    console.log(receiveMessageOnPort(port2).message); port1.close();
} else {
    const { shared, i } = workerData;
    for (let n = 0; n < 20000; n++) Atomics.add(shared, 0, 1);
    if (i == 0) { Atomics.store(shared, 1, 1); Atomics.notify(shared, 1); } else Atomics.wait(shared, 1, 0);
    const late = Atomics.wait(shared, 2, 0, 20);
    let sum = 0;
    for (let n = 0; n < 300000; n++) sum = (sum + n * (i + 1)) % 1000003;
    parentPort.postMessage({ sum, late });
    process.exitCode = i;
}
J
node w.js; echo "status $?"
cat >p.js <<'J'
const fs = require('fs'), crypto = require('crypto'), zlib = require('zlib'), net = require('net'), util = require('util'), cp = require('child_process');
const run = util.promisify(cp.execFile);
(async () => {
    const keys = await Promise.all([1, 2, 3, 4, 5, 6].map((n) => util.promisify(crypto.pbkdf2)('word' + n, 'salt', 300, 16, 'sha256')));
    console.log(keys.map((k) => k.toString('hex').slice(0, 6)).join(' '));
    const data = Buffer.from('abc'.repeat(50000));
    const packed = await util.promisify(zlib.gzip)(data);
    console.log((await util.promisify(zlib.gunzip)(packed)).equals(data));
    await Promise.all([...Array(50).keys()].map((n) => fs.promises.writeFile('f' + n, 'x'.repeat(n))));
    const sizes = await Promise.all([...Array(50).keys()].map((n) => fs.promises.stat('f' + n).then((s) => s.size)));
    console.log(sizes.reduce((a, b) => a + b), (await fs.promises.readdir('.')).length);
    await fs.promises.open('nothing').catch((e) => console.log(e.code, e.errno));
    console.log((await run('sh', ['-c', 'echo out; exit 0'])).stdout.trim());
    await run('sh', ['-c', 'exit 9']).catch((e) => console.log('code', e.code));
    console.log(cp.spawnSync('cat', { input: 'through a pipe' }).stdout.toString(), cp.spawnSync('sh', ['-c', 'kill -9 $$']).signal);
    await new Promise((done) => {
        const child = cp.fork('./child.js');
        child.on('message', (m) => { console.log('child says', m); child.send({ end: 3 }); });
        child.on('exit', (code, signal) => { console.log('child', code, signal); done(); });
    });
    await new Promise((done) => {
        const server = net.createServer((s) => { s.pipe(s); }).listen('sock', () => {
            const c = net.connect('sock', () => c.end('y'.repeat(300000)));
            let n = 0;
            c.on('data', (d) => { n += d.length; }).on('end', () => { console.log('echoed', n); server.close(done); });
        });
    });
    await new Promise((done) => {
        const w = fs.watch('.', (event, name) => { if (name == 'seen') { console.log('watched', event); w.close(); done(); } });
        fs.writeFileSync('seen', '');
    });
    process.on('SIGUSR2', () => { console.log('USR2'); clearInterval(alive); });
    const alive = setInterval(() => {}, 1000);
    process.kill(process.pid, 'SIGUSR2');
    process.on('exit', (c) => console.log('exit', c));
    process.exitCode = 4;
})();
J
echo "process.send({ hello: process.argv.length }); process.on('message', (m) => { process.exit(m.end); });" >child.js
node p.js; echo "status $?"
node -e 'setInterval(() => {}, 1000); process.kill(process.pid, "SIGTERM")'; echo "status $?"
node --max-old-space-size=60 -e 'let a = []; for (let i = 0; i < 300000; i++) { a.push({ i, s: "x" + i }); if (a.length > 5000) a = []; } console.log(a.length)'; echo "status $?"
echo 'console.log([...Array(5).keys()].map((x) => x * x).join())' | node -; seq 3 | node -e 'process.stdin.on("data", (d) => process.stdout.write(d))'
cd /; rm -rf /tmp/nj
