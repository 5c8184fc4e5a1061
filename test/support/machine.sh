#!/bin/sh
# The inside of machine.ts, in three stages that call each other:
#   hold   in a mount namespace of its own: groups in each cgroup hierarchy, and their end
#   enter  in those groups: the other namespaces
#   boot   PID 1 there: the root, then systemd in our place
# FOLDER has what outlives a boot; NAME is the groups'. Nothing is mounted or written outside of FOLDER and those groups.
set -eu
stage=$1 folder=$2 name=$3
root=$folder/root
# A PID 1 that asks for a reboot of its namespace ends by SIGHUP.
REBOOT=129

# By line the folder's name of each: v1's after what it has, v2's is "unified". No cpuset: a new group of it takes nobody.
hierarchies() {
  cut -d: -f2 /proc/self/cgroup | grep -v cpuset | sed -e 's/^name=//' -e 's/^$/unified/'
}

mount_hierarchy() {
  case $1 in
    unified) mount -t cgroup2 cgroup "$2" ;;
    *) mount -t cgroup -o "$(grep -q ":name=$1:" /proc/self/cgroup && echo none,name=)$1" cgroup "$2" ;;
  esac
}

hold() {
  for hierarchy in $(hierarchies); do
    mkdir -p "$folder/cgroup/$hierarchy"
    mount_hierarchy "$hierarchy" "$folder/cgroup/$hierarchy"
    mkdir "$folder/cgroup/$hierarchy/$name"
  done
  # Killed is the PID 1 in there: with it goes all that runs, before unshare ends.
  trap 'kill -KILL $(cat "/proc/$child/task/$child/children") 2>/dev/null || kill -KILL $child || :' TERM
  status=$REBOOT
  while [ $status = $REBOOT ]; do
    sh "$0" enter "$folder" "$name" &
    child=$!
    while kill -0 $child 2>/dev/null; do wait $child && status=0 || status=$?; done
  done
  for hierarchy in $(hierarchies); do
    find "$folder/cgroup/$hierarchy/$name" -depth -type d -exec rmdir {} +
    umount "$folder/cgroup/$hierarchy"
  done
}

enter() {
  for hierarchy in $(hierarchies); do echo $$ >"$folder/cgroup/$hierarchy/$name/cgroup.procs"; done
  exec unshare --pid --fork --kill-child --mount --uts --ipc --net --cgroup sh "$0" boot "$folder" "$name"
}

boot() {
  mkdir -p "$root"
  mount --bind "$root" "$root"
  for top in usr etc var; do
    mkdir -p "$root/$top" "$folder/upper/$top" "$folder/work/$top"
    mount -t overlay -o "lowerdir=/$top,upperdir=$folder/upper/$top,workdir=$folder/work/$top" overlay "$root/$top"
  done
  for link in bin sbin lib lib32 lib64 libx32; do
    [ ! -L "/$link" ] || ln -sfn "$(readlink "/$link")" "$root/$link"
  done
  others
  own_folders
  devices
  cd "$root"
  mkdir -p old
  pivot_root . old
  umount --lazy old
  exec env -i container=shoal-test PATH=/usr/sbin:/usr/bin LANG=C.UTF-8 /lib/systemd/systemd
}

# Folders that the test names, at other places there: lines of where a tab and what, in $folder/folders.
others() {
  while IFS="	" read -r place lower; do
    mkdir -p "$root$place" "$folder/upper$place" "$folder/work$place"
    mount -t overlay -o "lowerdir=$lower,upperdir=$folder/upper$place,workdir=$folder/work$place" overlay "$root$place"
  done <"$folder/folders"
}

# What is not to be this machine's: services that it has enabled, its disks, and data that an overlay cannot hold.
own_folders() {
  for top in proc sys dev run; do mkdir -p "$root/$top"; done
  for top in tmp root srv home opt; do mkdir -p "$root/$top"; done
  chmod 1777 "$root/tmp"
  for path in var/lib/docker var/lib/containerd var/lib/docker-registry var/log; do
    [ -d "$folder/own/$path" ] || { mkdir -p "$folder/own/$path" && chmod 0755 "$folder/own/$path"; }
    mkdir -p "$root/$path"
    mount --bind "$folder/own/$path" "$root/$path"
  done
  [ -d "$folder/upper/etc/systemd/system" ] || { rm -rf "$root/etc/systemd/system" && mkdir "$root/etc/systemd/system"; }
  : >"$root/etc/fstab"
  echo "$name" >"$root/etc/hostname"
  mkdir -p "$root/etc/systemd/system-generators"
  ln -sfn /dev/null "$root/etc/systemd/system-generators/systemd-sysv-generator"
  for unit in systemd-modules-load.service systemd-journald-audit.socket getty.target; do
    ln -sfn /dev/null "$root/etc/systemd/system/$unit"
  done
}

devices() {
  mount -t proc proc "$root/proc"
  # The kernel's settings are everybody's, but for the network's.
  mount --bind "$root/proc/sys" "$root/proc/sys"
  mount --bind "$root/proc/sys/net" "$root/proc/sys/net"
  mount -o remount,bind,ro "$root/proc/sys"
  mount -t sysfs -o ro sysfs "$root/sys"
  mount -t tmpfs -o mode=0755 run "$root/run"
  mount -t tmpfs -o mode=0755 dev "$root/dev"
  mkdir "$root/dev/pts" "$root/dev/shm"
  mount -t devpts -o newinstance,ptmxmode=0666,mode=0620 devpts "$root/dev/pts"
  mount -t tmpfs shm "$root/dev/shm"
  ln -s pts/ptmx "$root/dev/ptmx"
  ln -s /proc/self/fd "$root/dev/fd"
  for device in null zero full random urandom tty; do
    mknod -m 0666 "$root/dev/$device" c $((0x$(stat -c %t "/dev/$device"))) $((0x$(stat -c %T "/dev/$device")))
  done
  ln -s null "$root/dev/console"
  groups="$root/sys/fs/cgroup"
  if [ "$(hierarchies)" = unified ]; then mount_hierarchy unified "$groups"; return; fi
  mount -t tmpfs -o mode=0755 cgroup "$groups"
  for hierarchy in $(hierarchies); do
    mkdir "$groups/$hierarchy"
    mount_hierarchy "$hierarchy" "$groups/$hierarchy"
  done
}

"$stage"
