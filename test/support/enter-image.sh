#!/bin/sh
# Runs a program in an image's root as a container runtime would: nothing but this root, read only, with /proc and a few devices; as the user
# of the image, without a way to more rights.
#   enter-image.sh <root> <PATH in the image> <uid:gid> <pod's folder, or ""> program argument...
# The pod's folder has what a kubelet would mount (tokens, certificates); it is seen under the same path, as it is now.
set -eu
if [ -z "${AKS_NOTIFIER_OWN_MOUNTS:-}" ]; then
  AKS_NOTIFIER_OWN_MOUNTS=yes exec unshare --mount --propagation=private "$0" "$@"
fi
unset AKS_NOTIFIER_OWN_MOUNTS
root=$1 path=$2 user=$3 pod=$4
shift 4

mount --bind "$root" "$root"
mount --bind /proc "$root/proc"
mount -t tmpfs -o size=64k,mode=755 devices "$root/dev"
for device in null zero urandom; do
  touch "$root/dev/$device"
  mount --bind "/dev/$device" "$root/dev/$device"
done
mount -t tmpfs -o size=4m,mode=1777 temporary "$root/tmp"
if [ -n "$pod" ]; then
  mkdir -p "$root$pod"
  cp -R "$pod/." "$root$pod"
  chown -R "$user" "$root$pod"
fi
mount -o remount,ro "$root/tmp"
mount -o remount,bind,ro "$root"
PATH=$path exec /usr/bin/setpriv --no-new-privs /usr/sbin/chroot --groups= --userspec="$user" "$root" "$@"
