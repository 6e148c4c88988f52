# What the scripts beside this file share. Sourced, never run.

set -euo pipefail
shopt -s inherit_errexit

readonly program="${program:-${0##*/}}"

# Built and unpacked programs are kept here, outside the checkout, so that a fresh clone does not pay for them again.
readonly cache="${CLUSTER_AGENT_CACHE:-/var/cache/cluster-agent}"

say() {
    printf '%s: %s\n' "$program" "$*" >&2
}

die() {
    say "error: $*"
    exit 1
}

# Sleeps without a process, and no longer than until a signal comes: nobody ever writes to the pipe it reads from.
pause() {
    [[ -n ${never:-} ]] || exec {never}<> <(:)
    read -r -t "$1" -u "$never" _ || true
}

# A port below the range from which the kernel picks ports for outgoing connections, on which nobody listens now.
free_port() {
    local port
    for _ in {1..100}; do
        port=$((20000 + RANDOM % 12000))
        if ! (exec 8<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then
            printf '%s\n' "$port"
            return
        fi
    done
    die "found no free port on 127.0.0.1 in 100 tries"
}

# spawn LOG COMMAND...: starts it in the background, as $!. The kernel ends it when this shell dies, however it dies.
spawn() {
    local log=$1
    shift
    setpriv --pdeathsig TERM "$@" </dev/null >>"$log" 2>&1 &
}

# end PID: SIGTERM, and SIGKILL if it takes more than 10 seconds.
end() {
    local pid=$1 start=$SECONDS
    kill -TERM "$pid" 2>/dev/null || true
    # A stopped process takes no SIGTERM.
    kill -CONT "$pid" 2>/dev/null || true
    while kill -0 "$pid" 2>/dev/null; do
        ((SECONDS - start < 10)) || kill -KILL "$pid" 2>/dev/null || true
        pause 0.05
    done
    wait "$pid" 2>/dev/null || true
}

# Ends with a message that tells what to do, unless the caller may change the system.
need_root() {
    ((EUID == 0)) || die "$1 needs root: run it as root, or with sudo"
}

need_debian() {
    command -v apt-get >/dev/null && command -v dpkg-query >/dev/null ||
        die "this needs Debian 12: there is no apt-get here; install by hand what Tests/README.md lists"
}

# apt-get that asks nothing and waits for whoever else holds dpkg's lock.
apt() {
    DEBIAN_FRONTEND=noninteractive apt-get --quiet=2 -o DPkg::Lock::Timeout=900 -o Acquire::Retries=3 \
        -o Dpkg::Use-Pty=0 "$@"
}

# Reads the package lists. Their lock is not covered by DPkg::Lock::Timeout, hence the loop. One source that cannot be
# read is no reason to stop: what matters is whether the package that we want is found afterwards.
apt_update() {
    local output
    for _ in {1..180}; do
        if output=$(apt "$@" update 2>&1); then
            return 0
        fi
        if [[ $output != *"Could not get lock"* ]]; then
            say "warning: apt-get update: ${output##*$'\n'}"
            return 0
        fi
        sleep 5
    done
    die "apt-get update: another program has held the lock of the package lists for 15 minutes; end it and try again"
}

# Prints those of the given packages that are not installed.
missing_packages() {
    local name
    for name in "$@"; do
        [[ $(dpkg-query --show --showformat='${db:Status-Status}' "$name" 2>/dev/null) == installed ]] ||
            printf '%s\n' "$name"
    done
}

# Installs the given Debian packages; does nothing, and needs nothing, when all are there.
install_packages() {
    local missing
    need_debian
    mapfile -t missing < <(missing_packages "$@")
    ((${#missing[@]})) || return 0
    need_root "installing Debian packages (${missing[*]})"
    say "installing ${missing[*]}"
    apt_update
    quietly "apt-get could not install ${missing[*]}" apt install --yes --no-install-recommends "${missing[@]}"
}

# quietly MESSAGE COMMAND...: shows what the command says only if it fails, and ends with the message then.
quietly() {
    local message=$1 output
    shift
    output=$("$@" 2>&1 </dev/null) || {
        printf '%s\n' "$output" | tail --lines=40 >&2
        die "$message; what it said is above"
    }
}

# Downloads one Debian package without installing it (so that no service of it starts) and unpacks it into a directory.
unpack_package() {
    local name=$1 directory=$2
    mkdir -p "$directory"
    chmod 755 "$directory"
    apt_update
    cd "$directory"
    quietly "apt-get could not download $name, a package of Debian 12 (bookworm)" \
        apt -o APT::Sandbox::User=root download "$name"
    cd - >/dev/null
    dpkg-deb --extract "$directory/$name"_*.deb "$directory"
}

# Sets `toolchain` to the directory that holds bin/swift.
find_toolchain() {
    local swift
    swift=$(command -v swift) || die "there is no swift in PATH: install the Swift toolchain first"
    toolchain=$(dirname "$(dirname "$(readlink --canonicalize "$swift")")")
    [[ $toolchain != /usr ]] ||
        die "the Swift toolchain is spread over /usr; this needs one in a directory of its own, such as /opt/swift/usr"
}

# Prints the machine's sources of Debian packages as `deb` lines.
package_sources() {
    apt-get indextargets --format 'deb $(REPO_URI) $(RELEASE) $(COMPONENT)' 'Created-By: Packages' 'Origin: Debian' |
        sort --unique
}

# make_debian_root DIR PACKAGE...: a bare Debian 12 with these packages, which reaches packages as this machine does.
make_debian_root() {
    local root=$1 release=bookworm mirror include
    shift
    mirror=$(package_sources | awk -v release="$release" '$3 == release { print $2; exit }')
    [[ -n $mirror ]] || die "apt has no source for Debian 12 ($release) on this machine"
    include=$(IFS=,; printf %s "$*")
    quietly "debootstrap failed" debootstrap --variant=minbase --include="$include" "$release" "$root" "$mirror"
    package_sources >"$root/etc/apt/sources.list"
    # How this machine reaches its mirror: proxy, certificates, time-outs.
    apt-config dump | grep '^Acquire::' | grep --invert-match '^Acquire::IndexTargets' \
        >"$root/etc/apt/apt.conf.d/90machine" || true
    cp --dereference /etc/resolv.conf /etc/hosts "$root/etc/"
    if [[ -d /usr/local/share/ca-certificates ]]; then
        cp -r /usr/local/share/ca-certificates "$root/usr/local/share/"
    fi
}

# Runs a function that makes a file or a folder in the cache, once: `make_once FILE FUNCTION`. The function gets a scratch
# directory and must leave the result in it as `result`. Others who need the same file wait for the first.
make_once() {
    local file=$1 make=$2 scratch
    if [[ ! -x $file ]]; then
        mkdir -p "$cache" 2>/dev/null && [[ -w $cache ]] ||
            die "cannot write to the cache $cache: run as root, or set CLUSTER_AGENT_CACHE to a directory of yours"
        (
            exec 9>"$file.lock"
            flock --exclusive --timeout 3600 9 || die "waited an hour for the lock $file.lock"
            [[ ! -x $file ]] || exit 0
            scratch=$(mktemp --directory "$cache/scratch.XXXXXXXX")
            # Go marks the directories of its module cache read-only.
            trap 'chmod -R u+w "$scratch"; rm -rf "$scratch"' EXIT
            trap 'exit 130' INT TERM
            "$make" "$scratch"
            chmod 755 "$scratch/result"
            mv "$scratch/result" "$file"
        )
    fi
    printf '%s\n' "$file"
}
