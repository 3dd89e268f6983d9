#!/usr/bin/env bash
# Builds the container image of the last commit with buildah (no engine, no daemon) and runs it as the cluster would: another user
# than root, a read-only root file system, /data alone writable. As no image registry is asked, the base image is made by
# debootstrap from Debian's packages: the same distribution as the Dockerfile's base, not the same bytes.
# Needs root, and Debian's mirror as apt has it. BASE_ROOT=DIR: a root file system of Debian 12 to start from.
# Ends on "image: N passed, N failed, N skipped".
set -uo pipefail
cd "$(dirname "$0")/.."
. tests/support/counts.sh
base=${BASE_ROOT:-$PWD/out/debian-12}
work=$(mktemp -d)
server=
cleanup() {
  [ -z "$server" ] || kill "$server" 2>/dev/null
  buildah_ rm --all >/dev/null 2>&1
  umount -l "$work/storage/overlay" 2>/dev/null
  rm -rf --one-file-system "$work"
}
buildah_() { buildah --root "$work/storage" --runroot "$work/run" --storage-driver "$driver" "$@"; }
give_up() { # name, findings
  verdict "$1" "$2"
  finish image
  exit 1
}

[ "$(id -u)" -eq 0 ] || give_up "root" "this check mounts and changes user: run it as root"
deploy/install.sh image || give_up "packages" "cannot install section [image]"
mkdir -p out
trap cleanup EXIT
driver=vfs
mkdir "$work/a" "$work/b" "$work/c" "$work/d"
if mount -t overlay overlay -o "lowerdir=$work/a,upperdir=$work/b,workdir=$work/c" "$work/d" 2>/dev/null; then
  umount "$work/d"
  driver=overlay
fi

if [ ! -e "$base/etc/debian_version" ]; then
  rm -rf "$base"
  mirror=$(cat /etc/apt/sources.list /etc/apt/sources.list.d/* 2>/dev/null | grep -oE 'https?://[^ ]+/debian/?( |$)' | head -1 | tr -d ' ')
  debootstrap --variant=minbase --include=ca-certificates bookworm "$base" "$mirror" >"$work/log" 2>&1 ||
    give_up "base image" "$(tail -5 "$work/log")"
  cp -a /etc/apt/apt.conf.d/. "$base/etc/apt/apt.conf.d/"
fi
container=$(buildah_ from scratch) && buildah_ add -q "$container" "$base" / >/dev/null &&
  buildah_ commit -q --rm "$container" debian-check >/dev/null || give_up "base image" "buildah cannot make it"

mkdir "$work/context"
git archive HEAD | tar -x -C "$work/context"
if ! buildah_ build --isolation chroot --build-arg BASE=localhost/debian-check -t jobgate -f deploy/Dockerfile \
  --ignorefile deploy/Dockerfile.dockerignore "$work/context" >out/image.log 2>&1; then
  give_up "build" "$(tail -40 out/image.log)"
fi
verdict build ""

config() { buildah_ inspect --type image --format "$1{{println}}" jobgate | sed '/^$/d'; }
verdict "user" "$(diff <(config '{{.OCIv1.Config.User}}') <(echo 65532:65532))"
verdict "command" "$(diff <(config '{{.OCIv1.Config.Entrypoint}} {{.OCIv1.Config.Cmd}}') <(echo '[jobgate] [serve]'))"
container=$(buildah_ from localhost/jobgate)
root=$(buildah_ mount "$container")
verdict "every shared library is there" "$(chroot "$root" ldd /usr/local/bin/jobgate | grep 'not found')"
verdict "no compiler, no build system" "$(chroot "$root" dpkg-query -W -f '${Package}\n' | grep -E '^(gcc|g\+\+|clang|cpp)(-[0-9]+)?$|^(bazel|openjdk|make|libc6-dev)')"
verdict "nothing owned by the program's user but /data" "$(find "$root" -xdev -user 65532 ! -path "$root/data")"
echo "the image holds $(du -sxm "$root" | cut -f1) MiB"

# As the pod runs it: nothing writable but the volume, no capability, another user.
mkfifo "$work/ready"
mapfile -t environment < <(config '{{range .OCIv1.Config.Env}}{{println .}}{{end}}')
unshare --mount bash -c '
  root=$1 && shift
  mount --bind "$root" "$root" && mount -o remount,bind,ro "$root" && mount --rbind /dev "$root/dev" && mount --rbind /proc "$root/proc" &&
    mount -t tmpfs -o uid=65532,gid=65532,mode=750 tmpfs "$root/data" && exec env -i "$@"' - "$root" "${environment[@]}" \
  JOBGATE_GRPC=0.0.0.0:0 JOBGATE_HTTP=0.0.0.0:0 JOBGATE_ADMIN=0.0.0.0:0 chroot "$root" sh -c 'cd /data && exec setpriv --reuid 65532 \
    --regid 65532 --clear-groups --bounding-set=-all --inh-caps=-all --no-new-privs jobgate serve' \
  >"$work/ready" 2>out/image-server.log &
server=$!
if read -r -t 60 ready <"$work/ready"; then
  admin=127.0.0.1:$(sed -n 's/.*"admin":"[^"]*:\([0-9]*\)".*/\1/p' <<<"$ready")
  http=127.0.0.1:$(sed -n 's/.*"http":"[^"]*:\([0-9]*\)".*/\1/p' <<<"$ready")
  verdict_of "/livez" curl -sSf --max-time 10 "http://$admin/livez"
  verdict_of "/readyz" curl -sSf --max-time 10 "http://$admin/readyz"
  verdict "strangers are refused" "$(diff <(curl -sS --max-time 10 -o /dev/null -w '%{http_code}\n' "http://$http/api/Jobs") <(echo 401))"
  verdict_of "a user is added" nsenter --target "$server" --mount chroot "$root" env -i "${environment[@]}" setpriv --reuid 65532 \
    --regid 65532 --clear-groups jobgate user add ada@north --password-file - <<<secret
  verdict_of "/api/Jobs" curl -sSf --max-time 10 -u ada:secret@north "http://$http/api/Jobs"
  verdict "runs as 65532" "$(diff <(awk '/^Uid/ { print $2 }' "/proc/$server/status") <(echo 65532))"
  verdict "has no capability" "$(diff <(awk '/^CapEff/ { print $2 }' "/proc/$server/status") <(echo 0000000000000000))"
  kill -TERM "$server"
  wait "$server"
  verdict "drains on SIGTERM" "$(diff <(echo $?) <(echo 0))"
  server=
else
  verdict "starts" "$(tail -20 out/image-server.log)"
fi
finish image
