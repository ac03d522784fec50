#!/bin/sh
# Makes the root file system of the image from Debian's packages and Node's: image/root.sh amd64|arm64 <new folder>
#
# The Dockerfile runs it and so do the tests, so what they see is what is shipped. It takes the packages of the Debian that it runs on, as apt
# has checked them, for any architecture and without emulation: nothing of what it unpacks is run. Needs apt, npm and root (for the owners).
set -eu

architecture=$1
root=$2
here=$(cd "$(dirname "$0")" && pwd)

case $architecture in
  amd64) node=x64 ;;
  arm64) node=arm64 ;;
  *) echo "image/root.sh: no image is made for $architecture, only for amd64 and arm64." >&2 && exit 1 ;;
esac
for program in apt-get dpkg-deb npm; do
  command -v "$program" >/dev/null || { echo "image/root.sh: there is no $program; run this on Debian, with npm." >&2 && exit 1; }
done

# What Node is linked with, and the certificates for those who tell it to use the system's (--use-system-ca). It has its own time zones.
packages='libc6 libgcc-s1 libstdc++6 libatomic1 ca-certificates'

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$root"
root=$(cd "$root" && pwd)

# Lists and packages of its own: the machine's stay as they are, whatever architecture is asked for.
debian() {
  apt-get -qq -o APT::Architecture="$architecture" -o APT::Architectures="$architecture" -o APT::Sandbox::User=root \
    -o Dir::State="$work/state" -o Dir::Cache="$work/cache" -o Acquire::Languages=none -o Acquire::Retries=3 "$@"
}
mkdir -p "$work/state/lists/partial" "$work/cache/archives/partial" "$work/packages"
echo "image: Debian's packages for $architecture …" >&2
debian update >&2
# shellcheck disable=SC2086
(cd "$work/packages" && debian download $packages >&2)
# It has the copyright notice of the libraries that come from gcc; its name has a version in it.
base=$(dpkg-deb --field "$work"/packages/libgcc-s1_*.deb Depends | grep -o 'gcc-[0-9]*-base')
(cd "$work/packages" && debian download "$base" >&2)

# As every Debian has it; libc6 of some releases relies on these links.
mkdir -p "$root/usr/lib" "$root/usr/lib64"
ln -s usr/lib "$root/lib"
ln -s usr/lib64 "$root/lib64"
mkdir -p "$root/var/lib/dpkg/status.d"
for package in "$work"/packages/*.deb; do
  # Libraries, certificates and copyright notices. No programs, no tables of character sets (Node has its own), no manuals, nothing for
  # debuggers.
  dpkg-deb --fsys-tarfile "$package" >"$work/package.tar"
  tar -x -f "$work/package.tar" -C "$root" --keep-directory-symlink --wildcards \
    --exclude='./usr/sbin' --exclude='./etc/ca-certificates' --exclude='*/gconv' --exclude='*/audit' --exclude='./usr/share/man' \
    --exclude='./usr/share/lintian' --exclude='./usr/share/gcc' --exclude='./usr/share/gdb' --exclude='*/examples' \
    --exclude='*/changelog*' --exclude='*/NEWS*' --exclude='*/README*' --exclude='*/libc_malloc_debug.so*' --exclude='*/libmemusage.so' \
    --exclude='*/libpcprofile.so' --exclude='*/libthread_db.so*'
  # Where scanners look for the packages of an image that has no dpkg.
  dpkg-deb --field "$package" >"$root/var/lib/dpkg/status.d/$(dpkg-deb --field "$package" Package)"
done
# What the package's script would do.
cat "$root"/usr/share/ca-certificates/mozilla/*.crt >"$root/etc/ssl/certs/ca-certificates.crt"
rm -r "$root/usr/share/ca-certificates"

echo "image: Node for $architecture …" >&2
cp "$here/package.json" "$here/package-lock.json" "$work"
(cd "$work" && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error --os=linux --cpu="$node" >&2)
mkdir -p "$root/usr/local/bin" "$root/usr/share/doc/node"
cp "$work/node_modules/node-linux-$node/bin/node" "$root/usr/local/bin/node"
cp "$work/node_modules/node-linux-$node/LICENSE" "$root/usr/share/doc/node/copyright"

# The user, and names from /etc/hosts before those from DNS.
printf 'root:x:0:0:root:/:/nologin\nnonroot:x:65532:65532:nonroot:/:/nologin\n' >"$root/etc/passwd"
printf 'root:x:0:\nnonroot:x:65532:\n' >"$root/etc/group"
echo 'hosts: files dns' >"$root/etc/nsswitch.conf"
# For those who run it without a read-only root or mounts of their own.
mkdir -p "$root/app" "$root/run" "$root/proc" "$root/sys" "$root/dev" "$root/tmp"
ln -s /run "$root/var/run"
chmod 1777 "$root/tmp"
