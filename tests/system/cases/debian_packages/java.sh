# timeout 1500
#include packages.inc
get default-jre-headless
java -version 2>&1 | sed 's/build .*/build/'
cat >Words.java <<'J'
import java.io.*;
import java.util.*;
import java.util.concurrent.*;
import java.util.zip.*;
public class Words {
    public static void main(String[] a) throws Exception {
        var pool = Executors.newFixedThreadPool(3);
        var sums = new ArrayList<Future<Long>>();
        for (int i = 0; i < 6; i++) { int n = i; sums.add(pool.submit(() -> { long s = 0; for (int k = 0; k < 10000; k++) s += k % (n + 2); return s; })); }
        for (var s : sums) System.out.print(s.get() + " ");
        pool.shutdown();
        var packed = new ByteArrayOutputStream();
        try (var z = new GZIPOutputStream(packed)) { z.write("word ".repeat(1000).getBytes()); }
        var back = new GZIPInputStream(new ByteArrayInputStream(packed.toByteArray())).readAllBytes();
        System.out.println(back.length + " " + (packed.size() < 200));
        var digest = java.security.MessageDigest.getInstance("SHA-256").digest(back);
        System.out.println(HexFormat.of().formatHex(digest) + " " + a[0]);
        System.exit(3);
    }
}
J
java -Xmx128m Words.java argument; echo "status $?"; keytool -list -cacerts -storepass changeit 2>&1 | grep -c trustedCertEntry
