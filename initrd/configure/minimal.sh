# Runs inside the guest of the minimal profile: our own pkg configures what it unpacked.
set -e
echo "== configuring"
pkg configure
rm -rf /tmp/* /var/tmp/*
