# timeout 900
#include packages.inc
get nginx
nginx -v
rm /etc/nginx/sites-enabled/default
cat >/etc/nginx/conf.d/case.conf <<'N'
server { listen unix:/run/case.sock; root /var/www/html; location /files/ { autoindex on; alias /usr/share/nginx/; } }
N
nginx -t; echo "status $?"; nginx; echo "started $?"
cat >get.pl <<'P'
use IO::Socket::UNIX;
my $s = IO::Socket::UNIX->new(Peer => "/run/case.sock") or die "connect: $!";
print $s "GET $ARGV[0] HTTP/1.0\r\nHost: case\r\n\r\n";
while (<$s>) { s/\r//; print unless /^(Date|Last-Modified|ETag):/ }
P
perl get.pl /index.nginx-debian.html; perl get.pl /nothing | head -n 1; perl get.pl /files/ | grep -c href
head -c 3000000 /dev/zero >/var/www/html/large; perl get.pl /large | wc -c
nginx -s reload 2>/dev/null; perl get.pl / | head -n 1; cut -d'"' -f2 /var/log/nginx/access.log
nginx -s quit 2>/dev/null; for i in $(seq 300); do [ -e /run/nginx.pid ] || break; sleep 0.1; done; ls /run/nginx.pid; rm /var/www/html/large /etc/nginx/conf.d/case.conf
