# timeout 3600
# A real program of 86,000 lines, by make -j4: the same bytes come out, and they work.
set -e
mkdir /tmp/make; cd /tmp/make; tar xf /libzstd.orig.tar; cd zstd-*
cat lib/*/*.[chS] lib/*.h programs/*.[ch] | wc -l
make -j4 -C programs zstd CFLAGS=-O1 HAVE_ZLIB=0 HAVE_LZMA=0 HAVE_LZ4=0 >../log 2>&1 || { tail -20 ../log; exit 1; }
sort ../log | sed 's/ (.*//' | sha256sum
sha256sum programs/zstd
make -j4 -C programs zstd CFLAGS=-O1 HAVE_ZLIB=0 HAVE_LZMA=0 HAVE_LZ4=0 | sort | tail -3
tar cf ../t lib/compress; programs/zstd -q -12 -T4 ../t -o ../t.zst; ls -s ../t.zst | wc -w
programs/zstd -q -d ../t.zst -o ../u; cmp ../t ../u; programs/zstd -lv ../t.zst | grep -i 'check\|Decompressed'
cd /; rm -rf /tmp/make
