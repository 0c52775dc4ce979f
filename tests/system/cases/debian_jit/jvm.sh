# timeout 1500
# A JVM: threads that wait and signal, four garbage collectors, signals that its compiler relies upon, processes, sockets, its end by a signal.
export LC_ALL=C.UTF-8; mkdir -p /tmp/jv; cd /tmp/jv
cat >T.java <<'J'
import java.net.*;
import java.nio.*;
import java.nio.channels.*;
import java.nio.file.*;
import java.util.*;
import java.util.concurrent.*;
import java.util.concurrent.atomic.*;
import java.util.concurrent.locks.*;
import java.util.stream.*;

public class T {
    static int depth;
    static void deeper() { depth++; deeper(); }
    static long turns;
    static void monitors() throws Exception {
        Object lock = new Object();
        int[] turn = {0};
        Thread[] threads = new Thread[4];
        for (int i = 0; i < 4; i++) {
            int me = i;
            threads[i] = new Thread(() -> {
                for (int n = 0; n < 200; n++) synchronized (lock) {
                    try { while (turn[0] % 4 != me) lock.wait(); } catch (InterruptedException e) { return; }
                    turn[0]++; turns = turns * 31 + me; lock.notifyAll();
                }
            });
            threads[i].start();
        }
        for (Thread t : threads) t.join();
        System.out.println("turns " + turn[0] + " " + turns);
    }
    static void executors() throws Exception {
        ExecutorService pool = Executors.newFixedThreadPool(6);
        List<Future<Long>> all = new ArrayList<>();
        ConcurrentHashMap<Integer, LongAdder> seen = new ConcurrentHashMap<>();
        for (int i = 0; i < 60; i++) {
            int n = i;
            all.add(pool.submit(() -> {
                long sum = 0;
                for (int k = 0; k < 3000; k++) { sum += k ^ n; seen.computeIfAbsent(k % 16, x -> new LongAdder()).increment(); }
                return sum;
            }));
        }
        long sum = 0;
        for (Future<Long> f : all) sum += f.get();
        pool.shutdown();
        System.out.println("pool " + sum + " " + pool.awaitTermination(60, TimeUnit.SECONDS) + " " + seen.get(3));
        System.out.println("parallel " + IntStream.range(0, 200000).parallel().mapToLong(x -> x * 3L).sum());
        SynchronousQueue<Integer> queue = new SynchronousQueue<>();
        Thread giver = new Thread(() -> { try { for (int i = 0; i < 300; i++) queue.put(i); } catch (InterruptedException e) { } });
        giver.start();
        int got = 0;
        for (int i = 0; i < 300; i++) got += queue.take();
        giver.join();
        ReentrantLock lock = new ReentrantLock(true);
        Condition never = lock.newCondition();
        lock.lock();
        System.out.println("handed over " + got + ", awaited " + never.await(20, TimeUnit.MILLISECONDS));
        Thread parked = new Thread(LockSupport::park);
        parked.start(); while (parked.getState() != Thread.State.WAITING) Thread.yield();
        parked.interrupt(); parked.join();
        System.out.println("interrupted out of park");
    }
    static void faults() {
        int caught = 0;
        int[] nothing = null;
        for (int i = 0; i < 3000; i++) try { caught += nothing[i]; } catch (NullPointerException e) { caught++; }
        int zero = 0;
        try { caught = caught / zero; } catch (ArithmeticException e) { System.out.println(e.getMessage()); }
        try { deeper(); } catch (StackOverflowError e) { System.out.println("deep " + (depth > 1000)); }
        try { long[][] much = new long[100000][]; for (int i = 0; i < much.length; i++) much[i] = new long[1 << 20]; }
        catch (OutOfMemoryError e) { System.out.println("out of memory"); }
        System.out.println("null " + caught);
    }
    static void garbage() {
        Map<Integer, byte[]> kept = new HashMap<>();
        long n = 0;
        for (int i = 0; i < 40000; i++) { byte[] b = new byte[1000 + i % 500]; b[7] = (byte) i; kept.put(i % 700, b); n += b.length; }
        System.gc();
        System.out.println("garbage " + n + " " + kept.size() + " " + kept.get(699)[7]);
    }
    static void outside() throws Exception {
        Process p = new ProcessBuilder("sh", "-c", "read x; echo got $x; echo err >&2; exit 5").redirectErrorStream(true).start();
        p.getOutputStream().write("line\n".getBytes()); p.getOutputStream().close();
        System.out.print(new String(p.getInputStream().readAllBytes()));
        System.out.println("status " + p.waitFor());
        Process sleeps = new ProcessBuilder("sleep", "100").start();
        sleeps.destroy();
        System.out.println("destroyed " + sleeps.waitFor() + " " + sleeps.isAlive());
        Path file = Path.of("mapped");
        try (FileChannel c = FileChannel.open(file, StandardOpenOption.CREATE, StandardOpenOption.READ, StandardOpenOption.WRITE)) {
            MappedByteBuffer m = c.map(FileChannel.MapMode.READ_WRITE, 0, 8192);
            m.put(5000, (byte) 42); m.force();
            ByteBuffer one = ByteBuffer.allocate(1);
            c.read(one, 5000);
            System.out.println("mapped " + one.get(0) + " " + c.size());
            try (FileLock l = c.tryLock(0, 10, false)) { System.out.println("locked " + l.isValid()); }
        }
        Files.writeString(Path.of("lines"), "b\na\nc\n");
        System.out.println(Files.readAllLines(Path.of("lines")).stream().sorted().collect(Collectors.joining(",")));
        try { Files.delete(Path.of("nothing")); } catch (NoSuchFileException e) { System.out.println("no " + e.getMessage()); }
        UnixDomainSocketAddress address = UnixDomainSocketAddress.of("sock");
        try (ServerSocketChannel server = ServerSocketChannel.open(StandardProtocolFamily.UNIX); Selector selector = Selector.open()) {
            server.bind(address);
            Thread client = new Thread(() -> {
                try (SocketChannel s = SocketChannel.open(address)) { s.write(ByteBuffer.wrap("hello".getBytes())); }
                catch (Exception e) { System.out.println(e); }
            });
            client.start();
            try (SocketChannel s = server.accept()) {
                s.configureBlocking(false); s.register(selector, SelectionKey.OP_READ);
                ByteBuffer in = ByteBuffer.allocate(100);
                while (s.read(in) >= 0) selector.select(1000);
                System.out.println("socket " + new String(in.array(), 0, in.position()));
            }
            client.join();
        }
        try (WatchService watch = FileSystems.getDefault().newWatchService()) {
            Files.createDirectory(Path.of("watched"));
            Path.of("watched").register(watch, StandardWatchEventKinds.ENTRY_CREATE, StandardWatchEventKinds.ENTRY_DELETE);
            Files.createFile(Path.of("watched/f")); 
            WatchKey key = watch.poll(30, TimeUnit.SECONDS);
            for (WatchEvent<?> e : key.pollEvents()) System.out.println("watched " + e.kind() + " " + e.context());
        }
    }
    public static void main(String[] a) throws Exception {
        if (a.length == 0) { monitors(); executors(); faults(); garbage(); outside(); System.exit(7); }
        else if (a[0].equals("gc")) { garbage(); executors(); }
        else {
            Runtime.getRuntime().addShutdownHook(new Thread(() -> System.out.println("hook")));
            Files.createFile(Path.of("ready"));
            new CountDownLatch(1).await();
        }
    }
}
J
cat >C.java <<'J'
public class C { public static void main(String[] a) { System.exit(javax.tools.ToolProvider.getSystemJavaCompiler().run(null, null, null, a)); } }
J
java -XX:TieredStopAtLevel=1 C.java T.java; echo "compiled $?"
java -Xmx64m T; echo "status $?"
for gc in Serial Parallel G1 Z; do java -Xmx64m -XX:+Use${gc}GC T gc; echo "$gc $?"; done
java -Xint T wait >dump & p=$!; for i in $(seq 600); do [ -e ready ] && break; sleep 0.1; done
kill -QUIT $p; kill -TERM $p; wait $p; echo "status $?"; grep -c 'CountDownLatch.await' dump; tail -n 1 dump
cd /; rm -rf /tmp/jv
